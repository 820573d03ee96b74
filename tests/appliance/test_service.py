"""A service that stays up: it runs what can be run, and waits where nothing can."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgepose.appliance import service
from edgepose.appliance.appliance import Appliance
from edgepose.appliance.service import Service
from edgepose.cli import run as cli_run
from edgepose.config import reload
from edgepose.config.files import BOOT_VARIABLE, service_files
from edgepose.config.last_good import own_name
from edgepose.config.loader import load
from edgepose.engine.event_journal import EventJournal
from edgepose.outputs.hdmi import output
from edgepose.system import last_exit, status_file
from edgepose.system.paths import outbox_path
from edgepose.types import Event

TEMPLATE = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
TEXT = """\
version: 1
name: lobby
source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 15}
watch:
  hands: {template: hands.yaml}
outputs:
  log: {type: jsonl, path: events.jsonl}
"""
BROKEN = TEXT.replace("fps", "fsp")


@pytest.fixture
def file(tmp_path: Path, lightning, monkeypatch) -> Path:
    """Return a configuration that can be run; the boot partition is a folder beside it."""
    monkeypatch.setenv(BOOT_VARIABLE, str(tmp_path / "boot"))
    for module in (reload, service):
        monkeypatch.setattr(module, "POLL", 0.05)
    (tmp_path / "boot").mkdir()
    (tmp_path / "hands.yaml").write_text(TEMPLATE.read_text())
    path = tmp_path / "lobby.yaml"
    path.write_text(TEXT)
    return path


class Running:
    """A service on a thread."""

    def __init__(self, file: Path) -> None:
        self.folder = file.parent / "run"
        files = service_files(file, (), file.parent / "state")
        self.service = Service(
            files, lambda life: cli_run._new_appliance(life, None, None), self.folder
        )
        self.thread = threading.Thread(target=self.service.run)
        self.thread.start()

    @property
    def health(self) -> dict[str, Any]:
        """Return what `edgepose status` reads."""
        report = status_file.read(self.folder)
        return dict(report.health) if report else {}

    @property
    def appliance(self) -> Appliance:
        """Return what runs."""
        assert self.service.appliance is not None
        return self.service.appliance

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait for a state, which changes on threads of its own."""
        deadline = time.monotonic() + 30
        while not is_so():
            assert self.thread.is_alive(), "the service ended"
            assert time.monotonic() < deadline, self.health
            threading.Event().wait(0.02)

    def wait_until_it_runs(self) -> Appliance:
        """Wait for a scene."""
        self.wait_for(lambda: self.service.appliance is not None and self._scenes() > 0)
        return self.appliance

    def _scenes(self) -> int:
        return self.appliance.pipeline.stats.snapshot().counts.get("scenes", 0)


@pytest.fixture
def start() -> Iterator[Callable[[Path], Running]]:
    """Return a starter of services, which are stopped at the end."""
    running: list[Running] = []

    def begin(file: Path) -> Running:
        running.append(Running(file))
        return running[-1]

    yield begin
    for one in running:
        one.service.stop()
        one.thread.join(30)
        assert not one.thread.is_alive()
    assert not any((one.folder / status_file.NAME).exists() for one in running)


def test_a_first_configuration_that_is_wrong_is_waited_for(start, file, monkeypatch):
    """The mistake stands in the health document and on the screen; mended, it runs."""
    shown: list[str] = []
    monkeypatch.setattr(output.Hdmi, "notice", lambda self, title, text: shown.append(text))
    file.write_text(BROKEN)
    running = start(file)
    running.wait_for(lambda: bool(running.health and shown))
    mistake = f"{file} line 3: source.fsp: unknown option; did you mean 'fps'?"
    assert running.health["state"] == "waiting"
    assert running.health["config"]["error"] == mistake
    assert running.health["troubles"][0]["reason"] == mistake
    assert shown[-1] == mistake
    file.write_text(TEXT)
    assert running.wait_until_it_runs().state()["config"]["error"] == ""


def test_the_screen_is_the_one_that_the_broken_file_means(file, monkeypatch):
    """Turned as the display hangs; options that are wrong themselves are passed over."""
    from edgepose.appliance.standby import _screen

    file.write_text(BROKEN + "  screen: {type: hdmi, rotate: 90}\n")
    assert _screen(file)._options.rotate == 90
    file.write_text(BROKEN + "  screen: {type: hdmi, rotate: 91}\n")
    assert _screen(file)._options.rotate == 0
    file.write_text("x: [")
    assert _screen(file)._options.rotate == 0


