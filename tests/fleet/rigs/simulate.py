"""Simulate a fleet against one mosquitto on loopback, and say what broker and devices do.

    python tests/fleet/rigs/simulate.py [--devices 500] [--processes 4] [--seconds 60] [--down 10]

Every device is the real mqtt output with its own connection, thread and outbox. Steps: all connect;
a while of everyday life; the fleet's commands; the broker is stopped and started again; all events
that were shown are compared with those that a listener got. NO_JITTER=1: pauses as paho's own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent.parent
TICKS: Final = os.sysconf("SC_CLK_TCK")
PATIENCE: Final = 600.0  # seconds for what must come; the machine may be busy
COUNTED: Final = ("messages/received", "messages/sent", "bytes/received", "bytes/sent")


class Broker:
    """Run mosquitto; its log tells each connection."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.folder = folder
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\nsys_interval 1\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\n"
            "log_type error\nlog_type notice\nconnection_messages true\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start; return the moment when it listens."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([program, "-c", self._conf], stdout=log, stderr=log)
        _await(self._listens, "mosquitto")
        return time.monotonic()

    def stop(self) -> None:
        """Stop, in order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(PATIENCE)

    def usage(self) -> tuple[float, float]:
        """Return the seconds of processor used so far, and the memory held (MB)."""
        assert self.process is not None
        return _cpu(self.process.pid), _memory(self.process.pid)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Listener:
    """Take every event, over restarts of the broker, and the broker's own figures."""

    def __init__(self, port: int) -> None:
        self.ids: Counter[str] = Counter()
        self.online: set[str] = set()
        self.sys: dict[str, float] = {}
        self._client = Client(CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("edgepose/+/events", 1), ("edgepose/+/available", 1), ("$SYS/broker/#", 0)]
        )
        self._client.on_message = lambda client, userdata, m: self._take(m.topic, m.payload)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("$SYS/broker/"):
            word = payload.split()[0] if payload else b""
            if word.replace(b".", b"").isdigit():
                self.sys[topic.removeprefix("$SYS/broker/")] = float(word)
        elif topic.endswith("/events"):
            self.ids[json.loads(payload)["id"]] += 1
        else:
            name = topic.split("/")[1]
            (self.online.add if payload == b"online" else self.online.discard)(name)


