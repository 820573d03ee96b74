"""Build gpio-sim, which is in the source of Debian's kernels and not in their packages.

`add_gpio_sim(tree)` fetches the headers and the source by apt, unpacks them into a folder of
their own and compiles two drivers in a few seconds; nothing is installed on this machine. Where
headers and source are at hand already, `unpack` and `compile_for` do the parts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "tar", "xz", "make", "gcc", "depmod")
SOURCES = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")
KBUILD = "obj-m += irq_sim.o gpio-sim.o\n"


def add_gpio_sim(tree: Path) -> None:
    """Build irq_sim.ko and gpio-sim.ko for the kernel in a tree, into its lib/modules/*/extra.

    Raises CalledProcessError where a package is no longer to be had, or does not compile.
    """
    (modules,) = tree.glob("lib/modules/*")
    with tempfile.TemporaryDirectory() as folder:
        headers = fetch_headers(modules.name, Path(folder) / "headers")
        sources = Path(folder) / "sources"
        unpack(fetch_source(Path(folder)), sources)
        compile_for(headers, sources)
        (modules / "extra").mkdir(exist_ok=True)
        for module in sources.glob("*.ko"):
            shutil.copy(module, modules / "extra")
    run("depmod", "-b", str(tree), modules.name)


def has_gpio_sim(tree: Path) -> bool:
    """Return whether the kernel in a tree has the driver."""
    return any(tree.glob("lib/modules/*/**/gpio-sim.ko*"))


def fetch_headers(release: str, folder: Path) -> Path:
    """Unpack the headers of a kernel like 6.1.0-56-amd64; return the folder to build against."""
    package = f"linux-headers-{release}"
    for name in (package, *(name for name in depends(package) if "compiler" not in name)):
        fetch(name, folder)
    headers = folder / "usr/src" / package
    makefile = headers / "Makefile"  # it includes another one by its absolute path
    makefile.write_text(makefile.read_text().replace("/usr/src", str(folder / "usr/src")))
    return headers


def fetch_source(folder: Path) -> Path:
    """Return Debian's archive of the newest kernel's source, 140 MB, fetched into a folder."""
    (package,) = depends("linux-source")
    fetch(package, folder)
    (archive,) = folder.glob("usr/src/linux-source-*.tar.xz")
    return archive


def unpack(archive: Path, folder: Path) -> None:
    """Unpack what is needed of the kernel's source into a folder, ready to be compiled.

    irq_sim is no module upstream, and calls what the kernel does not export; the function that it
    calls here instead comes to the same handler, with interrupts off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = archive.name.removesuffix(".tar.xz")
    names = [f"{root}/{name}" for name in SOURCES]
    run("tar", "-xJf", str(archive), "--strip-components=3", *names, cwd=folder)
    (folder / "Kbuild").write_text(KBUILD)
    file = folder / "irq_sim.c"
    text = file.read_text().replace(
        "handle_simple_irq(irq_to_desc(irqnum));", "generic_handle_irq_safe(irqnum);"
    )
    file.write_text(f'#include <linux/module.h>\n{text}\nMODULE_LICENSE("GPL");\n')


def compile_for(headers: Path, sources: Path) -> None:
    """Compile what was unpacked for the kernel of these headers."""
    run("make", "-s", "-C", str(headers), f"M={sources}", "modules")


def fetch(package: str, folder: Path) -> None:
    """Unpack a Debian package into a folder."""
    with tempfile.TemporaryDirectory() as place:
        run("apt-get", "download", "-qq", package, cwd=Path(place))
        (file,) = Path(place).glob("*.deb")
        run("dpkg-deb", "-x", str(file), str(folder))


def depends(package: str) -> list[str]:
    """Return the packages that a package of Debian needs."""
    lines = run("apt-cache", "depends", package).splitlines()
    return [line.split()[1] for line in lines if "Depends:" in line]


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program of the system; return what it printed. Raises CalledProcessError."""
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | path, check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    add_gpio_sim(Path(sys.argv[1]))
