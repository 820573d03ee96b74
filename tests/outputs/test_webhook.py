"""Events to a real server that fails in every way a server can."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.server
import json
import logging
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.errors import OutputLost
from edgepose.outputs import fallback_outbox
from edgepose.outputs.base import Device
from edgepose.outputs.webhook import SLICE, Webhook, WebhookOptions
from edgepose.types import Scene

WAIT = 20.0


class Server(http.server.ThreadingHTTPServer):
    """Take posts; answer as told.

    plan: statuses of the next answers, 200 when there are none; "cut" closes without an answer,
    "late" takes the post but answers after the client has gone. taken: (headers, body) of posts
    answered with 200, or taken without an answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan: list[int | str] = []
        self.location = "/elsewhere"  # of redirects
        self.delay = 0.0  # seconds before each answer
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        self.has_taken = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def ids(self) -> list[str]:
        """Return the ids of what was taken."""
        return [json.loads(body)["id"] for _, body in self.taken]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.released.wait(self.server.delay)
        answer = self.server.plan.pop(0) if self.server.plan else 200
        if answer == "cut":
            return
        if answer in (200, "late"):
            self.server.taken.append((dict(self.headers), body))
            self.server.has_taken.set()
        if answer == "late":
            self.server.released.wait(WAIT)
            return
        if answer == "garbage":
            self.wfile.write(b"\x1b[31m\x00\xff" * 5000 + b"\n")
            return
        if answer == "talkative":
            self.send_response(503, "A" * 60_000)
            answer = 503
        else:
            self.send_response(int(answer))
        if 300 <= int(answer) < 400:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that runs."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.released.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of the test."""
    folder = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def hook(server: Server, device: Device) -> Iterator[Callable[..., Webhook]]:
    """Return a maker of outputs that post to the server, opened; each has an outbox of its own."""
    all_made: list[Webhook] = []

    def make(name: str = "", **values: Any) -> Webhook:
        options = {"url": f"http://127.0.0.1:{server.port}/take?token=abc"} | values
        made = Webhook(
            WebhookOptions.model_validate(options),
            replace(device, output=name or f"hook-{len(all_made)}"),
            clock=lambda: 1_700_000_000.9,
        )
        made.open()
        all_made.append(made)
        return made

    yield make
    for made in all_made:
        made.close()


def post(output: Webhook, *scenes: Scene) -> Webhook:
    """Show scenes, and let the output post what it can, whatever its back-off says."""
    for scene in scenes:
        output.show(scene)
    output._retry_at = 0.0
    output.tick()
    while (due := output.wake_at) is not None and due <= time.monotonic():
        output.tick()  # one slice of time is too short for all on a busy machine
    return output


Make = Callable[..., Webhook]


