"""Checks of brokers, network cameras and the clock."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from edgepose.doctor import network as checks
from edgepose.doctor.finding import Intent

PLAN = Intent()


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def mqtt(planned, host: str, number: int):
    """Return a plan with one broker, and that output."""
    plan = planned(outputs=f"{{bus: {{type: mqtt, host: '{host}', port: {number}}}}}")
    return plan, plan.outputs("mqtt")[0]


def test_a_broker_that_listens_is_ok(debian, planned, port):
    """A connection is enough; no password is sent."""
    found = checks.broker(debian.system, *mqtt(planned, "127.0.0.1", port))
    assert (found.name, found.status) == ("broker bus", "ok")


def test_a_broker_that_refuses_fails_with_its_place(debian, planned, port):
    """Nobody listens on the port below ours, or a different one that was just closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    found = checks.broker(debian.system, *mqtt(planned, "127.0.0.1", closed))
    assert found.status == "fail"
    assert f"127.0.0.1:{closed}: connection refused" in found.sentence
    assert "outputs.bus" in found.remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "does not answer in time"),
        (socket.gaierror(-2, "Name or service not known"), "the host name is unknown"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_every_way_to_be_away_has_words(debian, planned, error, words):
    """No answer, no name, no network, no possible name; each within two seconds."""

    def connect(address: object, timeout: float) -> None:
        assert timeout == 2.0
        raise error

    found = checks.broker(debian.system, *mqtt(planned, "broker.local", 1883), connect=connect)
    assert found.status == "fail"
    assert words in found.sentence


def test_a_network_camera_is_tried_at_its_own_port(debian, planned):
    """RTSP's, where the URL names none; the password stays out of sight."""
    tried = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    plan = planned("{type: stream, url: 'rtsp://me:hunter2@10.0.0.1/live'}")
    found = checks.stream(debian.system, plan, connect)
    assert tried == [("10.0.0.1", 554)]
    assert found.status == "fail"
    assert "hunter2" not in found.sentence
    assert checks.stream(debian.system, PLAN, connect) is None


def test_a_network_camera_that_answers_is_ok(debian, planned, port):
    """A connection is enough."""
    plan = planned(f"{{type: stream, url: 'http://127.0.0.1:{port}/video'}}")
    assert checks.stream(debian.system, plan).status == "ok"


def test_a_stream_without_a_connection_is_not_tried(debian, planned):
    """UDP has nobody to connect to."""
    assert checks.stream(debian.system, planned("{type: stream, url: 'udp://@:5000'}")) is None


@pytest.mark.parametrize(("error_us", "status"), [(2_000, "ok"), (16_000_000, "warn")])
def test_a_clock_that_nothing_sets_is_a_warning(debian, error_us, status):
    """The kernel's error grows to 16 s at most when nothing keeps it small."""
    assert checks.clock(debian.system, PLAN, lambda: error_us).status == status
    assert checks.clock(debian.system, PLAN, lambda: None) is None


def test_a_clock_that_nothing_could_set_gets_something_that_can(debian):
    """Timedatectl would refuse where no daemon is installed that sets the clock."""
    adrift = 16_000_000
    assert "apt install" in checks.clock(debian.system, PLAN, lambda: adrift).remedy
    debian.write("usr/lib/systemd/systemd-timesyncd")
    assert checks.clock(debian.system, PLAN, lambda: adrift).remedy.endswith("set-ntp true")


def test_the_error_is_read_from_its_place_in_the_kernels_structure():
    """After modes, offset and frequency, before the estimated error; a refusal is no figure."""

    def adjtimex(state) -> int:
        struct.pack_into("@Illlll", state, 0, 0, 11, 22, 33, 44, 55)
        return 0

    assert checks.clock_error_us(adjtimex) == 33
    assert checks.clock_error_us(lambda state: -1) is None


def test_the_kernel_tells_its_error_in_microseconds():
    """What adjtimex(2) says lies between nothing and its greatest."""
    error_us = checks.clock_error_us()
    assert error_us is None or 0 <= error_us <= 16_000_000
