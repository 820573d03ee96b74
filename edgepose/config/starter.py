"""The first configuration of a device: commented YAML, written from a few answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from edgepose.system.paths import folders
from edgepose.yamldoc.marks import flow

COLUMN: Final = 32  # where comments begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a first configuration is made of.

    source: the keys of its section. name: of the watch. definition: name or file of its template
    or exercise. is_hold: the exercise counts seconds. relay: number of the GPIO line, None for
    none. broker: `host` or `host:port`.
    """

    source: Mapping[str, Any]
    kind: Literal["pose", "exercise"]
    name: str
    definition: str
    is_hold: bool = False
    relay: int | None = None
    broker: str = ""
    has_page: bool = True
    port: int = 8080
    has_screen: bool = False


def starter(answers: Answers, path: Path) -> str:
    """Return the text of a configuration, to be written to `path`."""
    sections = (_head(path), _source(answers.source), _watch(answers), _outputs(answers))
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _head(path: Path) -> Iterator[str]:
    for folder in folders("configs", "schemas")[:1]:
        yield f"# yaml-language-server: $schema={folder / 'config.json'}"
    yield "# Written by `edgepose init`. Change what differs on your wall; afterwards:"
    checks, runs = f"edgepose check-config {path}", f"edgepose run {path}"
    yield f"#   {checks}   names every mistake by its line"
    yield f"#   {runs:<{len(checks)}}   runs it until Ctrl-C"
    for folder in folders("configs")[:1]:
        yield f"# Every option, with its default: {folder / 'reference.yaml'}"
    yield "version: 1"
    yield _commented("# name: lobby", "of this device in events; unset: the host's name")


def _source(keys: Mapping[str, Any]) -> Iterator[str]:
    yield "source:"
    for key, value in keys.items():
        yield _commented(f"  {key}: {flow(value)}", _OF_SOURCE.get(f"{keys['type']}.{key}", ""))
    if keys["type"] in ("v4l2", "picamera2", "stream"):
        yield _commented("  # rotate: 90", "if the camera hangs on its side: degrees clockwise")
    yield ""
    yield _commented(
        "# model: {name: NAME}", "unset: the best here; see: edgepose models recommend"
    )


_OF_SOURCE: Final = {
    "video.type": "a USB camera instead: {type: v4l2, device: /dev/video0}",
    "video.loop": "start again at the end",
    "v4l2.device": "a name under /dev/v4l/by-id survives replugging",
    "picamera2.camera": "number as in: rpicam-hello --list-cameras",
    "stream.url": "${NAME} in it takes a password from the environment",
}


def _watch(answers: Answers) -> Iterator[str]:
    yield "watch:"
    yield f"  {answers.name}:"
    yield from _pose(answers) if answers.kind == "pose" else _exercise(answers)


def _pose(answers: Answers) -> Iterator[str]:
    teach = "teach your own: edgepose template capture NAME"
    yield _commented(f"    template: {flow(answers.definition)}", teach)
    yield _commented("    enter: 0.85", "score from which the pose counts as taken")
    yield _commented("    exit: 0.7", "and below which as left")
    yield _commented("    hold: 0.3", "seconds to hold it until it fires")


def _exercise(answers: Answers) -> Iterator[str]:
    yield _commented(f"    exercise: {flow(answers.definition)}", "others: edgepose exercise list")
    goal, what = (30, "seconds") if answers.is_hold else (10, "repetitions")
    yield _commented(f"    goal: {goal}", f"{what} in a set")
    yield _commented("    rest: 5.0", "seconds of peace after which a set has ended")


def _outputs(answers: Answers) -> Iterator[str]:
    yield "outputs:"
    yield "  # One JSON object an event; `edgepose report events.jsonl` draws what was done."
    yield "  log: {type: jsonl, path: events.jsonl, max_mb: 10}"
    if answers.has_page:
        yield "  # Behind a token that `edgepose run` shows. host: 127.0.0.1 is this machine alone."
        yield f"  page: {{type: web, host: 0.0.0.0, port: {answers.port}}}"
    if answers.has_screen:
        qr = ", qr: true" if answers.has_page else ""
        yield "  # Full screen on a display or a desktop."
        yield f"  screen: {{type: hdmi, mirror: true{qr}}}"
    if answers.relay is not None:
        yield from _relay(answers)
    if answers.broker:
        yield from _broker(answers.broker)


def _relay(answers: Answers) -> Iterator[str]:
    is_level = answers.kind == "pose" or answers.is_hold
    when = "while it is held" if is_level else "for a moment at each repetition"
    mode = "level" if is_level else "pulse"
    yield f"  # On {when}. line: number of the GPIO, not of the header's pin."
    yield "  # Many relay boards want active_low: true."
    yield "  relay:"
    yield (
        f"    {{type: gpio, line: {answers.relay}, when: {answers.name}, mode: {mode}, "
        "active_low: false}"
    )


def _broker(place: str) -> Iterator[str]:
    host, _, port = place.partition(":")
    yield "  # Home Assistant finds the device by itself. With a login: user, and password:"
    yield "  # ${EDGEPOSE_MQTT_PASSWORD}, which comes from the environment."
    yield f"  broker: {{type: mqtt, host: {flow(host)}{f', port: {port}' if port else ''}}}"


def _commented(text: str, comment: str) -> str:
    return f"{text:<{COLUMN}}  # {comment}" if comment else text
