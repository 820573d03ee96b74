"""The recipe for Home Assistant in a real one: the device's page, and a dashboard with the card.

Needs root (Home Assistant lives in a Debian of its own), mosquitto, chromium and chromium-driver.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from PIL import Image as PilImage

ROOT: Final = Path(__file__).resolve().parents[2]
RECIPES: Final = ROOT / "docs" / "recipes"
sys.path += [str(ROOT / "tests" / "rigs"), str(ROOT / "tests" / "outputs" / "rigs")]

import web_phone  # noqa: E402
from home_assistant import HomeAssistant  # noqa: E402
from ports import free_port  # noqa: E402
from recipes import configuration  # noqa: E402

from edgepose.appliance.appliance import Appliance  # noqa: E402
from edgepose.config.loader import load  # noqa: E402

FRONTEND: Final = """
assist_pipeline:
conversation:
stream:
tts:
frontend:
history:
lovelace:
  dashboards:
    pose-room: {mode: yaml, filename: pose.yaml, title: Living room, icon: "mdi:human-handsup",
                show_in_sidebar: true}
"""
GOING_ON: Final = 120.0  # seconds of counting, so that the card's curve has something to show
SIZE: Final = (640, 800)  # (width, height) of each of the two windows
GAP: Final = 20
_WORDS: Final = """
const parts = (root) => [...root.querySelectorAll('*')].flatMap(
  (one) => one.shadowRoot ? [one, ...parts(one.shadowRoot)] : [one]);
return parts(document).some((one) => [...one.childNodes].some(
  (node) => node.nodeType === Node.TEXT_NODE && node.data.includes(arguments[0])));
"""


def draw(target: Path, work: Path) -> None:
    """Write the picture. work: a folder for configurations."""
    home = HomeAssistant(work / "home")
    (work / "home" / "pose.yaml").write_text(yaml.safe_dump(_dashboard()), "utf-8")
    with (work / "home" / "configuration.yaml").open("a", encoding="utf-8") as file:
        file.write(FRONTEND)
    with _broker(work) as port, _device(work, port), tempfile.TemporaryDirectory() as profile:
        try:
            home.start()
            _finish_first_steps(home)
            home.use_broker(port)
            _count(home)
            browser = web_phone.new_browser(Path(profile))
            try:
                picture = _seen(browser, home)
            finally:
                browser.quit()
        finally:
            home.stop()
    PilImage.fromarray(picture).quantize(255).save(target, optimize=True)


def _dashboard() -> dict[str, Any]:
    """Return a dashboard with the recipe's card alone, its curve of these minutes."""
    card = yaml.safe_load((RECIPES / "pose-card.yaml").read_text("utf-8"))
    card["cards"][-1]["hours_to_show"] = GOING_ON / 3600
    return {"views": [{"title": "Living room", "type": "masonry", "cards": [card]}]}


@contextmanager
def _broker(work: Path) -> Iterator[int]:
    """Run a broker that lets everybody in; yield its port."""
    port = free_port()
    path = work / "mosquitto.conf"
    path.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    process = subprocess.Popen(["mosquitto", "-c", path], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _device(work: Path, port: int) -> Iterator[None]:
    """Run the recipe's device, with a drawn person in the place of the camera."""
    source = "{type: synthetic, motion: arms_up, fps: 10, size: [480, 640]}"
    sets = ("source=" + source, "outputs.bus.host=127.0.0.1", f"outputs.bus.port={port}",
            "outputs.bus.user=", "outputs.bus.password=", "model.name=edgepose-nano")  # fmt: skip
    path = configuration("home-assistant", work)
    appliance = Appliance(load(path, sets, {"EDGEPOSE_MQTT_PASSWORD": ""}))
    thread = threading.Thread(target=appliance.run)
    thread.start()
    try:
        yield
    finally:
        appliance.stop()
        thread.join(30)


def _finish_first_steps(home: HomeAssistant) -> None:
    """Answer the questions that a new installation asks before it shows anything else."""
    for step in ("core_config", "analytics"):
        home.post(f"/api/onboarding/{step}", {})
    here = f"{home.url}/"
    home.post("/api/onboarding/integration", {"client_id": here, "redirect_uri": here})


def _count(home: HomeAssistant) -> None:
    """Wait until the device has counted for a while."""
    home.wait(lambda: home.state("sensor.living_room_arms_up_count") not in ("", "unknown", "0"))
    time.sleep(GOING_ON)


def _seen(browser: Any, home: HomeAssistant) -> np.ndarray:
    """Return the device's page and the dashboard, side by side, RGB."""
    device = "{{ device_id('binary_sensor.living_room_arms_up') | to_json }}"
    number = home.post("/api/template", {"template": device})
    browser.get(home.url + "/manifest.json")
    browser.execute_script("localStorage.hassTokens = arguments[0]", json.dumps(_login(home)))
    browser.execute_script("localStorage.dockedSidebar = '\"always_hidden\"'")
    shots = [
        _page(browser, home, f"/config/devices/device/{number}", "Sensors"),
        _page(browser, home, "/pose-room", "living-room"),
    ]
    gap = np.full((SIZE[1], GAP, 3), 255, np.uint8)
    return np.hstack([shots[0], gap, shots[1]])


def _login(home: HomeAssistant) -> dict[str, Any]:
    """Return what the page keeps of a login."""
    end = round((time.time() + 1800) * 1000)
    return {"access_token": home.token, "token_type": "Bearer", "expires_in": 1800, "expires": end,
            "refresh_token": "", "hassUrl": home.url, "clientId": f"{home.url}/"}  # fmt: skip


def _page(browser: Any, home: HomeAssistant, path: str, words: str) -> np.ndarray:
    """Return a page's picture once it shows some words and has come to rest, RGB."""
    browser.get(home.url + path)
    width, height = SIZE
    shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    home.wait(lambda: browser.execute_script(_WORDS, words), f"'{words}' on {path}")
    time.sleep(5.0)  # its curves move into place
    for state in ("off", "on"):
        home.wait_for("binary_sensor.living_room_arms_up", state)
    time.sleep(0.6)  # as its needle does
    answer = browser.execute_cdp_cmd("Page.captureScreenshot", {})
    data = np.frombuffer(base64.b64decode(answer["data"]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
