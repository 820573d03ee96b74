"""Checks of a Coral Edge TPU: is it there, on a fast port, with its driver and its library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble, warn
from edgepose.doctor.system import System
from edgepose.runtimes.edgetpu import NO_FIRMWARE, USB_IDS, list_edge_tpus
from edgepose.runtimes.interpreter import INTERPRETERS

PCI_ID: Final = ("0x1ac1", "0x089a")
USB_3: Final = 5000  # Mbit/s
SMALL_PAGES: Final = 4096
_KIB: Final = 1024
INSTALL: Final = "sudo apt install -y libedgetpu1-std"
PACKAGES: Final = ("libedgetpu1-std", "libedgetpu1-max")  # the second one clocks the chip higher
_DESCRIBED: Final = {
    "usb": "one on USB (18d1:9302)",
    NO_FIRMWARE: "one on USB, not used since power-up (1a6e:089a; 18d1:9302 from its first use on)",
}
_FOLDERS: Final = ("usr/lib", "usr/lib/*", "usr/local/lib", "lib", "lib/*")


def chip(system: System, plan: Intent) -> Finding:
    """Tell which Edge TPUs are plugged in, and what their USB number means."""
    is_needed = _is_needed(plan)
    found = plugged_in(system)
    if not found and pci_chips(system):
        sentence = "an Edge TPU is on PCIe, but its driver is not loaded (no /dev/apex_0)"
        return trouble(is_needed, "edge tpu", sentence, "sudo apt install -y gasket-dkms")
    if found:
        listed = ", ".join(_DESCRIBED.get(name, name) for name in found)
        return ok("edge tpu", f"found {listed}")
    if is_needed:
        sentence = "the configuration wants an Edge TPU, and none is plugged in"
        mend = "plug it into a blue USB 3 port, without a hub, or set model.runtime to auto"
        return trouble(not plan.model.fallback, "edge tpu", sentence, mend)
    return ok("edge tpu", "none is plugged in; models run on the CPU")


def plugged_in(system: System) -> tuple[str, ...]:
    """Return the Edge TPUs that the kernel can reach."""
    return list_edge_tpus(system.path("sys/bus/usb/devices"), system.path("dev"))


def pci_chips(system: System) -> list[Path]:
    """Return the Edge TPUs on PCIe, with or without a driver."""
    devices = system.glob("sys/bus/pci/devices/*")
    return [device for device in devices if _pci_id(system, device) == PCI_ID]


def _pci_id(system: System, device: Path) -> tuple[str, str]:
    vendor, product = (
        system.text(f"{system.shown(device)}/{name}") for name in ("vendor", "device")
    )
    return vendor, product


def speed(system: System, plan: Intent) -> Finding | None:  # noqa: ARG001
    """Tell whether an Edge TPU on USB is on a fast port with a fast cable."""
    speeds = [_speed(system, device) for device in system.glob("sys/bus/usb/devices/*")]
    known = [number for number in speeds if number]
    if not known:
        return None
    slowest = min(known)
    if slowest < USB_3:
        sentence = f"the Edge TPU is connected at USB 2 speed ({slowest} Mbit/s): it is slow there"
        return warn("usb speed", sentence, "move it to a blue USB 3 port, with its own cable")
    return ok("usb speed", f"USB 3, {slowest:,} Mbit/s")


def _speed(system: System, device: Path) -> int:
    """Return the Mbit/s of an Edge TPU, 0 for what is none."""
    place = system.shown(device)
    number = ":".join(system.text(f"{place}/{name}") for name in ("idVendor", "idProduct"))
    text = system.text(f"{place}/speed")
    return int(text) if number in USB_IDS and text.isdigit() else 0


def pages(system: System, plan: Intent) -> Finding:  # noqa: ARG001
    """Tell whether the kernel's pages are small enough for an Edge TPU on PCIe."""
    kib = system.page_bytes // _KIB
    if system.page_bytes <= SMALL_PAGES:
        return ok("page size", f"{kib} KiB, which suits everything")
    if not pci_chips(system):
        return ok("page size", f"{kib} KiB; only an Edge TPU on PCIe would need 4 KiB")
    sentence = f"the kernel has pages of {kib} KiB, and the PCIe Edge TPU's driver needs 4 KiB"
    command = "echo kernel=kernel8.img | sudo tee -a /boot/firmware/config.txt && sudo reboot"
    return fail("page size", sentence, command)


def library(system: System, plan: Intent) -> Finding | None:
    """Tell whether the Edge TPU's library is installed where one is used."""
    is_needed = _is_needed(plan)
    if not is_needed and not plugged_in(system):
        return None
    wanted = Path(plan.model.library)
    places = [Path(folder) / wanted for folder in _FOLDERS]  # an absolute path stays what it is
    found = [path for place in places for path in system.glob(str(place).lstrip("/"))]
    if found:
        return _paired(system, found[0])
    sentence = f"{wanted} is not installed (the package is in Google's Coral repository)"
    is_fatal = is_needed and not plan.model.fallback
    return trouble(is_fatal or None, "tpu library", sentence, INSTALL)


def _paired(system: System, path: Path) -> Finding:
    """Name both of a pair that must fit: a wrong one crashes, which `runs on` tries in a child."""
    package = next((name for name in PACKAGES if system.package(name)), "")
    owner = f" of {package} {system.package(package)}" if package else ""
    mate = next((name for name in INTERPRETERS.values() if system.version(name)), "")
    beside = f", beside {mate} {system.version(mate)}" if mate else ""
    return ok("tpu library", f"{system.shown(path)}{owner}{beside}")


def pycoral(system: System, plan: Intent) -> Finding | None:  # noqa: ARG001
    """Tell of PyPI's pycoral, which has nothing to do with the Edge TPU."""
    version = system.version("pycoral")
    if not version:
        return None
    answer = system.ask(system.executable, "-c", "import pycoral.utils.edgetpu")
    if answer is None or answer.code == 0:
        return None
    sentence = f"pycoral {version} is not Google's: PyPI has another project of that name"
    return warn("pycoral", sentence, f"{system.executable} -m pip uninstall -y pycoral")


def _is_needed(plan: Intent) -> bool:
    return plan.model.runtime == "edgetpu"
