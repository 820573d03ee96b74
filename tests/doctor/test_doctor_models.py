"""Checks of the model: its file, and what would run it, with made-up files and trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.doctor import coral
from edgepose.doctor import models as checks
from edgepose.doctor.finding import Intent
from edgepose.errors import LostCause, ModelError, RuntimeLost
from edgepose.modelstore.manifest import manifest
from edgepose.runtimes.interpreter import InterpreterError
from edgepose.system.status_file import write

PLAN = Intent()
NAME = "movenet-lightning-int8"
CPU, TPU = manifest()[NAME], manifest()[f"{NAME}-edgetpu"]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which models are looked for, empty."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setattr("edgepose.modelstore.search.search_path", lambda: (folder,))
    monkeypatch.setattr(checks, "best_model", lambda: NAME)
    return folder


def put(shelf: Path, entry) -> Path:
    """Put a file of a known model's name and size there; its content is nothing."""
    path = shelf / entry.file
    with path.open("wb") as file:
        file.write(b"\0\0\0\0TFL3")
        file.truncate(entry.size)
    return path


def trial(*errors: Exception):
    """Return a `probe` that raises these in turn, then works; `calls` holds what it was told."""
    waiting = list(errors)

    def probe(*arguments: object, interpreter: str = "auto") -> float:
        probe.calls.append(arguments)
        if waiting:
            raise waiting.pop(0)
        return 0.0048

    probe.calls = []
    return probe


def test_a_model_that_is_not_here_fails_with_the_command_that_fetches_it(debian, shelf):
    """And nothing is said of what would run it."""
    found = checks.model(debian.system, PLAN)
    assert (found.status, found.remedy) == ("fail", f"edgepose models pull {NAME}")
    assert checks.backend(debian.system, PLAN, trial()) is None
    assert checks.collection(debian.system, PLAN) is None


def test_a_forged_model_fails_by_its_checksum(debian, shelf):
    """Name and size fit, the content does not; as one of many it is a warning."""
    put(shelf, CPU)
    found = checks.model(debian.system, PLAN)
    assert found.status == "fail"
    assert "checksum" in found.sentence
    together = checks.collection(debian.system, PLAN)
    assert (together.status, together.remedy) == ("warn", f"edgepose models pull {NAME}")


def test_a_model_of_the_users_own_is_taken_as_it_is(debian, shelf, planned, tmp_path):
    """The manifest knows nothing of it; a web page under its name is refused when it is tried."""
    own = tmp_path / "own.tflite"
    own.write_bytes(b"\0\0\0\0TFL3")
    plan = planned(model=f"{{path: {own}}}")
    assert "not a known model" in checks.model(debian.system, plan).sentence
    broken = trial(ModelError("expected a TFLite model, found a web page"))
    assert checks.backend(debian.system, plan, broken).status == "fail"


def test_without_a_chip_the_cpu_runs_it_and_its_speed_is_told(debian, shelf):
    """Tried once, for real."""
    path = put(shelf, CPU)
    probe = trial()
    found = checks.backend(debian.system, PLAN, probe)
    assert (found.status, found.sentence) == ("ok", "the CPU, 4.8 ms an inference on one thread")
    assert probe.calls == [(path,)]


def test_an_interpreter_that_cannot_work_gets_the_command_for_this_python(debian, shelf):
    """The message's own `pip` could be another environment's."""
    put(shelf, CPU)
    error = InterpreterError("tflite-runtime doesn't work with numpy 2.4.6 (x)")
    found = checks.backend(debian.system, PLAN, trial(error))
    assert found.sentence == "tflite-runtime doesn't work with numpy 2.4.6 (x)"
    assert found.remedy == "/venv/bin/python -m pip install ai-edge-litert"


