"""Wrong configurations: each gives exit code 2 and a message from which a stranger can mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.config.loader import load
from edgepose.errors import ConfigError

TEMPLATE = """\
version: 1
name: up
unit: pixels
poses:
  - {nose: {y: 1, x: 5}, left_eye: unseen, right_eye: unseen, left_ear: unseen, right_ear: unseen,
     left_shoulder: {y: 3, x: 7}, right_shoulder: {y: 3, x: 3}, left_elbow: {y: 2, x: 8},
     right_elbow: {y: 2, x: 2}, left_wrist: {y: 0, x: 8}, right_wrist: {y: 0, x: 2},
     left_hip: {y: 8, x: 6}, right_hip: {y: 8, x: 4}, left_knee: unseen, right_knee: unseen,
     left_ankle: unseen, right_ankle: unseen}
"""

GOOD = """\
version: 1
name: lobby
source: {type: synthetic}
model: {name: movenet-lightning-int8}
smoothing: normal
people: {max: 1}
watch:
  arms_up: {template: up.yaml, hold: 1.0}
outputs:
  log: {type: jsonl, path: events.jsonl}
"""

Change = str | tuple[str, str] | bytes | Callable[[str], str]


def swap(old: str, new: str) -> tuple[str, str]:
    """Say that one part of the good file is replaced."""
    return old, new


WATCH = "{template: up.yaml, hold: 1.0}"
SOURCE = "{type: synthetic}"
LOG = "{type: jsonl, path: events.jsonl}"

CASES: dict[str, tuple[Change, int | None, tuple[str, ...]]] = {
    # name: what is done to the good file, the line the message names, words it holds
    "empty file": ("", None, ("the file is empty", "key: value")),
    "comments only": ("# nothing\n", None, ("the file is empty",)),
    "binary file": (b"TFL3\x00\x01\x02", None, ("is a binary file", "text")),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", None, ("is a binary file",)),
    "latin-1": ("version: 1\nname: caf\xe9\n".encode("latin-1"), 2, ("not UTF-8", "save")),
    "a list": ("- version\n- source\n", 1, ("expected lines of `key: value`", "a list")),
    "a word": ("hello\n", 1, ("text without a key", "key: value")),
    "tab": (swap("  arms_up", "\tarms_up"), 8, ("indented with a tab", "spaces")),
    "lost bracket": (swap("max: 1}", "max: 1"), 7, ("the '{' of line 6 is not closed",)),
    "lost quote": (swap("name: lobby", "name: 'lobby"), 2, ("a quote is opened here",)),
    "lost colon": (swap("smoothing: normal", "smoothing normal"), 5, ("no ':'",)),
    "colon in a value": (swap("lobby", "a: b"), 2, ("this ':' does not fit", "quote")),
    "bad indentation": (
        swap("  log:", "  none: {type: memory}\n log:"),
        11,
        ("the indentation does not fit",),
    ),
    "duplicate key": (GOOD + "name: bar\n", 11, ("name: written twice", "line 2", "keep one")),
    "duplicate watch": (
        swap("outputs:", "  arms_up: {template: up.yaml}\noutputs:"),
        9,
        ("watch.arms_up: written twice", "line 8"),
    ),
    "key on": (swap("arms_up", "on"), 8, ("`on`", "true or false", "quotes")),
    "two documents": (GOOD + "---\nversion: 1\n", 11, ("second document", "keep one")),
    "deep nesting": (swap("lobby", "[" * 5000), 2, ("nested", "bracket")),
    "laughs of aliases": (
        swap("{max: 1}", "[&a [x, x], &b [*a, *a, *a, *a], " + ", ".join(["*b"] * 2000) + "]"),
        6,
        ("people: aliases", "write the values out"),
    ),
    "point of a mapping": (
        swap("{max: 1}", "{zone: [[0.2, 0.3], [{a: 1}], [1.0, 0.7]]}"),
        6,
        ("people.zone[1][0]: expected a number",),
    ),
    "line break in a name": (
        swap("arms_up:", '"arms\\u2028up":'),
        8,
        ("arms\\u2028up", "printable"),
    ),
    "path without end": (
        swap(SOURCE, "{type: video, path: " + "x" * 5000 + "}"),
        3,
        ("source.path: expected names of at most 255 bytes in a path",),
    ),
    "nobody's home": (
        swap(SOURCE, "{type: video, path: ~nobody-here/a.mp4}"),
        3,
        ("source.path: no home folder is known for '~nobody-here'",),
    ),
    "an exercise in nobody's home": (
        swap(WATCH, "{exercise: ~nobody-here/a.yaml}"),
        8,
        ("watch.arms_up.exercise: no home folder is known for '~nobody-here'",),
    ),
    "a model in nobody's home": (
        swap("{name: movenet-lightning-int8}", "{options: {modelUrl: ~nobody-here/a.tflite}}"),
        4,
        ("model.options.modelUrl: no home folder is known for '~nobody-here'",),
    ),
    "no font": (
        swap(LOG, "{type: hdmi, font: up.yaml}"),
        10,
        ("outputs.log.font: expected a TrueType or OpenType file",),
    ),
    "alias of itself": (swap("{max: 1}", "&a {max: *a}"), 6, ("aliases",)),
    "mark": (swap("lobby", "!include x.yaml"), 2, ("`!include`", "plain value")),
    "percent sign": (swap("lobby", "%x"), 2, ("'%'", "quotes")),
    "no version": (swap("version: 1\n", ""), 1, ("version: missing", "1")),
    "newer version": (swap("version: 1", "version: 2"), 1, ("expected 1", "2", "update edgepose")),
    "newer version in quotes": (
        swap("version: 1", "version: '2'"),
        1,
        ("version: expected 1", "found 2"),
    ),
    "version as a word": (swap("version: 1", "version: one"), 1, ("a whole number", "'one'")),
    "no source": (swap(f"source: {SOURCE}\n", ""), 1, ("source: missing", "{type: v4l2}")),
    "misspelt source": (
        swap("source:", "soruce:"),
        3,
        ("soruce: unknown option", "did you mean 'source'"),
    ),
    "unknown key at the top": (GOOD + "colour: red\n", 11, ("colour: unknown option", "known:")),
    "source is a word": (swap(SOURCE, "synthetic"), 3, ("{type:", "'synthetic'")),
    "source is nothing": (swap(SOURCE, ""), 3, ("{type:", "nothing")),
    "source is a list": (
        swap(SOURCE, "[synthetic]"),
        3,
        ("a mapping such as {type: v4l2}", "found [synthetic]"),
    ),
    "source without type": (swap(SOURCE, "{fps: 3}"), 3, ("`type` is missing", "v4l2")),
    "unknown source": (swap("synthetic", "synthetik"), 3, ("source.type", "mean 'synthetic'")),
    "source option misspelt": (
        swap(SOURCE, "{type: v4l2, sise: [480, 640]}"),
        3,
        ("source.sise: unknown option", "did you mean 'size'"),
    ),
    "size of one number": (
        swap(SOURCE, "{type: v4l2, size: [480]}"),
        3,
        ("source.size", "a list of 2 whole numbers", "[480]"),
    ),
    "size as text": (
        swap(SOURCE, "{type: v4l2, size: 640x480}"),
        3,
        ("source.size", "a list of 2 whole numbers", "'640x480'"),
    ),
    "size out of range": (
        swap(SOURCE, "{type: v4l2, size: [480, 4]}"),
        3,
        ("source.size[1]", "from 32 to 8192", "found 4"),
    ),
    "fps nan": (swap(SOURCE, "{type: v4l2, fps: .nan}"), 3, ("source.fps", "finite", ".nan")),
    "fps infinite": (swap(SOURCE, "{type: v4l2, fps: -.inf}"), 3, ("source.fps", "finite")),
    "fps 1e-3 of nothing": (
        swap(SOURCE, "{type: v4l2, fps: 1e-}"),
        3,
        ("source.fps", "a number above 0", "'1e-'"),
    ),
    "video without path": (
        swap(SOURCE, "{type: video}"),
        3,
        ("source.path: missing", "a path", "video file"),
    ),
    "video that is not there": (
        swap(SOURCE, "{type: video, path: clip.mp4}"),
        3,
        ("source.path", "no such file or folder", "clip.mp4"),
    ),
    "pace misspelt": (
        swap(SOURCE, "{type: video, path: up.yaml, pace: realtme}"),
        3,
        ("realtime, fast", "'realtme'", "did you mean 'realtime'"),
    ),
    "unset variable": (
        swap("lobby", '"${NO_SUCH_NAME}"'),
        2,
        ("environment variable NO_SUCH_NAME is not set",),
    ),
    "open variable": (swap("lobby", '"${HOME"'), 2, ("expected ${NAME}", "'${HOME'")),
    "name with a slash": (swap("lobby", "hall/lobby"), 2, ("name: ", "'/'", "MQTT")),
    "name as a number": (swap("lobby", "7"), 2, ("expected text", "found 7", "quotes")),
    "name yes": (swap("lobby", "yes"), 2, ("expected text", "`yes`", "quotes")),
    "unknown model": (
        swap("movenet-lightning-int8", "movenet-lightening-int8"),
        4,
        ("model.name", "did you mean 'movenet-lightning-int8'"),
    ),
    "model that is not there": (
        swap("{name: movenet-lightning-int8}", "{path: my.tflite}"),
        4,
        ("model.path", "no such file", "my.tflite"),
    ),
    "model that is a folder": (
        swap("{name: movenet-lightning-int8}", "{path: .}"),
        4,
        ("model.path", "a .tflite or .task file", "the folder"),
    ),
    "two models": (
        swap("int8}", "int8, path: up.yaml}"),
        4,
        ("model", "either `name` or `path`", "both"),
    ),
    "model is a word": (
        swap("{name: movenet-lightning-int8}", "movenet-lightning-int8"),
        4,
        ("model: expected a mapping such as {name: ...}", "'movenet-lightning-int8'"),
    ),
    "threads as a word": (
        swap("int8}", "int8, threads: many}"),
        4,
        ("model.threads", "'auto' or a whole number from 1 to 64", "'many'"),
    ),
    "threads yes": (
        swap("int8}", "int8, threads: yes}"),
        4,
        ("model.threads", "a whole number", "`yes`, which YAML reads as true"),
    ),
    "fallback 2": (swap("int8}", "int8, fallback: 2}"), 4, ("true or false", "found 2")),
    "unknown runtime": (
        swap("int8}", "int8, runtime: edge_tpu}"),
        4,
        ("model.runtime", "edgetpu", "did you mean 'edgetpu'"),
    ),
    "unknown smoothing": (
        swap("smoothing: normal", "smoothing: nromal"),
        5,
        ("none, soft, normal", "'nromal'", "did you mean 'normal'"),
    ),
    "smoothing off": (
        swap("smoothing: normal", "smoothing: off"),
        5,
        ("smoothing", "none", "`off`, which YAML reads as false"),
    ),
    "unknown filter": (
        swap("smoothing: normal", "smoothing: {filter: kalman}"),
        5,
        ("smoothing.filter", "one_euro, exponential, none", "'kalman'"),
    ),
    "parameter of another filter": (
        swap("smoothing: normal", "smoothing: {filter: exponential, beta: 3}"),
        5,
        ("smoothing.beta: unknown option", "time_constant"),
    ),
    "nobody": (swap("max: 1", "max: 0"), 6, ("people.max", "from 1", "found 0")),
    "one person and a half": (swap("max: 1", "max: 1.5"), 6, ("a whole number", "1.5")),
    "unknown selection": (
        swap("max: 1", "select: largets"),
        6,
        ("all, largest, center, leftmost, track", "did you mean 'largest'"),
    ),
    "zone without area": (
        swap("max: 1", "zone: [[0.2, 0.2], [0.5, 0.5], [0.8, 0.8]]"),
        6,
        ("people.zone: expected corners around an area",),
    ),
    "zone on a spot": (
        swap("max: 1", "zone: [[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]]"),
        6,
        ("people.zone: expected corners around an area",),
    ),
    "a goal for a lifetime": (
        swap("template: up.yaml, ", "exercise: plank, goal: 1e9, "),
        8,
        ("goal: expected a number above 0", "86400", "1e9"),
    ),
    "a rest for a lifetime": (
        swap("template: up.yaml, ", "exercise: plank, rest: 1e9, "),
        8,
        ("rest: expected a number above 0", "86400", "1e9"),
    ),
    "a chip of another kind": (
        swap("int8}", "int8, device: usb1}"),
        4,
        ("model.device: expected usb, pci, a number such as :0", "'usb1'"),
    ),
    "a host with a scheme": (
        swap(LOG, "{type: web, hosts: ['http://kiosk']}"),
        10,
        ("outputs.log.hosts[0]: expected names alone, without http://", "'http://kiosk'"),
    ),
    "zone of two corners": (
        swap("max: 1", "zone: [[0, 0], [1, 1]]"),
        6,
        ("people.zone", "at least 3", "found [[0, 0], [1, 1]]"),
    ),
    "zone in pixels": (
        swap("max: 1", "zone: [[0, 0], [0, 640], [1, 0]]"),
        6,
        ("people.zone[1][1]", "from 0 to 1", "found 640"),
    ),
    "watch is a list": (
        swap(f"  arms_up: {WATCH}", f"  - {WATCH}"),
        7,
        ("watch: expected `name: ...` lines", "found a list"),
    ),
    "watch is a word": (swap(WATCH, "up.yaml"), 8, ("{template: ...}", "'up.yaml'")),
    "watch is nothing": (swap(WATCH, ""), 8, ("{template: ...}", "nothing")),
    "watch without template": (
        swap("template: up.yaml, ", ""),
        8,
        ("watch.arms_up: `template` is missing", "templates/NAME.yaml"),
    ),
    "template key misspelt": (
        swap("template:", "templat:"),
        8,
        ("watch.arms_up.templat: unknown option", "did you mean 'template'"),
    ),
    "template that is not there": (
        swap("up.yaml", "upp.yaml"),
        8,
        ("watch.arms_up.template", "no such template file", "upp.yaml", "did you mean", "up.yaml"),
    ),
    "one of two templates not there": (
        swap("up.yaml", "[up.yaml, squat.yaml]"),
        8,
        ("watch.arms_up.template[1]", "squat.yaml", "write `squat` without folder"),
    ),
    "no template in the list": (swap("up.yaml", "[]"), 8, ("template", "a list", "found []")),
    "template that is no template": (
        swap("up.yaml", "config.yaml"),
        8,
        ("watch.arms_up.template", "can't be used", "config.yaml line 1", "more"),
    ),
    "exercise": (
        swap("template: up.yaml", "exercise: squatt"),
        8,
        ("unknown exercise 'squatt'", "did you mean 'squat'?"),
    ),
    "exercise with thresholds": (
        swap("template: up.yaml", "exercise: squat"),
        8,
        ("is of a pose, an exercise has none",),
    ),
    "negative hold": (swap("hold: 1.0", "hold: -1"), 8, ("hold", "0 or more", "found -1")),
    "hold yes": (swap("hold: 1.0", "hold: yes"), 8, ("hold", "a number", "`yes`")),
    "hold in words": (swap("hold: 1.0", "hold: 1s"), 8, ("hold", "a number", "'1s'")),
    "hold is nothing": (swap("hold: 1.0", "hold: "), 8, ("hold", "a number", "found nothing")),
    "enter above 1": (swap("hold: 1.0", "enter: 85"), 8, ("enter", "from 0 to 1", "found 85")),
    "exit above enter": (
        swap("hold: 1.0", "enter: 0.6"),
        8,
        ("`exit` below `enter`", "exit 0.7 (its default)", "enter 0.6"),
    ),
    "max_age 0": (swap("hold: 1.0", "max_age: 0"), 8, ("max_age", "above 0", "found 0")),
    "unknown limb": (
        swap("hold: 1.0", "limbs: {left_arm: {weight: 2}}"),
        8,
        ("limbs.left_arm: unknown name", "did you mean 'left_forearm'"),
    ),
    "limb key misspelt": (
        swap("hold: 1.0", "limbs: {left_shin: {wieght: 2}}"),
        8,
        ("limbs.left_shin.wieght: unknown option", "did you mean 'weight'"),
    ),
    "more limbs than there are": (
        swap("hold: 1.0", "min_visible: 12"),
        8,
        ("watch.arms_up", "min_visible", "between 1 and 8", "found 12"),
    ),
    "watch with a plus": (swap("arms_up", "arms+legs"), 8, ("'+'", "MQTT", "arms+legs")),
    "outputs is a list": (
        swap(f"  log: {LOG}", f"  - {LOG}"),
        9,
        ("outputs: expected `name: ...` lines", "found a list"),
    ),
    "output is a word": (swap(LOG, "jsonl"), 10, ("outputs.log", "{type:", "'jsonl'")),
    "output is nothing": (swap(LOG, ""), 10, ("outputs.log", "{type:", "nothing")),
    "unknown output": (swap("jsonl,", "jsonnl,"), 10, ("outputs.log.type", "mean 'jsonl'")),
    "output without path": (
        swap(", path: events.jsonl", ""),
        10,
        ("outputs.log.path: missing; add `path: events.jsonl`", "file to append to"),
    ),
    "output option of another type": (
        swap("path: events.jsonl", "path: events.jsonl, line: 17"),
        10,
        ("outputs.log.line: unknown option", "known:"),
    ),
}  # fmt: skip

PYTHONISH = ("Traceback", "pydantic", "Input should", "validator", "<class", "None", "Value error")


def changed(change: Change) -> bytes:
    """Return the good file with a change."""
    if isinstance(change, bytes):
        return change
    if isinstance(change, tuple):
        old, new = change
        assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times in the good file"
        return GOOD.replace(old, new).encode()
    assert isinstance(change, str)
    return change.encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the good file and its template, and work in it."""
    (tmp_path / "up.yaml").write_text(TEMPLATE)
    (tmp_path / "config.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> int:
    """Run `edgepose check-config` as a terminal would, in this process; return the exit code."""
    from edgepose.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["edgepose", "check-config", *args])
        with pytest.raises(SystemExit) as stopped:
            main()
    return int(stopped.value.code or 0)


