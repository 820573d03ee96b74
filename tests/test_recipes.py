"""What readers of the recipes take away fits the code: dashboard, flow, blueprint, wiring, code."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.discovery import Discovery
from edgepose.outputs.mqtt.entities import EVENT_TYPES, Entities
from edgepose.outputs.mqtt.topics import Topics
from edgepose.outputs.prometheus import PrometheusOptions
from edgepose.types import Event, Frame, Scene

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "docs" / "recipes"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


@pytest.fixture
def metrics(monkeypatch) -> set[str]:
    """Return the names of all series that a device has."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts" / "docs"), *sys.path])
    monkeypatch.delitem(sys.modules, "md", raising=False)  # and again at the end
    return runpy.run_path(str(ROOT / "scripts" / "docs" / "metrics_page.py"))["names"]()


def test_the_dashboard_asks_for_metrics_that_there_are(metrics):
    """In its queries and its list of devices; the page's alerts as well."""
    board = json.loads((RECIPES / "grafana-dashboard.json").read_text())
    asked = re.findall(
        r"edgepose_\w+", json.dumps(board["panels"]) + json.dumps(board["templating"])
    )
    asked += re.findall(r"edgepose_\w+", (RECIPES / "grafana.md").read_text())
    assert len(set(asked)) > 15
    assert set(asked) <= metrics, set(asked) - metrics
    assert f":{PrometheusOptions().port}" in (RECIPES / "grafana.md").read_text()


def test_the_panels_of_the_dashboard_do_not_overlap():
    """Each has a place of its own on the grid of 24 columns."""
    board = json.loads((RECIPES / "grafana-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        grid = panel["gridPos"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_the_flow_listens_and_speaks_where_the_device_does():
    """Its wires lead to nodes, its types are events, its topics those of the recipe's device."""
    flow = json.loads((RECIPES / "node-red-flow.json").read_text())
    nodes = {node["id"]: node for node in flow}
    assert all(to in nodes for node in flow for wires in node.get("wires", ()) for to in wires)
    topics = Topics("edgepose", "gym")
    assert nodes["events"]["topic"] == topics.events
    assert nodes["detect"]["topic"] in topics.commands
    known = {one for types in EVENT_TYPES.values() for one in types}
    assert {rule["v"] for rule in nodes["types"]["rules"]} <= known


class _Input(yaml.SafeLoader):
    """YAML of Home Assistant, whose blueprints have `!input NAME`."""


_Input.add_constructor("!input", lambda loader, node: ("input", loader.construct_scalar(node)))


def test_the_blueprint_uses_the_inputs_that_it_asks_for():
    """Each of them, and no other."""
    blueprint = yaml.load((RECIPES / "pose-light.yaml").read_text(), _Input)
    used = {
        blueprint["triggers"][0]["entity_id"],
        blueprint["actions"][0]["target"],
    }
    assert used == {("input", name) for name in blueprint["blueprint"]["input"]}


def test_the_page_shows_the_files_that_it_offers():
    """Blueprint and card, to be read before they are copied."""
    page = (RECIPES / "home-assistant.md").read_text()
    for name in ("pose-light.yaml", "pose-card.yaml"):
        shown = page.partition(f"```yaml skip={name}\n")[2].partition("```")[0]
        assert shown == (RECIPES / name).read_text()


def test_the_card_shows_entities_that_home_assistant_finds():
    """It names them after the device and the entity: `sensor.living_room_arms_up_count`."""
    device = Device("living-room", ("arms_up",), titles={"arms_up": "Arms up"})
    found = Discovery("homeassistant", Entities(Topics("edgepose", device.name), device))
    made = set()
    for topic, payload in found.messages.items():
        body = json.loads(payload)
        words = f"{body['device']['name']} {body['name']}".lower()
        made.add(f"{topic.split('/')[1]}.{re.sub('[^a-z0-9]+', '_', words)}")
    card = (RECIPES / "pose-card.yaml").read_text()
    named = set(re.findall(r"(?:binary_)?sensor\.\w+", card))
    assert named
    assert named <= made, named - made


def test_the_wiring_is_that_of_the_configuration():
    """The drawing is current, and its lines are those of the YAML."""
    draw = runpy.run_path(str(ROOT / "scripts" / "pictures" / "wiring.py"))
    drawn = (RECIPES / "wiring.svg").read_text()
    assert draw["svg"]() == drawn
    page = (RECIPES / "relay.md").read_text()
    with_button = page.partition("```yaml relay.yaml\n")[2].partition("```")[0]
    lines = re.findall(r"line: (\d+)", with_button)
    assert len(lines) == 2
    assert all(f"line: {line}" in drawn for line in lines)


def test_the_picture_of_the_flow_is_that_of_the_file():
    """Drawn again after a change."""
    draw = runpy.run_path(str(ROOT / "scripts" / "pictures" / "flow.py"))
    flow = json.loads((RECIPES / "node-red-flow.json").read_text())
    assert draw["svg"](flow) == (RECIPES / "node-red.svg").read_text()


@pytest.fixture
def code(tmp_path, monkeypatch) -> Callable[[str], ModuleType]:
    """Return how to import the program of a page of *Extend*."""

    def imported(page: str) -> ModuleType:
        (text,) = PYTHON.findall((ROOT / "docs" / "extend" / f"{page}.md").read_text())
        path = tmp_path / f"page_{page}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        return module

    return imported


class _Camera:
    """A thermal camera: 16 bits a pixel, warm in the middle."""

    def __init__(self, *_: object) -> None:
        self.raw = np.full((60, 80), 29_000, np.uint16)
        self.raw[20:40, 30:50] = 31_000

    def set(self, *_: object) -> bool:
        return True

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        return True, self.raw

    def release(self) -> None:
        pass


def test_the_source_of_the_page_gives_frames(code, monkeypatch):
    """The thermal camera: warm is bright, in three channels."""
    import cv2

    monkeypatch.setattr(cv2, "VideoCapture", _Camera)
    page = code("source")
    source = page.Thermal(page.ThermalOptions())
    source.open()
    frame = source.read()
    source.close()
    source.close()
    assert frame.image.shape == (60, 80, 3)
    assert frame.image.dtype == np.uint8
    assert frame.image[30, 40].tolist() == [255] * 3
    assert frame.image[0, 0].tolist() == [0] * 3


def test_the_output_of_the_page_counts_each_event_once(code, tmp_path):
    """Also where a scene is offered again."""
    page, path = code("output"), tmp_path / "count.txt"
    output = page.CounterFile(page.CounterFileOptions(path=path), Device("lobby"))
    event = Event("1", "rep", "squats", "lobby", 0.0, 0.0)
    scene = Scene(Frame(np.zeros((4, 4, 3), np.uint8), 0.0, 0), events=(event,))
    output.show(scene)
    output.show(scene)
    assert path.read_text() == "1\n"


def test_what_the_page_of_faults_quotes_is_said():
    """By `doctor`, or by the health document."""
    page = (ROOT / "docs" / "operate" / "faults.md").read_text()
    said = "".join(
        path.read_text() for folder in ("doctor", "engine") for path in
        sorted((ROOT / "edgepose" / folder).glob("*.py"))
    )  # fmt: skip
    said = re.sub(r'"\s*\n\s*f?"', "", said)
    rows = [row.split("|")[2] for row in page.splitlines() if row.startswith("| ")]
    quoted = [text for cell in rows for text in re.findall(r"`([^`]+ [^`]+)`", cell)]
    assert len(quoted) > 15
    assert [text for text in quoted if text not in said] == []
