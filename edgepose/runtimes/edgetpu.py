"""The runtime of Coral Edge TPUs, through Google's delegate library.

A wrong pair of library and interpreter crashes the process and a faulty chip hangs it, so `open`
tries pairs in child processes first (`find_pair`).
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgepose.errors import LostCause, RuntimeLost
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.crash_backoff import CrashBackoff
from edgepose.runtimes.interpreter import check_model_file, find_interpreter
from edgepose.runtimes.pairs import LIBRARY, candidates, find_pair, remember, remembered
from edgepose.runtimes.probe import TIMEOUT
from edgepose.runtimes.tflite_model import TfliteModel, run
from edgepose.system.paths import service_folder, state_folder
from edgepose.types import Tensor

log = logging.getLogger(__name__)

BACKEND: Final = "Edge TPU"  # how `backend` begins, also in a health document
PAIR: Final = "edge-tpu-pair.json"  # in the state folder
MAINTAINED: Final = "https://github.com/feranick/libedgetpu/releases"
"""Builds against recent TFLite. Google's own 16.0 is built against 2.5 and crashes with 2.12 and
later (google-coral/edgetpu issue 812, google-ai-edge/LiteRT issue 3611)."""
NO_FIRMWARE: Final = "usb (no firmware yet)"  # before its first use after power-up
USB_IDS: Final = {"1a6e:089a": NO_FIRMWARE, "18d1:9302": "usb"}
_SYS_USB: Final = Path("/sys/bus/usb/devices")
_DEV: Final = Path("/dev")


class EdgeTpu(Runtime):
    """An `_edgetpu.tflite` file on the chip.

    path: the compiled model. device: as the delegate names them: "usb", "pci", ":0", "usb:1",
    "" for any. library: the delegate. interpreter: "auto" for any that works with it. timeout:
    seconds for one probe.
    """

    def __init__(
        self,
        path: Path,
        device: str = "",
        library: str = LIBRARY,
        interpreter: str = "auto",
        timeout: float = TIMEOUT,
    ) -> None:
        self.path = Path(path)
        self.library = library
        self._interpreter = interpreter
        self._timeout = timeout
        self._options: Mapping[str, str] = {"device": device} if device else {}
        self._model: TfliteModel | None = None
        folder = service_folder()
        self._crashes = CrashBackoff(folder / "edge-tpu" if folder else None)

    def open(self) -> None:
        """Load the library and the model, after a probe in a child process.

        Raises RuntimeLost when library or chip are absent or crash, or crashed this service before
        (`CrashBackoff`), ModelError for a bad file.
        """
        check_model_file(self.path)
        self._crashes.check()
        kept = state_folder() / PAIR
        pairs = list(candidates(self._interpreter, self.library, remembered(kept)))
        try:
            pair, _ = find_pair(self.path, pairs, self._options, self._timeout)
        except RuntimeLost as error:
            message = f"{str(error).rstrip('.')}{_way_out(error.cause)}"
            raise RuntimeLost(message, error.cause) from error
        if len(pairs) > 1:
            remember(kept, pair)
        self._crashes.enter()
        module, package = find_interpreter(pair.interpreter)
        delegate = module.load_delegate(pair.library, dict(self._options))
        model = TfliteModel(module, package, self.path, experimental_delegates=[delegate])
        self.inputs, self.outputs = model.inputs, model.outputs
        where = self._options.get("device", "first device")
        self.backend = f"{BACKEND} ({where}), {model.package}"
        self._model = model

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs as arrays that the caller owns. Raises RuntimeLost."""
        return run(self._model, tensor)

    def close(self) -> None:
        """Release the model and the chip."""
        self._model = None
        self._crashes.leave()


def _way_out(cause: LostCause) -> str:
    """Return what to do about a chip that can't be used."""
    if cause is LostCause.ABSENT:
        return f"; install libedgetpu1-std from {MAINTAINED}"
    if cause in (LostCause.CRASHED, LostCause.HUNG):
        return ""
    found = list_edge_tpus()
    if not found:
        return "; no Edge TPU is connected, neither on USB nor as /dev/apex_*"
    return f"; {', '.join(found)} is there: is this user in the group plugdev (USB) or apex (PCIe)?"


def list_edge_tpus(usb: Path = _SYS_USB, dev: Path = _DEV) -> tuple[str, ...]:
    """Return the connected chips: "usb", "usb (no firmware yet)", "pci:/dev/apex_0".

    From pycoral where it is installed, else from the kernel, which also sees a chip without
    permission or firmware. usb, dev: the kernel's folders, for tests.
    """
    try:
        coral = importlib.import_module("pycoral.utils.edgetpu")
        return tuple(f"{found['type']}:{found['path']}" for found in coral.list_edge_tpus())
    except (ImportError, AttributeError):  # PyPI's package of that name has no such module
        pass
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # its own library
        log.debug("pycoral can't list the chips: %s", error)
    ids = (_usb_id(device) for device in sorted(usb.glob("*")))
    on_usb = [USB_IDS[found] for found in ids if found in USB_IDS]
    return (*on_usb, *(f"pci:{path}" for path in sorted(dev.glob("apex_*"))))


def _usb_id(device: Path) -> str:
    try:
        return ":".join((device / name).read_text().strip() for name in ("idVendor", "idProduct"))
    except OSError:
        return ""
