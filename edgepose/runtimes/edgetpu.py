"""Run a model on a Coral Edge TPU, through Google's delegate library.

A wrong pair of library and interpreter crashes the process and a sick chip hangs it, so each
opening is first tried in a child process (`probe`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgepose.errors import LostCause, RuntimeLost
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.crash_backoff import CrashBackoff
from edgepose.runtimes.interpreter import check_model_file, find_interpreter
from edgepose.runtimes.probe import TIMEOUT, probe
from edgepose.runtimes.tflite_model import TfliteModel, run
from edgepose.system.paths import service_folder
from edgepose.types import Tensor

LIBRARY: Final = "libedgetpu.so.1"
BACKEND: Final = "Edge TPU"  # how `backend` begins, also in a health document
NO_FIRMWARE: Final = "usb (no firmware yet)"  # before its first use after power-up
USB_IDS: Final = {"1a6e:089a": NO_FIRMWARE, "18d1:9302": "usb"}
_SYS_USB: Final = Path("/sys/bus/usb/devices")
_DEV: Final = Path("/dev")


class EdgeTpu(Runtime):
    """Run an `_edgetpu.tflite` file on the chip.

    path: the compiled model. device: as the delegate names them: "usb", "pci", ":0", "usb:1",
    "" for any. library: the delegate. timeout: seconds for the try in a child process.
    """

    def __init__(
        self, path: Path, device: str = "", library: str = LIBRARY, timeout: float = TIMEOUT
    ) -> None:
        self.path = Path(path)
        self.library = library
        self._timeout = timeout
        self._options: Mapping[str, str] = {"device": device} if device else {}
        self._model: TfliteModel | None = None
        folder = service_folder()
        self._guard = CrashBackoff(folder / "edge-tpu" if folder else None)

    def open(self) -> None:
        """Load the library and the model, tried in a child first.

        Raises RuntimeLost when the library or the chip is absent or crashes, or crashed this
        service before (`CrashBackoff`), ModelError for a file that can't be run.
        """
        check_model_file(self.path)
        self._guard.check()
        try:
            probe(self.path, self.library, self._options, self._timeout)
        except RuntimeLost as error:
            message = f"{str(error).rstrip('.')}{_way_out(error.cause)}"
            raise RuntimeLost(message, error.cause) from error
        self._guard.enter()
        module, package = find_interpreter()
        delegate = module.load_delegate(self.library, dict(self._options))
        model = TfliteModel(module, package, self.path, experimental_delegates=[delegate])
        self.inputs, self.outputs = model.inputs, model.outputs
        where = self._options.get("device", "first device")
        self.backend = f"{BACKEND} ({where}), {model.package}"
        self._model = model

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs as arrays of the caller's own. Raises RuntimeLost."""
        return run(self._model, tensor)

    def close(self) -> None:
        """Let the model and the chip go."""
        self._model = None
        self._guard.leave()


def _way_out(cause: LostCause) -> str:
    """Return what to do about a chip that can't be used."""
    if cause is LostCause.ABSENT:
        return "; install Google's Edge TPU runtime (libedgetpu1-std)"
    if cause in (LostCause.CRASHED, LostCause.HUNG):
        return ""
    found = list_edge_tpus()
    if not found:
        return "; no Edge TPU is plugged in, neither on USB nor as /dev/apex_*"
    return f"; {', '.join(found)} is there: is this user in the group plugdev (USB) or apex (PCIe)?"


def list_edge_tpus(usb: Path = _SYS_USB, dev: Path = _DEV) -> tuple[str, ...]:
    """Return the chips that are plugged in: "usb", "usb (no firmware yet)", "pci:/dev/apex_0".

    pycoral is asked where it is installed; else the kernel, which also sees a chip that nobody
    may use or that has no firmware yet. usb, dev: folders of the kernel's, for tests.
    """
    try:
        coral = importlib.import_module("pycoral.utils.edgetpu")
        return tuple(f"{found['type']}:{found['path']}" for found in coral.list_edge_tpus())
    except (ImportError, AttributeError):  # another package of that name has no such module
        pass
    ids = (_usb_id(device) for device in sorted(usb.glob("*")))
    on_usb = [USB_IDS[found] for found in ids if found in USB_IDS]
    return (*on_usb, *(f"pci:{path}" for path in sorted(dev.glob("apex_*"))))


def _usb_id(device: Path) -> str:
    try:
        return ":".join((device / name).read_text().strip() for name in ("idVendor", "idProduct"))
    except OSError:
        return ""
