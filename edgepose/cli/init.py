"""edgepose init: a first configuration from at most six questions, and its start."""

from __future__ import annotations

import contextlib
import shutil
import socket
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from edgepose.cli import completion
from edgepose.cli.check_config import notes
from edgepose.cli.command import Command
from edgepose.cli.options import whole
from edgepose.config.edit import save_text
from edgepose.config.loader import loads
from edgepose.config.on_disk import check_files
from edgepose.config.starter import Answers, starter
from edgepose.definitions import exercise_file, library
from edgepose.doctor import cameras, displays, gpio
from edgepose.doctor.finding import Intent
from edgepose.doctor.system import System
from edgepose.errors import UserError
from edgepose.sources.images import ENDINGS
from edgepose.system.paths import bundled, expanded

Keys = Mapping[str, Any]
T = TypeVar("T")

PORTS: Final = range(8080, 8090)  # for the page: the first that is free
BROKER: Final = ("localhost", 1883)
PATIENCE: Final = 0.3  # seconds for a broker on this machine
SHOWN: Final = {
    "page": (True, False), "screen": (False, True), "both": (True, True), "neither": (False, False),
}  # fmt: skip
NONE: Final = "none"
DEMO: Final = "the demo clip"


@dataclass(frozen=True, slots=True)
class Found:
    """What this machine has.

    sources: keys of the source section by what people call it, the demo clip last. relays: there
    is a GPIO chip. screen: a display is connected, and no desktop is on it. broker: its host, ""
    where none answers on this machine.
    """

    sources: Mapping[str, Keys]
    has_pins: bool
    has_screen: bool
    broker: str