def test_events_are_posted_in_order(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Each as the promised JSON object, in a post of its own; without events nothing is sent."""
    first = scene(0, 1, 2)
    output = hook()

    post(output, first, scene(1), scene(2, 3))

    assert server.ids == ["id-1", "id-2", "id-3"]
    headers, body = server.taken[0]
    assert json.loads(body) == first.events[0].to_dict()
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "id-1"
    assert server.paths[0] == "/take?token=abc"


def test_an_event_is_signed_with_its_time(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Anybody with the secret can check body and time; the receiver's side is written out here."""
    post(hook(secret="open sesame"), scene(0, 1))

    headers, body = server.taken[0]
    fields = dict(field.split("=") for field in headers["X-Edgepose-Signature"].split(","))
    expected = hmac.new(b"open sesame", fields["t"].encode() + b"." + body, hashlib.sha256)
    assert fields["t"] == "1700000000"
    assert hmac.compare_digest(fields["v1"], expected.hexdigest())


def test_without_a_secret_nothing_is_signed(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """A signature that anybody could make would only mislead."""
    post(hook(), scene(0, 1))

    assert "X-Edgepose-Signature" not in server.taken[0][0]


def test_a_secret_is_not_shown(hook: Make):
    """Options end up in logs and error messages."""
    assert "sesame" not in repr(WebhookOptions(url="http://x.org", secret="sesame"))


def test_a_long_reason_of_a_server_is_cut(server: Server, hook: Make, scene: Callable[..., Scene]):
    """It goes into the log, the health document and MQTT."""
    server.plan = ["talkative"] * 100
    output = post(hook("door"), scene(0, 1))
    assert "answered 503 AAA" in output.trouble
    assert len(output.trouble) < 200


def test_an_answer_that_is_none_is_a_failed_post(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """A redirect to nowhere, or bytes of anything: the event waits, and no terminal obeys."""
    server.location = "http://[::1"
    server.plan = [302, "garbage"]
    output = post(hook("door"), scene(0, 1))
    assert "answered 302" in output.trouble

    post(output)
    assert output.trouble.isprintable()
    assert len(output.trouble) < 200
    assert not server.ids

    post(output)
    assert server.ids == ["id-1"]
    assert not output.trouble


def test_watches_and_types_are_chosen(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Only events of the named watches, and of the named types."""
    made = scene(0, 1, 2, 3)
    start, other, end = made.events
    events = (start, replace(other, name="wave"), replace(end, type="end"))
    made = replace(made, events=events)

    post(hook(when="arms_up", types=["start"]), made)
    post(hook(when=["wave", "squat"]), made)
    post(hook(types=["end"]), made)

    assert server.ids == ["id-1", "id-2", "id-3"]


@pytest.mark.parametrize("fault", [500, 503, 429, 404, 401, 408, "cut"])
def test_a_server_in_trouble_gets_the_event_again(
    server: Server, hook: Make, scene: Callable[..., Scene], fault: int | str
):
    """The output is lost for the time being; what was taken before is not repeated."""
    output = hook()
    lost = scene(0, 1, 2, 3)
    server.plan = [200, fault]

    post(output, lost)
    trouble = output.trouble
    output.close()
    output.open()
    post(output, scene(1, 4))

    assert re.match(r"http://127\.0\.0\.1:\d+: ", trouble)
    assert "token" not in trouble
    assert output.trouble == ""
    assert server.ids == ["id-1", "id-2", "id-3", "id-4"]


def test_a_server_that_takes_nothing_is_tried_less_and_less_often(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """Pauses double from half a second; after an event that was taken they begin again."""
    output = hook()
    server.plan = [500, 500, 500, 200, 500]
    pauses = []
    output.show(scene(0, 1, 2))

    for _ in range(4):
        post(output)
        pauses.append(output._retry_at - time.monotonic())

    assert pauses == pytest.approx([0.5, 1.0, 2.0, 0.5], abs=0.2)
    assert output.wake_at == output._retry_at


def test_a_server_that_is_too_slow_is_a_trouble(
    hook: Make, scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
):
    """It takes every event, and some always wait: in the end the oldest would be dropped."""
    monkeypatch.setattr(fallback_outbox, "SLOW", 0.0)
    output = hook()
    assert output.trouble == ""

    output.show(scene(0, 1))

    assert output.trouble.startswith("events are taken too slowly: 1 wait")
    post(output)
    assert output.trouble == ""


def test_a_short_failure_does_not_hide_that_a_server_is_too_slow(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """It refuses one post now and then: the backlog's time goes on."""
    output = hook()
    output._works_since -= 1000.0
    server.plan = [503]
    post(output, scene(0, 1))
    output._retry_at = 0.0
    post(output)
    output.show(scene(1, 2))
    output._outbox._empty_at -= 1000.0

    assert output.trouble.startswith("events are taken too slowly: 1 wait")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_event_that_is_refused_does_not_hold_up_others(
    server: Server,
    hook: Make,
    scene: Callable[..., Scene],
    status: int,
    caplog: pytest.LogCaptureFixture,
):
    """It would be refused for ever; the log says which."""
    server.plan = [status]

    output = post(hook(), scene(0, 1, 2))

    assert server.ids == ["id-2"]
    assert output.health["refused"] == 1
    assert f"answered {status}" in caplog.text
    assert "event id-1, which is dropped" in caplog.text


def test_a_receiver_that_calls_every_event_bad_costs_three_of_them(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """A proxy may answer 400 to anything. Others are kept, and tried until one is accepted."""
    output = hook()
    server.plan = [400] * 5
    post(output, scene(0, 1))
    assert "to the latest event, which is dropped" in output.trouble
    post(output, scene(1, *range(2, 9)))
    assert "answered 400 Bad Request to each of the latest events" in output.trouble
    assert (output.health["refused"], output.health["waiting"]) == (3, 5)
    for _ in range(2):
        output._retry_at = 0.0
        output.tick()

    assert output.trouble == ""
    assert server.ids == ["id-6", "id-4", "id-5", "id-7", "id-8"]
    assert (output.health["refused"], output.health["waiting"]) == (3, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: Server, hook: Make, scene: Callable[..., Scene], status: int
):
    """A signed event never goes to an address that nobody wrote down."""
    server.plan = [status]

    output = post(hook(), scene(0, 1))

    assert "redirects are not followed: write the new address" in output.trouble
    assert server.paths == ["/take?token=abc"]


def test_a_server_that_does_not_answer_is_given_up(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """After `timeout`; the event comes again with the same id, since nobody knows if it arrived."""
    server.plan = ["late"]

    hasty = post(hook("same", timeout=0.2), scene(0, 1))
    assert "no answer in time" in hasty.trouble
    assert server.has_taken.wait(WAIT)
    hasty.close()
    post(hook("same"))

    assert server.ids == ["id-1", "id-1"]


def test_a_server_that_is_not_there_is_told(device: Device, scene: Callable[..., Scene]):
    """Refused connections and unknown names are lost outputs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = Webhook(WebhookOptions(url=f"http://127.0.0.1:{port}/"), device)
    output.open()

    post(output, scene(0, 1))

    assert "Connection refused" in output.trouble
    output.close()


def test_what_is_no_http_is_told(device: Device, scene: Callable[..., Scene]):
    """Another service on that port."""

    class Talker(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(b"220 mail.example.org ESMTP\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Talker) as talker:
        thread = threading.Thread(target=talker.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{talker.server_address[1]}/"
        output = Webhook(WebhookOptions(url=url), device)
        output.open()

        post(output, scene(0, 1))
        thread.join()

    assert "220 mail" in output.trouble
    output.close()


def test_a_long_outage_leaves_one_large_scene_that_is_posted_once(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """Failing near its end repeats nothing; being given the scene again doesn't either."""
    output = hook()
    lost = scene(0, *range(40))
    server.plan = [200] * 39 + [500]

    post(output, lost)
    post(output, lost)

    assert server.ids == [f"id-{number}" for number in range(40)]


def test_nothing_is_lost_through_the_outlet(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """Fifty events through a flapping server, on the output's own thread: each once, in order."""
    server.plan = [500, 200, "cut", 200, 200, 503, 500]
    crashes: list[BaseException] = []
    output = hook()
    output._backoff.next = lambda: 0.01  # type: ignore[method-assign] - no need to wait here
    output.close()
    outlet = OutputWorker("hook", output, Stats(), crashes.append)
    outlet.start()

    end = time.monotonic() + WAIT
    for seq in range(50):
        outlet.offer(scene(seq, seq))
    while len(server.ids) < 50:
        assert server.released.wait(0.01) or time.monotonic() < end, server.ids
    outlet.drain()
    outlet._thread.join(WAIT)

    assert not crashes
    assert server.ids == [f"id-{seq}" for seq in range(50)]


@pytest.fixture
def secure(server: Server, tmp_path: Path) -> Path:
    """Let the server speak TLS with a certificate of its own; return that."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl is not installed: it makes the certificate of this test")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    return certificate


def test_certificates_are_checked(
    server: Server, secure: Path, hook: Make, scene: Callable[..., Scene]
):
    """Unknown ones are refused, as are known ones of another host; `ca` makes one known."""
    url = f"https://localhost:{server.port}/"
    assert "self-signed certificate" in post(hook(url=url), scene(0, 1)).trouble
    address = url.replace("localhost", "127.0.0.1")
    assert "IP address mismatch" in post(hook(url=address, ca=secure), scene(0, 1)).trouble
    assert server.ids == []

    post(hook(url=url, ca=secure), scene(0, 1))

    assert server.ids == ["id-1"]


def test_a_file_without_certificates_is_told(device: Device, tmp_path: Path):
    """Named with its path."""
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    output = Webhook(WebhookOptions(url="https://x.org", ca=path), device)

    with pytest.raises(OutputLost, match=r"ca\.pem: no certificates"):
        output.open()
    output.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("example.org/hook", "begins with http"),
        ("ftp://example.org", "begins with http"),
        ("https://", "begins with http"),
        ("https://me:secret@example.org", "no user and password in the URL"),
    ],
)
def test_an_address_that_cannot_work_is_an_error(url: str, words: str):
    """Told by check-config, not in the field."""
    with pytest.raises(ValidationError, match=words):
        WebhookOptions(url=url)


def test_events_wait_on_the_disk_for_the_next_start(
    server: Server, hook: Make, scene: Callable[..., Scene], caplog: pytest.LogCaptureFixture
):
    """What a server did not take is posted by the next process, before its own, in order."""
    server.plan = [500] * 100
    first = post(hook("door"), scene(0, 1, 2))
    with caplog.at_level(logging.WARNING, "edgepose.outputs.webhook"):
        first.close()
    assert "2 events are still to be sent" in caplog.text

    server.plan = []
    post(hook("door"), scene(1, 3))

    assert server.ids == ["id-1", "id-2", "id-3"]


def test_an_event_that_was_posted_is_not_posted_again_after_a_restart(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """A kill may let events come again; the outbox knows their ids."""
    post(hook("door"), scene(0, 1)).close()

    again = hook("door")
    again.recover(scene(1, 1, 2).events)
    post(again)

    assert server.ids == ["id-1", "id-2"]


def test_past_the_limit_the_oldest_is_dropped_and_counted(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """The document says how many."""
    server.plan = [500]
    output = post(hook(outbox_max=3), scene(0, *range(10)))
    assert output.health == {"waiting": 3, "dropped": 7, "refused": 0}

    post(output)

    assert server.ids == ["id-7", "id-8", "id-9"]


class Drip(socketserver.ThreadingTCPServer):
    """Answer a post with these bytes again and again, a tenth of a second apart, for ever."""

    daemon_threads = True
    drop = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Drips(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Drip)
        gone = threading.Event()
        with contextlib.suppress(OSError):
            while not gone.wait(0.1):
                self.request.sendall(self.server.drop)


@pytest.mark.parametrize(
    "drop", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "]
)
def test_a_server_that_answers_for_ever_is_given_up_in_time(
    device: Device, scene: Callable[..., Scene], drop: bytes
):
    """`timeout` is for the whole exchange, not for each byte of it."""
    with Drip(("127.0.0.1", 0), _Drips) as drip:
        drip.drop = drop
        thread = threading.Thread(target=drip.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        output = Webhook(WebhookOptions(url=drip.url, timeout=0.5), device)
        output.open()
        start = time.monotonic()

        post(output, scene(0, 1))

        took = time.monotonic() - start
        output.close()
        drip.shutdown()
        thread.join()
    assert "no answer in time" in output.trouble
    assert 0.4 < took < 2.0


def test_a_backlog_is_posted_in_steps(server: Server, hook: Make, scene: Callable[..., Scene]):
    """However slow the receiver, one call takes SLICE and one post at most; the rest comes next."""
    server.delay = 0.1
    output = hook()
    output.show(scene(0, *range(12)))
    steps = 0

    while output.health["waiting"]:
        start = time.monotonic()
        output.tick()
        assert time.monotonic() - start < SLICE + 1.0
        assert output.wake_at is None or output.wake_at <= time.monotonic()
        steps += 1

    assert steps >= 2
    assert server.ids == [f"id-{number}" for number in range(12)]


def test_a_backlog_never_looks_like_a_hang(server: Server, hook: Make, scene: Callable[..., Scene]):
    """The watchdog sees short calls only, while scenes keep coming and everything is posted."""
    server.delay = 0.05
    output = hook()
    output.close()
    crashes: list[BaseException] = []
    worker = OutputWorker("hook", output, Stats(), crashes.append)
    worker.offer(scene(0, *range(60)))
    worker.start()
    longest, end = 0.0, time.monotonic() + WAIT

    while len(server.ids) < 62 and time.monotonic() < end:
        longest = max(longest, worker.inside.seconds)
        if len(server.ids) in (20, 40):
            worker.offer(scene(1, len(server.ids) + 100))
        server.released.wait(0.01)
    worker.drain()
    worker._thread.join(WAIT)

    assert not crashes
    assert server.ids[:60] == [f"id-{number}" for number in range(60)]
    assert longest < SLICE + 1.0


def test_a_farewell_is_posted_where_nothing_waits_before_it(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """Nothing of it is kept: a successor would send it to somebody else."""
    output = hook()
    output.say_farewell(scene(0, 1))
    server.plan = [503, 503]
    post(output, scene(0, 2))
    output.say_farewell(scene(0, 3))

    assert server.ids == ["id-1"]
    assert output.health["waiting"] == 1


def test_what_the_disk_did_not_take_is_posted_by_the_successor(
    server: Server, hook: Make, scene: Callable[..., Scene], state: Path
):
    """An edit loses nothing while the disk fails; at the end of the process it counts as lost."""
    shutil.rmtree(state, ignore_errors=True)
    state.write_text("a file where the folder was")
    before, lonely = hook("hook"), hook("other")
    server.plan = [503, 503]
    post(before, scene(0, 1, 2))
    post(lonely, scene(0, 3))
    before.close()
    after = hook("hook")
    after.close()

    after.count_on(before)
    after.open()
    post(after)

    assert server.ids == ["id-1", "id-2"]
    worker = OutputWorker("other", lonely, Stats(), lambda error: None)
    assert worker.lost == 1