def test_with_a_chip_its_build_is_tried_with_the_library(pi4, shelf, planned):
    """On the device that the configuration names."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    path = put(shelf, TPU)
    probe = trial()
    found = checks.backend(pi4.system, planned(model="{device: usb}"), probe)
    assert (found.status, found.sentence) == ("ok", "the Edge TPU, 4.8 ms an inference")
    assert [call[:3] for call in probe.calls] == [(path, "libedgetpu.so.1", {"device": "usb"})]


def test_a_chip_that_crashes_is_a_visible_fallback(pi4, shelf, planned):
    """A warning with its reason; a failure where fallback is off."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    put(shelf, TPU)
    crash = RuntimeLost("libedgetpu.so.1 stopped", LostCause.CRASHED)
    found = checks.backend(pi4.system, PLAN, trial(crash))
    assert found.status == "warn"
    assert found.sentence.startswith("falls back to the CPU: libedgetpu.so.1 stopped")
    strict = planned(model="{runtime: edgetpu, fallback: false}")
    assert checks.backend(pi4.system, strict, trial(crash)).status == "fail"


def test_a_chip_without_its_library_gets_the_package(pi4, shelf):
    """What the loader says is told, and what installs it."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    put(shelf, TPU)
    absent = RuntimeLost("libedgetpu.so.1: no such library", LostCause.ABSENT)
    found = checks.backend(pi4.system, PLAN, trial(absent))
    assert found.remedy == coral.INSTALL


def test_a_chip_whose_build_is_missing_is_a_fallback_too(pi4, shelf):
    """The remedy fetches the build."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    found = checks.backend(pi4.system, PLAN, trial())
    assert (found.status, found.remedy) == ("warn", f"edgepose models pull {TPU.name}")


def test_a_wanted_chip_that_is_not_plugged_in_is_a_fallback(debian, shelf, planned):
    """And a failure where the CPU has no build of the model."""
    put(shelf, TPU)
    wanted = planned(model="{runtime: edgetpu}")
    assert checks.backend(debian.system, wanted, trial()) is None  # the model itself is not here
    wanted = planned(model=f"{{name: {TPU.name}, runtime: edgetpu}}")
    assert checks.backend(debian.system, wanted, trial()).status == "fail"
    put(shelf, CPU)
    assert checks.backend(debian.system, wanted, trial()).status == "warn"


def test_the_cpu_is_no_fallback_where_it_was_asked_for(pi4, shelf, planned):
    """A chip that is plugged in is left alone."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    put(shelf, TPU)
    found = checks.backend(pi4.system, planned(model="{runtime: cpu}"), trial())
    assert found.sentence.startswith("the CPU")


@pytest.mark.parametrize(
    ("unit", "backend", "sentence"),
    [
        ("edgepose.service", "", "not tried: edgepose.service is running and may use"),
        ("edgepose@door.service", "", "not tried: edgepose@door.service is running and may use"),
        ("edgepose@door.service", "Edge TPU (usb), x", "not tried: edgepose@door.service uses the"),
        ("edgepose@door.service", "ai-edge-litert 2.3.0", "the Edge TPU, 4.8 ms"),
    ],
)
def test_a_chip_in_use_by_a_service_is_not_tried(pi4, shelf, unit, backend, sentence):
    """The trial would fail, or disturb it; what says that it runs on the CPU is not in the way."""
    pi4.usb("2-1", "18d1:9302", 5000)
    put(shelf, CPU)
    put(shelf, TPU)
    pi4.answer("systemctl list-units", 0, f"{unit} loaded active running edgepose camera\n")
    if backend:
        health = {"runtime": {"backend": backend}}
        instance = unit.removesuffix(".service").partition("@")[2]
        write(pi4.root / "run" / "edgepose" / instance, health)
    probe = trial()
    found = checks.backend(pi4.system, PLAN, probe)
    assert (found.status, found.sentence[: len(sentence)]) == ("ok", sentence)
    assert bool(probe.calls) is sentence.startswith("the Edge TPU")


def test_real_models_are_genuine(debian, models, monkeypatch):
    """The checksums of the manifest are those of the published files."""
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(models))
    assert checks.model(debian.system, PLAN).sentence.endswith("its checksum matches")
    found = checks.collection(debian.system, PLAN)
    assert found.status == "ok"
    assert checks.backend(debian.system, PLAN).sentence.startswith("the CPU")
