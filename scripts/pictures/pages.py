"""The recipe for several cameras: the page of each device, side by side in a real browser.

Needs chromium and chromium-driver.
"""

from __future__ import annotations

import os
import runpy
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image as PilImage
from recipes import configurations

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load

ROOT: Final = Path(__file__).resolve().parents[2]
MOTIONS: Final = {"front": "arms_up", "back": "squat"}
GAP: Final = 24
SCALE: Final = 0.75


def draw(target: Path, work: Path) -> None:
    """Write the picture. work: a folder for configurations."""
    page = runpy.run_path(str(ROOT / "scripts" / "draw-page"))
    with ExitStack() as stack:
        paths = configurations("several-cameras", work)
        ports = [stack.enter_context(_device(path)) for path in paths]
        shots = [_shot(page, port) for port in ports]
    gap = np.full((shots[0].shape[0], GAP, 3), 255, np.uint8)
    sheet = cv2.cvtColor(np.hstack([shots[0], gap, shots[1]]), cv2.COLOR_BGR2RGB)
    small = cv2.resize(sheet, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    PilImage.fromarray(small).quantize(255).save(target, optimize=True)


@contextmanager
def _device(path: Path) -> Iterator[int]:
    """Run a device of the recipe with a drawn person before its camera; yield its page's port."""
    name = path.stem
    source = f"{{type: synthetic, motion: {MOTIONS[name]}, fps: 10, size: [480, 640]}}"
    sets = (f"source={source}", "outputs.bus=", "model.name=edgepose-nano",
            "outputs.page.token=correct-horse-battery")  # fmt: skip
    state = path.parent / f"state-{name}"
    state.mkdir()
    os.environ["STATE_DIRECTORY"] = str(state)
    config = load(path, sets)
    appliance = Appliance(config)
    thread = threading.Thread(target=appliance.run)
    thread.start()
    try:
        while appliance.state()["outputs"]["page"]["state"] != "running":
            thread.join(0.05)
        yield config.outputs["page"].options.port
    finally:
        appliance.stop()
        thread.join(30)


def _shot(page: Mapping[str, Any], port: int) -> np.ndarray:
    """Return what a phone sees of a device, BGR."""
    with tempfile.TemporaryDirectory() as profile:
        browser = page["web_phone"].new_browser(Path(profile))
        try:
            window = page["Window"](browser, port)
            window.phone.open()
            window.phone.log_in()
            window.phone.see("document.querySelector('#stage.is-live')")
            window.shape(page["SIZES"]["phone"], "light")
            window.show("live")
            window.phone.see("document.querySelectorAll('.sets li, .events li').length > 0")
            return window.picture()
        finally:
            browser.quit()
