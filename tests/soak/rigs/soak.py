"""Run a device for very many frames while everything around it fails, and measure what it costs.

    .venv/bin/python tests/soak/rigs/soak.py --frames 1000000 --out soak.json
    EDGEPOSE_MODEL_PATH=... .venv/bin/python tests/soak/rigs/soak.py --frames 100000 \
        --model movenet-lightning-int8

Without --model the answers of the bundled model to a film are replayed: the whole pipeline but
the inference itself. By the count of frames: the camera is lost and found, stands still, changes
its size; the model fails, thresholds and template change, the model is swapped for another, the
file is spoilt and mended; an output stalls and fails; the broker is stopped and started.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2] / "rigs"))
sys.path.insert(0, str(Path(__file__).parent))

import soak_figures
import soak_parts
from ports import free_port
from soak_visitors import TOKEN

BLOCK: Final = int(os.environ.get("SOAK_BLOCK", "1000"))  # frames between two samples
HERE: Final = Path(__file__).parent
TEMPLATES: Final = HERE.parents[2] / "configs" / "templates"
UNIT: Final = HERE.parents[2] / "systemd" / "edgepose.service"
CONFIG: Final = """\
version: 1
name: soak
source: {{type: soak, frames: {frames}}}
model: {model}
smoothing: normal
watch:
  hands: {{template: templates/{template}.yaml, enter: {enter}, exit: 0.5, angle_deviation: 40}}
  squat: {{template: templates/squat.yaml}}
outputs:
  log: {{type: jsonl, path: events.jsonl, poses: true, max_mb: 5, keep: 2}}
  bus: {{type: mqtt, host: 127.0.0.1, port: {broker}, keypoints: 5, stats_interval: 5}}
{screen}  page: {{type: web, port: {page}, token: {token}, frames: full, fps: 5}}
  metrics: {{type: prometheus, port: {metrics}}}
  ring: {{type: memory, events: 100}}
  rogue: {{type: soak}}
"""
SCREEN: Final = "  screen: {type: hdmi, sink: 'null', size: [240, 320]}\n"
# What happens, and after how many blocks each.
EDIT_EVERY: Final = 5
SPOIL_EVERY: Final = 7
SWAP_EVERY: Final = 11
BROKER_EVERY: Final = 8


class Broker:
    """Run a real mosquitto that goes and comes."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._conf = folder / "mosquitto.conf"
        user = "user root\n" if not os.getuid() else ""
        self._conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}")
        self._process: subprocess.Popen[bytes] | None = None

    def turn(self) -> None:
        """Start it, or stop it."""
        if self._process is None:
            command = ["mosquitto", "-c", str(self._conf)]
            quiet = subprocess.DEVNULL
            path = f"{os.environ['PATH']}:/usr/sbin"
            self._process = subprocess.Popen(
                command, stdout=quiet, stderr=quiet, env=os.environ | {"PATH": path}
            )
        else:
            self.stop()

    def stop(self) -> None:
        """End it; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(20)


class Device:
    """Hold the configuration and the process that runs it."""

    def __init__(
        self, folder: Path, frames: int, models: list[str], broker: int, screen: bool
    ) -> None:
        self.path = folder / "soak.yaml"
        self.log = folder / "device.log"
        (folder / "templates").symlink_to(TEMPLATES)
        self._models = models
        self._says: dict[str, Any] = {
            "frames": frames, "model": models[0], "template": "arms_up", "enter": 0.75,
            "screen": SCREEN if screen else "", "broker": broker, "page": free_port(),
            "metrics": free_port(), "token": TOKEN,
        }  # fmt: skip
        self._write()
        env = os.environ | _as_service() | {"STATE_DIRECTORY": str(folder / "state")}
        command = [sys.executable, str(HERE / "soak_device.py"), str(self.path), str(BLOCK)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=env
            )
        ports = [str(self._says["page"]), str(self._says["metrics"])]
        self.visitors = subprocess.Popen([sys.executable, str(HERE / "soak_visitors.py"), *ports])

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(CONFIG.format(**self._says))
        draft.replace(self.path)

    def _reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def edit(self, turn: int) -> None:
        """Change thresholds and template."""
        self._says |= {"enter": (0.75, 0.7)[turn % 2], "template": ("arms_up", "squat")[turn % 2]}
        self._write()
        self._reload()

    def swap(self, turn: int) -> None:
        """Change the model while it runs."""
        self._says["model"] = self._models[turn % len(self._models)]
        self._write()
        self._reload()

    def spoil(self) -> None:
        """Break the file; the next edit mends it."""
        self.path.write_text("version: 1\nsource: {type: soak, frames: [\n")
        self._reload()

    def stop(self) -> None:
        """End both processes."""
        for process in (self.visitors, self.process):
            process.kill()
            process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Give what the device says, with what the kernel says of it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line) | _of_process(self.process.pid) | {"at": time.monotonic()}
        code = self.process.wait(60)
        if code != 0:
            raise RuntimeError(f"the device ended with {code}:\n{self.log.read_text()[-3000:]}")


def _as_service() -> dict[str, str]:
    """Return what the service's unit tells the C library about memory."""
    lines = UNIT.read_text().splitlines()
    _, name, value = next(line for line in lines if "=GLIBC_TUNABLES=" in line).split("=", 2)
    return {name: value}