def test_the_last_good_one_survives_a_restart(start, file, monkeypatch):
    """It is kept once it has run for a while, and runs when the file is broken by then."""
    monkeypatch.setattr(reload, "GOOD_AFTER", 0.0)
    first = start(file)
    first.wait_until_it_runs()
    first.wait_for((file.parent / "state" / "last-good" / "config.json").exists)
    first.service.stop()
    first.thread.join(30)
    file.write_text(BROKEN)
    second = start(file)
    state = second.wait_until_it_runs().state()["config"]
    assert (state["path"], state["is_copy"]) == (str(file), True)
    assert "source.fsp" in state["error"]
    file.write_text(TEXT.replace("lobby", "hall"))
    second.wait_for(lambda: second.appliance.config.name == "hall")
    assert second.appliance.state()["config"]["is_copy"] is False


def test_nothing_is_kept_before_it_has_run_for_a_while(start, file):
    """A configuration that crashes within seconds is not the last good one."""
    running = start(file)
    running.wait_until_it_runs()
    for _ in range(3):
        running.appliance.poll_config()
    assert not list((file.parent / "state").rglob("config.json"))


def test_an_edit_is_noticed_and_a_bad_one_refused_once(start, file, caplog):
    """Without a signal: the file, or a template that it names."""
    running = start(file)
    pipeline = running.wait_until_it_runs().pipeline
    file.write_text(TEXT.replace("hands.yaml}", "hands.yaml, enter: 0.9}"))
    running.wait_for(lambda: running.appliance.state()["watches"]["hands"]["enter"] == 0.9)
    (file.parent / "hands.yaml").write_text("version: 2\n")
    running.wait_for(lambda: "hands.template" in running.appliance.state()["config"]["error"])
    for _ in range(3):
        running.appliance.poll_config()
    assert caplog.text.count("last good one runs on") == 1
    (file.parent / "hands.yaml").write_text(TEMPLATE.read_text())
    running.wait_for(lambda: not running.appliance.state()["config"]["error"])
    assert running.appliance.pipeline is pipeline
    assert running.appliance.state()["config"]["reloads"]["refused"] == 1


def test_what_is_tuned_and_not_saved_outlives_a_look_that_finds_nothing_new(start, file):
    """Only the time of the file has changed: the slider stays where it is."""
    running = start(file)
    appliance = running.wait_until_it_runs()
    appliance.command("thresholds", {"watch": "hands", "enter": 0.95})
    appliance._follow_if_new(appliance.active.choose())
    assert appliance.state()["watches"]["hands"]["enter"] == 0.95
    appliance.command("reload")
    assert appliance.state()["watches"]["hands"]["enter"] == 0.85


def test_a_card_that_is_put_in_takes_over_and_goes_again(start, file):
    """Without a restart; a broken one is told of, and what runs runs on."""
    card = file.parent / "boot" / file.name
    running = start(file)
    running.wait_until_it_runs()
    card.write_text(BROKEN)
    running.wait_for(lambda: str(card) in running.appliance.state()["config"]["error"])
    assert running.appliance.config.name == "lobby"
    card.write_text(TEXT.replace("lobby", "card").replace("hands.yaml", str(TEMPLATE)))
    running.wait_for(lambda: running.appliance.config.name == "card")
    running.wait_for(lambda: running.appliance.state()["config"]["error"] == "")
    assert running.appliance.state()["config"]["files"] == [str(card), str(file)]
    card.unlink()
    running.wait_for(lambda: running.appliance.config.name == "lobby")


def test_a_card_that_is_put_in_while_it_is_off_takes_over_the_events(start, file):
    """It gives the device another name; what the outputs lack is the device's all the same."""
    old = outbox_path("lobby").with_suffix(".journal")
    journal = EventJournal(old, pytest.fail, own_name(file))
    journal.open()
    journal.register(["log"])
    journal.append([Event("id-1", "rep", "hands", "lobby", 1.73e9, 1.0, 1)])
    assert journal.close()
    card = file.parent / "boot" / file.name
    card.write_text(TEXT.replace("lobby", "card").replace("hands.yaml", str(TEMPLATE)))

    start(file).wait_for(lambda: not old.exists())

    assert '"id-1"' in outbox_path("card").with_suffix(".journal").read_text()


