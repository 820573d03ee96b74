"""Run a configuration with a make-believe display until told to end: CONFIG LIBDRM CARDS."""

from __future__ import annotations

import ctypes
import sys
import threading
from pathlib import Path

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load
from edgepose.outputs.hdmi import drm_card, kms, libdrm
from edgepose.registry import OUTPUTS


def main(config: Path, library: str, cards: Path) -> None:
    """Run until standard input ends."""
    loaded = ctypes.CDLL(library)
    loaded.start_world()
    ctypes.c_int.in_dll(loaded, "world").value = 1  # the first plug is plugged
    libdrm.LIBRARY, drm_card.CARDS, kms.PATIENCE = library, cards, 0.05
    found = load(config)
    assert {part.type for part in found.outputs.values()} | {"video"} == OUTPUTS.keys()
    appliance = Appliance(found)
    runner = threading.Thread(target=appliance.run)
    runner.start()
    sys.stdin.read()
    appliance.stop()
    runner.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
