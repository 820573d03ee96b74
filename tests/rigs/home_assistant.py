"""A real Home Assistant in a Debian of its own, asked and told over its HTTP interface.

Its Python is newer than bookworm's, so it lives in a trixie; it is fetched once and kept in the
cache folder. It shares the network of this machine and listens on the loopback interface alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from container import bootstrap
from debian_host import ENVIRONMENT
from ports import free_port

VERSION = "2026.2.3"  # the last for trixie's Python 3.13
PATIENCE = 240.0  # seconds that anything may take; a first start writes a lot
CONFIGURATION = """
homeassistant: {{name: test, latitude: 0, longitude: 0, elevation: 0, unit_system: metric,
                time_zone: UTC, country: DE}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
config:
onboarding:
logger: {{default: warning, logs: {{homeassistant.components.mqtt: info}}}}
"""
MAKE = f"""
set -e
mount --bind /proc "$0/proc"
mount --bind /dev "$0/dev"
mkdir -p "$0/dev/pts"
chroot "$0" apt-get update -qq
chroot "$0" apt-get install -y -qq --no-install-recommends \\
    python3-venv python3-dev gcc g++ libc6-dev
chroot "$0" python3 -m venv /srv/ha
chroot "$0" /srv/ha/bin/pip install -q homeassistant=={VERSION} paho-mqtt==2.1.0
"""
START = """
set -e
mount --bind "$1" "$0/mnt"
mount -t proc proc "$0/proc"
mount --bind /dev "$0/dev"
exec chroot "$0" /srv/ha/bin/hass --config /mnt
"""
ISOLATED = ("unshare", "--mount", "--propagation", "private", "bash", "-c")
CLIENT = "http://127.0.0.1/"


class HomeAssistant:
    """An instance with its own user: `start`, `stop`; what it knows stays in its folder.

    url: where it listens. token: of its user, "" before the first start.
    """

    def __init__(self, folder: Path) -> None:
        self._root = _made()
        self._folder = folder
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))

    def start(self) -> None:
        """Start it, and wait until it is up; the first time it gets a user."""
        with (self._folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*ISOLATED, START, self._root, self._folder],
                env=ENVIRONMENT | {"PATH": f"/srv/ha/bin:{ENVIRONMENT['PATH']}"},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait(lambda: self._answers("/manifest.json") or self._answers("/api/onboarding"))
        if not self.token:
            self._become_somebody()
        self.wait(lambda: self.get("/api/config")["state"] == "RUNNING")

    def stop(self) -> None:
        """End it in order; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

    def use_broker(self, port: int) -> None:
        """Set the MQTT integration up, as a person does in the settings."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        step = f"/api/config/config_entries/flow/{flow['flow_id']}"
        if flow["type"] == "menu":
            self.post(step, {"next_step_id": "broker"})
        done = self.post(step, {"broker": "127.0.0.1", "port": port})
        assert done["type"] == "create_entry", done

    def states(self) -> dict[str, dict[str, Any]]:
        """Return every entity's state and attributes by its id."""
        return {one["entity_id"]: one for one in self.get("/api/states")}

    def state(self, entity: str) -> str:
        """Return the state of an entity, "" where there is none."""
        return str(self.states().get(entity, {}).get("state", ""))

    def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service, such as number.set_value, on an entity."""
        self.post(f"/api/services/{service.replace('.', '/')}", {"entity_id": entity, **data})

    def wait_for(self, entity: str, state: str) -> None:
        """Wait until an entity has a state."""
        self.wait(lambda: self.state(entity) == state, f"{entity} to be {state}")

    def wait(self, is_so: Callable[[], Any], what: str = "Home Assistant") -> Any:
        """Return what is true in the end; fail after PATIENCE."""
        end = time.monotonic() + PATIENCE
        while not (found := is_so()):
            assert self._process is not None
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}: {self.log[-3000:]}"
            time.sleep(0.2)
        return found

    @property
    def log(self) -> str:
        """Return what it has said."""
        return (self._folder / "out.log").read_text(errors="replace")

    def get(self, path: str) -> Any:
        """Return what is at a path, read as JSON."""
        return self._ask(path)

    def picture(self, entity: str) -> bytes:
        """Return the picture of an image entity."""
        request = self._request(f"/api/image_proxy/{entity}", None)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def post(self, path: str, value: dict[str, Any]) -> Any:
        """Send JSON; return the answer."""
        return self._ask(path, json.dumps(value).encode())

    def _become_somebody(self) -> None:
        person = {"name": "T", "username": "t", "password": "long enough", "language": "en"}
        code = self.post("/api/onboarding/users", {**person, "client_id": CLIENT})["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT}
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.url}/auth/token", body, timeout=60) as answer:
            self.token = json.load(answer)["access_token"]

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(self._request(path, body), timeout=60) as answer:
            return json.load(answer)

    def _request(self, path: str, body: bytes | None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return urllib.request.Request(self.url + path, body, headers)

    def _answers(self, path: str) -> bool:
        try:
            self._ask(path)
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError):
            return False
        return True


def _made() -> Path:
    """Return a Debian with Home Assistant in it: fetched in some minutes, or kept from before."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = home / "edgepose-tests" / f"home-assistant-{VERSION}"
    if not root.is_dir():
        part = root.with_name(f"{root.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        bootstrap("trixie", part)
        done = subprocess.run(
            [*ISOLATED, MAKE, part], env=ENVIRONMENT, capture_output=True, text=True,
            timeout=1800, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.fail(f"no Home Assistant: {done.stderr[-2000:]}")
        part.rename(root)
    return root