class Devices:
    """Run the processes that hold the devices."""

    def __init__(self, folder: Path, port: int, devices: int, processes: int) -> None:
        self.folder = folder
        health = _health_document(folder)
        each = -(-devices // processes)
        self._processes = [
            subprocess.Popen(
                [sys.executable, HERE / "house_of_devices.py", str(port), str(first),
                 str(min(each, devices - first)), folder, health, str(first)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=os.environ | {"STATE_DIRECTORY": str(folder / "state")},
            )
            for first in range(0, devices, each)
        ]  # fmt: skip

    def tell(self, word: str) -> None:
        """Say a word to every process."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{word}\n")
            process.stdin.flush()

    def cpu(self) -> float:
        """Return the seconds of processor used so far by all of them."""
        return sum(_cpu(process.pid) for process in self._processes)

    def finish(self) -> None:
        """Let them send what waits, and end."""
        self.tell("stop")
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "drained\n"
        for process in self._processes:
            process.wait(PATIENCE)

    def kill(self) -> None:
        """End them, whatever they do."""
        for process in self._processes:
            process.kill()
            process.communicate()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what all of them wrote, once they have ended."""
        for path in sorted(self.folder.glob("devices-*.jsonl")):
            yield from map(json.loads, path.read_text().splitlines())


def simulate(devices: int, processes: int, seconds: float, down: float) -> dict[str, Any]:
    """Return the figures of one simulation."""
    with _folder() as folder:
        broker = Broker(folder)
        broker.start()
        listener = Listener(broker.port)
        begun = time.monotonic()
        fleet = Devices(folder, broker.port, devices, processes)
        try:
            _await(lambda: len(listener.online) == devices, "all devices online")
            report: dict[str, Any] = {"devices": devices, "load": os.getloadavg()[0]}
            report["all_online_s"] = round(time.monotonic() - begun, 1)
            report["everyday"] = _everyday(broker, listener, fleet, seconds)
            report["commands"] = _commands(broker.port, devices)
            stopped, back = _restart(broker, down)
            _await(lambda: len(listener.online) == devices, "all devices back")
            time.sleep(min(seconds, 5.0))
            fleet.tell("quiet")
            fleet.finish()
            lines = list(fleet.lines())
            report["restart"] = _storm(lines, stopped, back)
            report["events"] = _events(lines, listener)
        finally:
            fleet.kill()
            listener.close()
            broker.stop()
    return report


def _everyday(broker: Broker, listener: Listener, fleet: Devices, seconds: float) -> dict[str, Any]:
    """Measure the broker for a while."""
    time.sleep(min(seconds, 5.0))  # the first minute's discovery and states are through
    before, cpu, own = dict(listener.sys), broker.usage()[0], fleet.cpu()
    begun = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    after, (used, memory) = dict(listener.sys), broker.usage()
    rates = {key: round((after[key] - before[key]) / took, 1) for key in COUNTED}
    return {
        "seconds": round(took), "broker_cpu_percent": round(100 * (used - cpu) / took, 1),
        "broker_memory_mb": round(memory, 1), "per_second": rates,
        "device_cpu_percent_all": round(100 * (fleet.cpu() - own) / took, 1),
    }  # fmt: skip


def _commands(port: int, devices: int) -> dict[str, Any]:
    """Time the fleet's own commands, each with the start of its process."""
    template = ROOT / "configs" / "templates" / "arms_up.yaml"
    listed, list_took = _fleet(port, "list", "--json")
    pushed, push_took = _fleet(port, "push-template", template, "--all", "--json", "--timeout", 120)
    accepted = sum(json.loads(line)["state"] == "accepted" for line in pushed)
    assert len(listed) == devices, f"{len(listed)} devices listed"
    assert accepted == devices, f"{accepted} devices took the template"
    return {"list_s": round(list_took, 1), "push_template_all_s": round(push_took, 1)}


def _fleet(port: int, *arguments: object) -> tuple[list[str], float]:
    """Return the lines of a fleet command and the seconds that it took."""
    begun = time.monotonic()
    words = [sys.executable, "-m", "edgepose", "fleet", *map(str, arguments)]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    done = subprocess.run([*words, *place], capture_output=True, text=True, check=True)
    return done.stdout.splitlines(), time.monotonic() - begun


def _restart(broker: Broker, down: float) -> tuple[float, float]:
    """Stop and start the broker; return when it went and when it listened again."""
    stopped = time.monotonic()
    broker.stop()
    time.sleep(down)
    return stopped, broker.start()


def _storm(lines: list[dict[str, Any]], stopped: float, back: float) -> dict[str, Any]:
    """Return how the devices came back: tries while it was away, connections a second after."""
    first: dict[str, float] = {}
    for line in lines:
        if line["what"] == "in" and line["at"] > stopped:
            first.setdefault(line["device"], line["at"])
    took = sorted(max(0.0, at - back) for at in first.values())
    tries = [x["at"] for x in lines if x["what"] == "out" and stopped < x["at"] < back]
    refused = Counter(int(10 * (at - stopped)) for at in tries)
    connected = Counter(int(10 * at) for at in took)
    seconds = Counter(int(at) for at in took)
    return {
        "broker_away_s": round(back - stopped, 1),
        "tries_while_away": len(tries),
        "busiest_tenth_of_a_second": max(connected.values()),
        "busiest_tenth_while_away": max((v for k, v in refused.items() if k > 10), default=0),
        "connections_per_second": [seconds[s] for s in range(int(took[-1]) + 1)],
        "back_p50_s": round(took[len(took) // 2], 1),
        "back_p99_s": round(took[int(0.99 * (len(took) - 1))], 1),
        "back_all_s": round(took[-1], 1),
    }  # fmt: skip


def _events(lines: list[dict[str, Any]], listener: Listener) -> dict[str, int]:
    """Compare the events that were shown with those that came."""
    shown = {line["id"] for line in lines if line["what"] == "event"}
    _await(lambda: shown <= listener.ids.keys(), "every event", must=False)
    return {
        "shown": len(shown), "lost": len(shown - listener.ids.keys()),
        "invented": len(listener.ids.keys() - shown),
        "repeated": sum(count - 1 for count in listener.ids.values()),
    }  # fmt: skip


def _health_document(folder: Path) -> Path:
    """Write the health document of a real appliance, and return where."""
    from edgepose.appliance.appliance import Appliance
    from edgepose.config.loader import load

    config = folder / "edgepose.yaml"
    template = ROOT / "configs" / "templates" / "arms_up.yaml"
    config.write_text(
        f"version: 1\nname: device\nsource: {{type: synthetic}}\nmodel: {{name: edgepose-nano}}\n"
        f"watch:\n  hands: {{template: {template}}}\n"
    )
    path = folder / "health.json"
    path.write_text(json.dumps(Appliance(load(config)).state()))
    return path


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder in memory: five hundred outboxes on one disk measure the disk."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        yield Path(name)


def _await(condition: Callable[[], Any], what: str, *, must: bool = True) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            assert not must, f"waited {PATIENCE:.0f} s for {what}"
            return
        threading.Event().wait(0.02)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--down", type=float, default=10.0)
    given = parser.parse_args()
    report = simulate(given.devices, given.processes, given.seconds, given.down)
    print(json.dumps(report, indent=2))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