def test_the_good_file_is_good(folder: Path):
    """What the cases change can be used as it is."""
    assert load("config.yaml").name == "lobby"


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_is_explained(case: str, folder: Path):
    """The message begins with file and line and holds the words that help."""
    change, line, words = CASES[case]
    (folder / "config.yaml").write_bytes(changed(change))
    with pytest.raises(ConfigError) as caught:
        load("config.yaml")
    said = str(caught.value)
    assert said.startswith("config.yaml" if line is None else f"config.yaml line {line}: ")
    assert len(said.splitlines()) == 1, "one mistake, one line"
    for word in words:
        assert word in said
    for word in PYTHONISH:
        assert word not in said


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_ends_with_exit_code_2(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    """At the terminal: exit code 2, the message on stderr, nothing else anywhere."""
    (folder / "config.yaml").write_bytes(changed(CASES[case][0]))
    assert run("config.yaml") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "config.yaml" in printed.err
    assert len(printed.err.splitlines()) == 1


def test_there_are_at_least_forty():
    """The promise is forty wrong files."""
    assert len(CASES) >= 40


def test_independent_mistakes_are_said_at_once(folder: Path):
    """One run of the checker finds them all, in the file's order."""
    text = GOOD.replace("synthetic", "synthetik").replace("max: 1", "max: 0")
    text = text.replace("hold: 1.0", "hold: -1").replace("jsonl,", "jsnl,")
    (folder / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load("config.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"config.yaml line {n}" for n in (3, 6, 8, 10)
    ]


def test_a_missing_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]):
    """A misspelt file name gives the near miss."""
    assert run("confg.yaml") == 2
    assert "confg.yaml: no such file; did you mean 'config.yaml'?" in capsys.readouterr().err


def test_a_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]):
    """A folder is no configuration."""
    assert run(".") == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_secret_is_not_repeated(folder: Path):
    """A message about a password does not show it, for it ends in a log."""
    from edgepose.yamldoc.document import parse_yaml
    from edgepose.yamldoc.validation import found

    document = parse_yaml("password: 12345\n", "a.yaml")
    assert "12345" not in found(document, ("password",))