def _of_process(pid: int) -> dict[str, int]:
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return {
        "rss": int(fields["VmRSS"].split()[0]) * 1024,
        "threads": int(fields["Threads"]),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - names only, and it is gone soon
    }


def soak(
    frames: int, model: str, folder: Path, screen: bool, seconds: float
) -> list[dict[str, Any]]:
    """Return the samples of a run of so many frames, or of so many seconds if that is less.

    Raises RuntimeError if the device dies.
    """
    samples = []
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        broker = Broker(folder)
        stack.callback(broker.stop)
        broker.turn()
        device = Device(folder, frames, _models(model, folder), broker.port, screen)
        stack.callback(device.stop)
        for block, sample in enumerate(device.lines(), start=1):
            samples.append(sample)
            _do(block, device, broker)
            print(json.dumps(sample), file=sys.stderr, flush=True)  # noqa: T201
            if sample["at"] > end:
                break
    return samples


def _do(block: int, device: Device, broker: Broker) -> None:
    """Let happen what is due."""
    if block % SWAP_EVERY == 0:
        device.swap(block // SWAP_EVERY)
    elif block % SPOIL_EVERY == 0:
        device.spoil()
    elif block % EDIT_EVERY == 0:
        device.edit(block // EDIT_EVERY)
    if block % BROKER_EVERY in (0, 3):
        broker.turn()


def _models(name: str, folder: Path) -> list[str]:
    """Return two models for the configuration, to swap between."""
    if name:
        return [f"{{name: {name}}}", f"{{name: {name}, threads: 1}}"]
    recordings = [folder / "one.npz", folder / "two.npz"]
    for path in recordings:
        _record(path)
    return [f"{{path: {path}, runtime: replay}}" for path in recordings]


def _record(path: Path) -> None:
    """Write down what the bundled model says of the film."""
    from edgepose.appliance.model import load_model
    from edgepose.config.model_section import ModelSection
    from edgepose.runtimes.replay import Recorder
    from edgepose.types import Frame

    loaded = load_model(ModelSection(name="edgepose-nano", runtime="cpu"))
    recorder = Recorder(loaded.detector.runtimes[0], path)
    recorder.open()
    loaded.detector.runtimes = (recorder,)
    camera = soak_parts.SoakCamera(soak_parts.SoakCamera.Options(frames=120))
    for seq in range(120):
        frame = camera.read()
        assert frame is not None
        loaded.detector.detect(Frame(frame.image, frame.time, seq))
    recorder.close()


def main() -> int:
    """Run, write the samples, print the table; 1 when something grew."""
    parser = argparse.ArgumentParser(description="Run a device for very many frames with faults.")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--model", default="", help="a real model instead of the replayed one")
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    parser.add_argument("--seconds", type=float, default=86_400.0, help="end after that time")
    parser.add_argument("--screen", action="store_true", help="also draw for a screen of none")
    asked = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="edgepose-soak-") as folder:
        samples = soak(asked.frames, asked.model, Path(folder), asked.screen, asked.seconds)
    asked.out.write_text(json.dumps(samples))
    figures = soak_figures.Figures.of(samples)
    loads = f"load {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    print(f"{figures}\n{loads}")  # noqa: T201
    return int(bool(figures.leaks))


if __name__ == "__main__":
    sys.exit(main())
