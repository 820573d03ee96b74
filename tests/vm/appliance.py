"""What is installed in the virtual machine: its configuration, camera, pin and events."""

from __future__ import annotations

import json
from typing import Any

from virtual_pi import VirtualPi

CONFIG = "/etc/edgepose/edgepose.yaml"
EVENTS = "/var/lib/edgepose/events.jsonl"
CLIP_CAMERA = "/dev/video20"  # v4l2loopback, fed with a real clip
VIVID = "/dev/video0"  # the kernel's test camera, which can be unplugged
CLIP = "/mnt/media/clips/jumping_jacks_1_count11.mp4"
PIN = "/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio17/value"
PYTHON = "/opt/edgepose/venv/bin/python"

# Patient with an inference and with a picture's age, because the processor is emulated; what is
# done is the same. `release` keeps the pin on long enough for the service to be killed meanwhile.
CONFIGURATION = f"""\
version: 1
name: edgebox
source: {{type: v4l2, device: {CLIP_CAMERA}, size: [288, 512], fps: 5}}
model: {{deadline: 60}}
watch:
  arms_up: {{template: templates/jack.yaml, hold: 0.0, release: 3, max_age: 30}}
outputs:
  screen: {{type: hdmi, mirror: false}}
  relay: {{type: gpio, line: 17, when: arms_up, interlock: 30}}
  log: {{type: jsonl, path: {EVENTS}}}
"""

# A camera that delivers from the boot on, as a plugged-in one does.
CAMERA_UNIT = f"""\
[Unit]
Description=A camera that shows a clip
After=hardware.service
[Service]
ExecStart={PYTHON} /mnt/rig/clip_camera.py {CLIP} {CLIP_CAMERA} 5
Restart=always
[Install]
WantedBy=multi-user.target
"""


class Appliance:
    """Configure and watch what runs in a machine."""

    def __init__(self, machine: VirtualPi) -> None:
        self.machine = machine

    def set_up(self) -> None:
        """Write the configuration, and let the clip be shown to the camera at every boot."""
        self.write("/etc/systemd/system/clip-camera.service", CAMERA_UNIT)
        self.machine.run("systemctl", "enable", "clip-camera")
        self.machine.run("cp", "/mnt/rig/jack.yaml", "/etc/edgepose/templates/")
        self.write(CONFIG, CONFIGURATION)

    def write(self, path: str, text: str) -> None:
        """Replace a file's text as an editor does; owner and mode stay."""
        self.machine.run("sh", "-c", 'printf %s "$1" >"$0"', path, text)

    def edit(self, before: str, after: str, path: str = CONFIG) -> None:
        """Change the configuration as somebody with an editor does."""
        text = self.machine.run("cat", path).stdout
        assert before in text
        self.write(path, text.replace(before, after))

    def reload(self) -> None:
        """Let the running service read its configuration again."""
        self.machine.run("systemctl", "reload", "edgepose", check=False)

    @property
    def frames(self) -> int:
        """Return how many frames the running process has seen."""
        return int(self.machine.health.get("stats", {}).get("counts", {}).get("captured", 0))

    @property
    def source_state(self) -> str:
        """Return how the camera is by the health document."""
        return str(self.machine.health.get("source", {}).get("state", ""))

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return what was written to the log so far; fails on a damaged line."""
        return [json.loads(line) for line in self.machine.said("cat", EVENTS).splitlines()]

    def wait_for_pin(self, level: int, then: str = "true") -> None:
        """Wait inside, where a short pulse is not missed, and run a command at that moment."""
        loop = f"until [ $(cat {PIN}) = {level} ]; do sleep 0.1; done; {then}"
        self.machine.run("timeout", str(self.machine.patience), "sh", "-c", loop)
