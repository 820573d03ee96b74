"""The processors of a Raspberry Pi as qemu and the kernel name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """Describe a board by what LiteRT's cpuinfo library and a person can tell it from."""

    model: str
    cpu: str  # qemu's name
    part: int  # Arm's number of the core
    variant: int
    stepping: int
    features: str
    revision: str

    @property
    def cpuinfo(self) -> str:
        """Return /proc/cpuinfo as a 64-bit kernel writes it on that board."""
        core = (
            "BogoMIPS\t: 108.00\n"
            f"Features\t: {self.features}\n"
            "CPU implementer\t: 0x41\n"
            "CPU architecture: 8\n"
            f"CPU variant\t: {self.variant:#x}\n"
            f"CPU part\t: {self.part:#x}\n"
            f"CPU revision\t: {self.stepping}\n"
        )
        cores = "\n".join(f"processor\t: {number}\n{core}" for number in range(4))
        return f"{cores}\nRevision\t: {self.revision}\nSerial\t\t: 0\nModel\t\t: {self.model}\n"


PI_4 = Board(
    "Raspberry Pi 4 Model B Rev 1.5", "cortex-a72", 0xD08, 0, 3,
    "fp asimd evtstrm crc32 cpuid", "d03115",
)  # fmt: skip
PI_5 = Board(
    "Raspberry Pi 5 Model B Rev 1.0", "cortex-a76", 0xD0B, 4, 1,
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp", "d04170",
)  # fmt: skip
BOARDS = (PI_4, PI_5)
