"""Checks of a Coral Edge TPU: presence, USB speed, driver and library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble, warn
from edgepose.doctor.system import System
from edgepose.runtimes.edgetpu import MAINTAINED, NO_FIRMWARE, USB_IDS, list_edge_tpus
from edgepose.runtimes.interpreter import INTERPRETERS

PCI_ID: Final = ("0x1ac1", "0x089a")
USB_3: Final = 5000  # Mbit/s
SMALL_PAGES: Final = 4096
_KIB: Final = 1024
INSTALL: Final = f"install libedgetpu1-std from {MAINTAINED}"
PACKAGES: Final = ("libedgetpu1-std", "libedgetpu1-max")  # max: a higher clock
_DESCRIBED: Final = {
    "usb": "one on USB (18d1:9302)",
    NO_FIRMWARE: "one on USB, not used since power-up (1a6e:089a; 18d1:9302 from its first use on)",
}
_FOLDERS: Final = ("usr/lib", "usr/lib/*", "usr/local/lib", "lib", "lib/*")


def chip(system: System, intent: Intent) -> Finding:
    """List the Edge TPUs that are connected."""
    is_needed = _is_needed(intent)
    found = plugged_in(system)
    if not found and pci_chips(system):
        sentence = "an Edge TPU is on PCIe, but its driver is not loaded (no /dev/apex_0)"
        return trouble(is_needed, "edge tpu", sentence, "sudo apt install -y gasket-dkms")
    if found:
        listed = ", ".join(_DESCRIBED.get(name, name) for name in found)
        return ok("edge tpu", f"found {listed}")
    if is_needed:
        sentence = "the configuration needs an Edge TPU, and none is connected"
        remedy = "connect it to a blue USB 3 port, without a hub, or set model.runtime to auto"
        return trouble(not intent.model.fallback, "edge tpu", sentence, remedy)
    return ok("edge tpu", "none is connected; models run on the CPU")


def plugged_in(system: System) -> tuple[str, ...]:
    """Return the Edge TPUs that the kernel can reach."""
    return list_edge_tpus(system.path("sys/bus/usb/devices"), system.path("dev"))


def pci_chips(system: System) -> list[Path]:
    """Return the Edge TPUs on PCIe, with or without a driver."""
    devices = system.glob("sys/bus/pci/devices/*")
    return [device for device in devices if _pci_id(system, device) == PCI_ID]


def _pci_id(system: System, device: Path) -> tuple[str, str]:
    return system.text(device / "vendor"), system.text(device / "device")


def speed(system: System, intent: Intent) -> Finding | None:
    """Check whether an Edge TPU on USB has a USB 3 port and cable."""
    speeds = [_speed(system, device) for device in system.glob("sys/bus/usb/devices/*")]
    known = [number for number in speeds if number]
    if not known:
        return None
    slowest = min(known)
    if slowest < USB_3:
        sentence = f"the Edge TPU is connected at USB 2 speed ({slowest} Mbit/s), which is slow"
        return warn("usb speed", sentence, "move it to a blue USB 3 port, with its own cable")
    return ok("usb speed", f"USB 3, {slowest:,} Mbit/s")


def _speed(system: System, device: Path) -> int:
    """Return the Mbit/s of an Edge TPU, 0 for any other device."""
    number = ":".join(system.text(device / name) for name in ("idVendor", "idProduct"))
    text = system.text(device / "speed")
    return int(text) if number in USB_IDS and text.isdigit() else 0


def pages(system: System, intent: Intent) -> Finding:
    """Check whether the kernel's pages are small enough for an Edge TPU on PCIe."""
    kib = system.page_bytes // _KIB
    if system.page_bytes <= SMALL_PAGES:
        return ok("page size", f"{kib} KiB, which suits every device")
    if not pci_chips(system):
        return ok("page size", f"{kib} KiB; only an Edge TPU on PCIe would need 4 KiB")
    sentence = f"the kernel uses pages of {kib} KiB; the driver of a PCIe Edge TPU needs 4 KiB"
    command = "echo kernel=kernel8.img | sudo tee -a /boot/firmware/config.txt && sudo reboot"
    return fail("page size", sentence, command)


def library(system: System, intent: Intent) -> Finding | None:
    """Check whether the Edge TPU's library is installed, where it is used."""
    is_needed = _is_needed(intent)
    if not is_needed and not plugged_in(system):
        return None
    wanted = Path(intent.model.library)
    places = [Path(folder) / wanted for folder in _FOLDERS]  # an absolute path stays what it is
    found = [path for place in places for path in system.glob(str(place).lstrip("/"))]
    if found:
        return _paired(system, found[0])
    sentence = f"{wanted} is not installed"
    is_fatal = is_needed and not intent.model.fallback
    return trouble(is_fatal or None, "tpu library", sentence, INSTALL)


def _paired(system: System, path: Path) -> Finding:
    """Name library and interpreter, which must match; `runs on` tries them in a child process."""
    package = next((name for name in PACKAGES if system.package(name)), "")
    owner = f" of {package} {system.package(package)}" if package else ""
    interpreter = next((name for name in INTERPRETERS.values() if system.version(name)), "")
    beside = f", beside {interpreter} {system.version(interpreter)}" if interpreter else ""
    sentence = f"{system.shown(path)}{owner}{beside}"
    if package and "tf" not in system.package(package):  # others name what they were built against
        reports = "Google's build, for TFLite 2.5; field reports say that later ones crash with it"
        return warn("tpu library", f"{sentence}: {reports}", INSTALL)
    return ok("tpu library", sentence)


def pycoral(system: System, intent: Intent) -> Finding | None:
    """Warn of PyPI's pycoral, which has nothing to do with the Edge TPU."""
    version = system.version("pycoral")
    if not version:
        return None
    answer = system.run_python("import pycoral.utils.edgetpu")
    if answer is None or answer.code == 0:
        return None
    sentence = f"pycoral {version} is another project of that name on PyPI, not Google's"
    return warn("pycoral", sentence, f"{system.executable} -m pip uninstall -y pycoral")


def _is_needed(intent: Intent) -> bool:
    return intent.model.runtime == "edgetpu"
