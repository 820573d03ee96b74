"""What systemd is told, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgepose.system.systemd import notify, reloading, watchdog_timeout


class Manager:
    """Be systemd: hold the socket and read what comes."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(address)

    def read(self) -> dict[str, str]:
        """Return the assignments of the next message."""
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path: Path, monkeypatch) -> Iterator[Manager]:
    """Return a manager that this process is told of, at both kinds of address."""
    if request.param == "path":
        address = named = str(tmp_path / "notify")
    else:
        name = f"edgepose-test-{os.getpid()}"
        address, named = f"\0{name}", f"@{name}"
    monkeypatch.setenv("NOTIFY_SOCKET", named)
    manager = Manager(address)
    yield manager
    manager.socket.close()


def test_assignments_arrive_in_one_message(manager):
    """READY and STATUS travel together, as sd_notify(3) says."""
    assert notify(READY=1, STATUS="30.0 fps on CPU") is True
    assert manager.read() == {"READY": "1", "STATUS": "30.0 fps on CPU"}


def test_a_text_of_several_lines_can_not_smuggle_in_another_assignment(manager):
    """A reason with line breaks stays one value without escapes, and a long one is cut."""
    notify(STATUS="the broker said\nWATCHDOG=trigger\x1b[31m", MORE="x" * 10_000)
    said = manager.read()
    assert said["STATUS"] == "the broker said WATCHDOG=trigger?[31m"
    assert "WATCHDOG" not in said
    assert len(said["MORE"]) == 200


def test_a_reload_is_framed_by_reloading_and_ready_also_when_it_fails(manager):
    """A reload that raises has ended as well: `systemctl reload` must not wait for ever."""

    def reload() -> None:
        with reloading():
            raise ValueError("bad edit")

    with pytest.raises(ValueError, match="bad edit"):
        reload()
    begun = manager.read()
    assert begun["RELOADING"] == "1"
    assert int(begun["MONOTONIC_USEC"]) > 0
    assert manager.read() == {"READY": "1"}


def test_without_a_socket_nothing_is_told_and_nothing_fails(monkeypatch):
    """A terminal is no service."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify(READY=1) is False


@pytest.mark.parametrize("address", ["/nowhere/at/all", "@edgepose-nobody-listens", "relative"])
def test_a_manager_that_is_gone_is_no_failure(monkeypatch, tmp_path, address):
    """Whatever the socket's name leads to, the service runs on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(WATCHDOG=1) is False


def test_a_manager_that_reads_nothing_does_not_hold_the_service_up(manager, monkeypatch):
    """A full socket ends in False after a moment, not in a thread that waits for ever."""
    monkeypatch.setattr("edgepose.system.systemd.PATIENCE", 0.01)
    refused = next((n for n in range(100_000) if not notify(STATUS=n)), None)
    assert refused is not None
    assert refused > 0


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("30000000", None, 30.0),
        ("30000000", "self", 30.0),
        ("30000000", "1", None),  # meant for another process
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_known_from_the_environment(monkeypatch, microseconds, pid, seconds):
    """Only a number above 0 that is meant for this process counts."""
    for name, value in {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "self" else value)
    assert watchdog_timeout() == seconds