def test_a_source_that_proves_no_source_brings_the_last_good_one_back(start, file):
    """It looked right and was none: the process stays, the older configuration runs."""
    service_files(file, (), file.parent / "state").good.prove(load(file))
    clip = file.with_name("clip.mp4")
    clip.write_text("this is no video")
    running = start(file)
    running.wait_until_it_runs()
    file.write_text(TEXT.replace("type: synthetic, motion: arms_up, size: [240, 320], fps: 15",
                                 f"type: video, path: {clip}"))  # fmt: skip
    running.wait_for(lambda: running.appliance.state()["config"]["is_copy"])
    running.wait_until_it_runs()
    assert "clip.mp4" in running.appliance.state()["config"]["error"]
    file.write_text(TEXT.replace("lobby", "hall"))
    running.wait_for(lambda: running.appliance.config.name == "hall")


def test_what_crashes_the_process_three_times_gives_way_to_the_last_good_one(start, file):
    """It can be read, and its runtime ends the process natively; the health document says so."""
    service_files(file, (), file.parent / "state").good.prove(load(file))
    file.write_text(TEXT.replace("fps: 15", "fps: 14"))
    run = file.parent / "run"
    for _ in range(service.STARTS):
        files = service_files(file, (), file.parent / "state")
        files.good.count_start(file.read_text(), has_crashed=last_exit.has_crashed(run))
        run.mkdir(exist_ok=True)
        (run / last_exit.NAME).write_text("1 core-dump dumped SEGV")
    running = start(file)
    state = running.wait_until_it_runs().state()["config"]
    assert state["is_copy"] is True
    assert "lobby.yaml: edgepose crashed 3 times with it" in state["error"]
    file.write_text(TEXT.replace("lobby", "hall"))
    running.wait_for(lambda: running.appliance.config.name == "hall")


def test_a_proved_configuration_that_fails_at_each_start_is_paused(start, file):
    """Meanwhile the device can be reached; an edit ends the pause at once."""
    service_files(file, (), file.parent / "state").good.prove(load(file))
    (run := file.parent / "run").mkdir()
    (run / last_exit.NAME).write_text("1 watchdog dumped ABRT")
    for _ in range(service.STARTS):
        files = service_files(file, (), file.parent / "state")
        files.good.count_start(file.read_text(), has_crashed=last_exit.has_failed(run))
    running = start(file)
    running.wait_for(lambda: bool(running.health))
    (trouble,) = running.health["troubles"]
    assert trouble["state"] == "backing off"
    assert "edgepose failed 3 times within 60 s" in trouble["reason"]
    assert "again in 60 s" in trouble["reason"]
    assert file.read_text() == TEXT
    file.write_text(TEXT.replace("lobby", "hall"))
    assert running.wait_until_it_runs().config.name == "hall"


def test_a_model_that_does_not_work_is_waited_for(start, file):
    """Its configuration is right as far as can be read; it is tried again when it changes."""
    model = file.with_name("broken.tflite")
    model.write_bytes(b"\x1c\0\0\0TFL3" + bytes(1000))
    file.write_text(TEXT + f"model: {{path: {model}}}\n")
    running = start(file)
    running.wait_for(lambda: bool(running.health))
    assert "broken.tflite" in running.health["config"]["error"]
    file.write_text(TEXT)
    running.wait_until_it_runs()


def test_a_chip_that_is_away_is_no_mistake_of_the_configuration(
    start, file, lightning, edgepose_command, monkeypatch
):
    """Without a fallback nothing can run; it is said of the chip, on the screen and by `status`."""
    titles: list[str] = []
    monkeypatch.setattr(output.Hdmi, "notice", lambda self, title, text: titles.append(title))
    chip = f"{{path: {lightning}, runtime: edgetpu, library: libnone.so, fallback: false}}"
    file.write_text(TEXT + f"model: {chip}\n")
    running = start(file)
    running.wait_for(lambda: bool(running.health and titles))
    assert running.health["runtime"]["state"] == "backing off"
    assert "libnone.so" in running.health["runtime"]["reason"]
    assert running.health["config"]["error"] == ""
    assert titles[-1] == "Nothing can run yet"
    monkeypatch.setattr(status_file.reports, "__defaults__", (running.folder,))
    said = edgepose_command("status").out
    assert "waits for what it needs to run" in said
    assert "libnone.so" in said
    file.write_text(TEXT)
    running.wait_until_it_runs()


def test_a_stop_while_waiting_ends_it(start, file):
    """In order, and without having run anything."""
    file.write_text(BROKEN)
    running = start(file)
    running.wait_for(lambda: bool(running.health))
    running.service.stop()
    running.thread.join(30)
    assert running.service.appliance is None