@click.command(
    cls=Command,
    examples=[
        "edgepose init",
        "edgepose init gym.yaml --exercise squat --show both",
        "edgepose init door.yaml --yes --pose arms_up --relay 17 --broker 10.0.0.5",
    ],
)
@click.argument(
    "config", type=click.Path(path_type=Path), default="edgepose.yaml", metavar="[CONFIG]"
)
@click.option(
    "--source", metavar="CAMERA", help="demo, a device such as /dev/video0, csi:0, a URL or a file."
)
@click.option(
    "--pose",
    metavar="NAME",
    shell_complete=completion.definitions("template"),
    help="Watch for this pose; see: template list.",
)
@click.option(
    "--exercise",
    metavar="NAME",
    shell_complete=completion.definitions("exercise"),
    help="Count this exercise; see: exercise list.",
)
@click.option("--relay", metavar="LINE", help="Number of the GPIO that switches, or none.")
@click.option("--broker", metavar="HOST[:PORT]", help="MQTT broker, or none.")
@click.option("--show", type=click.Choice(list(SHOWN)), help="Where it is shown.")
@click.option(
    "-y", "--yes", is_flag=True, help="Ask nothing; take the default for what isn't given."
)
@click.option("--force", is_flag=True, help="Replace CONFIG if it is there.")
@click.option(
    "--start/--no-start", default=None, help="Run it afterwards.  [default: unless --yes]"
)
@click.pass_context
def init(
    ctx: click.Context,
    config: Path,
    source: str | None,
    pose: str | None,
    exercise: str | None,
    relay: str | None,
    broker: str | None,
    show: str | None,
    yes: bool,
    force: bool,
    start: bool | None,
) -> None:
    """Write a first configuration, edgepose.yaml by default, from a few questions, and run it.

    What is found on this machine is offered: cameras, screen, pins, broker. Without a camera the
    demo clip is watched. The file is commented, and a file that is there stays unless --force.
    """
    if pose and exercise:
        raise click.UsageError("expected --pose or --exercise, found both; a file can have both")
    if config.is_dir():
        raise UserError(f"{config} is a folder; name a file in it")
    if config.exists() and not force:
        raise UserError(f"{config} is there already; name another file, or add --force")
    ask = Questions(is_silent=yes)
    found = _examine(System())
    answers = Answers(
        source=_asked_source(ask, source, found.sources),
        **_asked_watch(ask, pose, exercise, config.parent),
        relay=_asked_relay(ask, relay, found.has_pins),
        broker=ask(broker, "MQTT broker: its name or address, or none", found.broker, _broker),
        **_asked_show(ask, show, found.has_screen),
    )
    _write(config, answers)
    if start if start is not None else not yes:
        _run(ctx, config)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions at a terminal, each with a default. is_silent: nothing is asked."""

    is_silent: bool

    def __call__(
        self,
        given: str | None,
        question: str,
        default: str,
        check: Callable[[str], T],
        before: str = "",
    ) -> T:
        """Return the checked answer: the given one, the default, or what is typed.

        before: lines above the question. Raises UserError for a given answer that can't be used;
        a typed one is asked for again.
        """
        if given is not None or self.is_silent:
            return check(default if given is None else given)
        if before:
            click.echo(before, err=True)
        answer: T = click.prompt(
            question, default=default, value_proc=lambda text: _typed(text, check), err=True
        )
        return answer


def _typed(text: str, check: Callable[[str], T]) -> T:
    """Return what was typed, checked. Raises the error after which click asks again."""
    try:
        return check(text.strip())
    except UserError as error:
        raise click.UsageError(str(error)) from error


def _examine(system: System) -> Found:
    """Return what `doctor` finds as well: cameras, pins and a screen; and a broker here."""
    usb = {place: {"type": "v4l2", "device": place} for place in cameras.usb_cameras(system)}
    ribbon = {
        f"{sensor} on the ribbon": {"type": "picamera2", "camera": number}
        for number, sensor in enumerate(cameras.csi_cameras(system) or ())
    }
    chips = gpio.chips(system, Intent())
    has_desktop = any(system.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    is_lit = any(mode is not None for mode in displays.connectors(system).values())
    return Found(
        {**ribbon, **usb, DEMO: _looped("video", bundled("models", "demo", "demo.mp4"))},
        chips is not None and chips.status == "ok" and "found" in chips.sentence,
        is_lit and not has_desktop,
        _local_broker(),
    )


def _looped(kind: str, path: Path) -> Keys:
    return {"type": kind, "path": str(path.absolute()).replace("${", "$${"), "loop": True}


def _local_broker() -> str:
    try:
        socket.create_connection(BROKER, timeout=PATIENCE).close()
    except OSError:
        return NONE
    return BROKER[0]


def _asked_source(ask: Questions, given: str | None, sources: Mapping[str, Keys]) -> Keys:
    listed = [f"  {number}  {name}" for number, name in enumerate(sources, start=1)]
    before = "\n".join(["Where do the pictures come from?", *listed])
    question = "Number, or a file or the URL of a network camera"
    return ask(given, question, "1", lambda text: _source(text, sources), before)


def _source(text: str, sources: Mapping[str, Keys]) -> Keys:
    """Return the keys of the source that was chosen. Raises UserError for what is none."""
    if (chosen := whole(text)) and chosen <= len(sources):
        return list(sources.values())[chosen - 1]
    kind, _, number = text.partition(":")
    if text in ("demo", *sources):
        return sources[DEMO if text == "demo" else text]
    if kind == "csi" and (camera := whole(number or "0")) is not None:
        return {"type": "picamera2", "camera": camera}
    return {"type": "stream", "url": text} if "://" in text else _on_disk(text)


def _on_disk(text: str) -> Keys:
    """Return the keys of a device, a folder of pictures, a picture or a clip."""
    path = expanded(text)
    if text.startswith("/dev/"):
        return {"type": "v4l2", "device": text}
    with contextlib.suppress(OSError):  # a name that no file system takes
        if path.is_dir() or (path.is_file() and path.suffix.lower() in ENDINGS - {".gif"}):
            return _looped("images", path)
        if path.is_file():
            return _looped("video", path)
    raise UserError(
        f"source '{text}': expected a number of the list, demo, csi:0, a device, a URL or a file, "
        "found none of them"
    )


def _asked_watch(
    ask: Questions, pose: str | None, exercise: str | None, base: Path
) -> dict[str, Any]:
    """Return what to watch for: kind, name and definition, and whether it is held."""
    kind = "pose" if pose else "exercise" if exercise else None
    kinds = ("pose", "exercise")
    kind = ask(kind, "Watch for a pose, or count an exercise", "pose", _one_of(kinds))
    of: library.Kind = "template" if kind == "pose" else "exercise"
    known = library.known(of, base)
    path = ask(
        pose or exercise,
        "Which one",
        "arms_up" if kind == "pose" else "squat",
        lambda name: library.find(of, name, base),
        _listed(known),
    )
    is_named = known.get(path.stem) == path
    return {
        "kind": kind,
        "name": path.stem,
        "definition": path.stem if is_named else str(path.absolute()),
        "is_hold": kind == "exercise" and exercise_file.load(path).is_hold,
    }


def _listed(names: Iterable[str]) -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    lines = textwrap.wrap(", ".join(names), width - 2, break_on_hyphens=False)
    return textwrap.indent("\n".join(lines), "  ")


def _one_of(choices: Collection[str]) -> Callable[[str], str]:
    """Return the check of an answer that is one of some words, or begins one alone."""

    def check(text: str) -> str:
        fitting = [choice for choice in choices if choice.startswith(text.lower()) and text]
        if len(fitting) != 1:
            raise UserError(f"expected {' or '.join(choices)}, found '{text}'")
        return fitting[0]

    return check


def _asked_relay(ask: Questions, given: str | None, has_pins: bool) -> int | None:
    question = "Relay or LED: the number of its GPIO, or none"
    return ask(given if given or has_pins else NONE, question, NONE, _relay)


def _relay(text: str) -> int | None:
    """Return the number of a line. Raises UserError for anything else."""
    if text.lower() == NONE:
        return None
    if (line := whole(text)) is None:
        raise UserError(f"relay '{text}': expected the number of a GPIO such as 17, or none")
    return line


def _broker(text: str) -> str:
    """Return host and port, "" for none. Raises UserError for a port that is no number."""
    host, colon, port = text.partition(":")
    if not host or (colon and whole(port) is None):
        raise UserError(f"broker '{text}': expected HOST or HOST:PORT, or none")
    return "" if text.lower() == NONE else text


def _asked_show(ask: Questions, given: str | None, has_screen: bool) -> dict[str, Any]:
    question = "Show it on a page in the browser, a screen, both or neither"
    default = "both" if has_screen else "page"
    has_page, has_screen = SHOWN[ask(given, question, default, _one_of(SHOWN))]
    port = _free_port() if has_page else 0
    return {"has_page": has_page, "has_screen": has_screen, "port": port}


def _free_port() -> int:
    """Return the first port of PORTS that nobody listens on."""
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    return PORTS[0]


def _write(path: Path, answers: Answers) -> None:
    """Write the file, checked as `check-config` checks it. Raises ConfigError."""
    text = starter(answers, path)
    checked = loads(text, path)
    check_files(checked)
    save_text(path, text)
    click.echo(f"Wrote {path}. Run it: edgepose run {path}", err=True)
    for note in notes(checked):
        click.echo(f"Note: {note}", err=True)


def _run(ctx: click.Context, config: Path) -> None:
    from edgepose.cli.run import run

    click.echo("Starting it; Ctrl-C ends it.", err=True)
    ctx.invoke(run, config=config, sets=(), record=None, as_json=False, quiet=False, service=False)
