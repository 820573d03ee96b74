"""Run commands in a virtual machine through QEMU's guest agent, which Debian packages."""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

from debian_host import ENVIRONMENT, Done

FIRST = 15.0  # seconds for the first answer; while the machine boots there is none
ANSWER = 60.0  # seconds for one answer of the agent; the machine is emulated and may be busy


class GuestAgent:
    """Speak the agent's protocol, lines of JSON, over the socket that QEMU holds open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: Any = None

    def connect(self) -> bool:
        """Begin to talk; False as long as nobody answers."""
        self.close()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(FIRST)
        try:
            connection.connect(str(self._path))
            self._stream = connection.makefile("rw", encoding="utf-8")
            self._ask("guest-sync", id=time.monotonic_ns())
            connection.settimeout(ANSWER)
        except OSError:
            self.close()
            return False
        finally:
            connection.close()  # the stream keeps it open
        return True

    def execute(self, command: tuple[str, ...], timeout: float = 900) -> Done:
        """Run a command; raises TimeoutError."""
        settings = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        started = self._ask(
            "guest-exec",
            path=command[0], arg=list(command[1:]), env=settings, **{"capture-output": True},
        )  # fmt: skip
        start = time.monotonic()
        while time.monotonic() < start + timeout:
            state = self._ask("guest-exec-status", pid=started["pid"])
            if state["exited"]:
                return Done(state.get("exitcode", -1), _text(state, "out"), _text(state, "err"))
            time.sleep(min(1.0, 0.1 + (time.monotonic() - start) / 20))  # it logs every question
        raise TimeoutError(f"{command}: not done after {timeout:.0f} s")

    def tell(self, command: str, **arguments: Any) -> None:
        """Send a request that is not answered, as `guest-shutdown`."""
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Hang up; may be called twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _ask(self, command: str, **arguments: Any) -> Any:
        self.tell(command, **arguments)
        while line := self._stream.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise OSError(f"{command}: {answer['error']['desc']}")
            if command != "guest-sync" or answer["return"] == arguments["id"]:
                return answer["return"]
        raise ConnectionError("the guest agent has hung up")


def _text(state: dict[str, Any], name: str) -> str:
    return base64.b64decode(state.get(f"{name}-data", "")).decode(errors="replace")
