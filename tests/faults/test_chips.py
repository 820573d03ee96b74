"""The fault matrix, Edge TPU: refuses, hangs, crashes; at the start and in the midst of inferences.

The chip is a compiled stand-in that takes part of a real MoveNet upon itself (`rigs/chip.c`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from compiled import compiled

from edgepose.modelstore.manifest import manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MODEL = "movenet-lightning-int8"
WORDS = {"refuses": "the chip does not answer", "hangs": "hung", "crashes": "crashed"}


class Chip:
    """Be an Edge TPU on which the CPU's build runs, and on which any mood can come."""

    def __init__(self, device, lightning: Path) -> None:
        self._mood, models = device.folder / "mood", device.folder / "models"
        models.mkdir()
        (models / lightning.name).symlink_to(lightning)
        build = manifest()[manifest()[MODEL].edgetpu]
        content = lightning.read_bytes()
        (models / build.file).write_bytes(content.ljust(build.size, b"\0"))
        device.env |= {"EDGEPOSE_MODEL_PATH": str(models), "CHIP_MOOD": str(self._mood)}
        library = compiled(device.folder, Path(__file__).parents[1] / "rigs" / "chip.c")
        device.write(
            f"model: {{name: {MODEL}, runtime: edgetpu, library: {library}, deadline: 2}}\n",
            "outputs: {log: {type: jsonl, path: events.jsonl}}\n",
        )

    def feel(self, mood: str) -> None:
        """Be in a mood from the next inference on; `""` is well."""
        draft = self._mood.with_suffix(".draft")
        draft.write_text(mood)
        draft.replace(self._mood)


@pytest.fixture
def chip(device, lightning) -> Chip:
    """Return a chip that is well, and that the device is told to use."""
    return Chip(device, lightning)


def is_used(device) -> None:
    """Wait until the chip does the work, and see events come from it."""
    part = device.wait_part("runtime", "running")
    assert part["backend"].startswith("Edge TPU"), part
    device.wait_events()


@pytest.mark.parametrize("fault", WORDS)
def test_at_the_start(*, device, chip, saw, fault):
    """The CPU does the work, and the document says why; the chip is used once it can be."""
    chip.feel(fault)
    device.start()
    part = device.wait_part("runtime", "degraded", WORDS[fault])
    saw(f"Edge TPU {fault}", "at start", f"runtime degraded, {part['why']}: {part['reason']}")
    assert part["fallbacks"][0]["to"] == "CPU"
    device.wait_events()
    chip.feel("")
    is_used(device)
    assert device.stop() == 0
    device.no_event_is_lost()


@pytest.mark.parametrize("fault", ["refuses", "hangs"])
def test_while_it_runs(*, device, chip, saw, fault):
    """The CPU goes on with the very frame, or the next; the chip is used again once it can be."""
    device.start()
    is_used(device)
    chip.feel(fault)
    part = device.wait_part("runtime", "degraded", WORDS[fault])
    saw(f"Edge TPU {fault}", "while running", f"runtime degraded: {part['reason']}")
    device.wait_events()
    chip.feel("")
    is_used(device)
    assert device.health["source"]["restarts"]["last_hour"] == 0
    assert device.stop() == 0
    device.no_event_is_lost()


def test_it_crashes_while_it_runs(*, device, chip, saw):
    """Native code takes the process with it. At the next start a try in a child says so."""
    device.start()
    is_used(device)
    chip.feel("crashes")
    assert device.process.wait(60) < 0
    device.start()
    part = device.wait_part("runtime", "degraded", WORDS["crashes"])
    saw("Edge TPU crashes", "while running", f"after the restart: {part['reason']}")
    device.wait_events()
    chip.feel("")
    is_used(device)
    assert device.stop() == 0


def test_it_crashes_again_and_again_after_a_while(*, device, chip, saw):
    """What no try at the start shows: from the second time on the chip is left alone for a time."""
    chip.feel("crashes 30")
    for _ in range(2):
        device.start()
        assert device.process.wait(120) < 0
    device.start()
    part = device.wait_part("runtime", "degraded", "crashed 2 times while it was in use")
    saw("Edge TPU crashes", "now and then", f"after the restart: {part['reason']}")
    device.wait_events()
    chip.feel("")
    is_used(device)
    assert device.stop() == 0
