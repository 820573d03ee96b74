"""A whole run on a network camera that dies: it is opened again and the events go on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load


@pytest.fixture
def run_on(tmp_path: Path, lightning, edgepose_command):
    """Return a starter of a run that watches a network camera; stopped at the end."""
    running: list[tuple[Appliance, threading.Thread]] = []

    def start(url: str, photo: Path) -> Appliance:
        template = tmp_path / "here.yaml"
        edgepose_command("template", "capture", "here", "--image", photo, "--out", template)
        config = tmp_path / "config.yaml"
        config.write_text(
            f"version: 1\nsource: {{type: stream, url: '{url}', timeout: 2}}\n"
            "watch: {here: {template: here.yaml}}\n"
            "outputs: {log: {type: jsonl, path: events.jsonl}}\n"
        )
        appliance = Appliance(load(config))
        thread = threading.Thread(target=appliance.run)
        thread.start()
        running.append((appliance, thread))
        return appliance

    yield start
    for appliance, thread in running:
        appliance.stop()
        thread.join(30)
        assert not thread.is_alive()


def until(is_true: Callable[[], bool]) -> None:
    """Wait for a state of the run, which changes on threads of its own."""
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.02)


def scenes(appliance: Appliance) -> int:
    """Return how many frames were perceived."""
    return appliance.pipeline.stats.snapshot().counts.get("scenes", 0)


def test_a_camera_that_dies_is_opened_again_and_the_run_goes_on(
    run_on, http_camera, media, tmp_path
):
    """Hung up on, the source backs off, says why, and sees again once the camera answers."""
    photo = media / "stills" / "tfexamples" / "image2.jpeg"
    http_camera.jpeg = photo.read_bytes()
    appliance = run_on(http_camera.url(), photo)
    until(lambda: scenes(appliance) > 3)
    http_camera.ending.set()
    until(lambda: appliance.state()["source"]["state"] == "backing off")
    assert appliance.state()["source"]["reason"]
    http_camera.ending.clear()
    before = scenes(appliance)
    until(lambda: scenes(appliance) > before + 3)
    source = appliance.state()["source"]
    assert (source["state"], source["reason"]) == ("running", "")
    rows = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert rows[0]["type"] == "start"


def test_a_camera_that_freezes_is_noticed(run_on, http_camera, media):
    """A stream that stands still is lost after its time-out, not waited for."""
    photo = media / "stills" / "tfexamples" / "image2.jpeg"
    http_camera.jpeg = photo.read_bytes()
    appliance = run_on(http_camera.url(), photo)
    until(lambda: scenes(appliance) > 3)
    http_camera.freezing.set()
    until(lambda: appliance.state()["source"]["state"] == "backing off")
