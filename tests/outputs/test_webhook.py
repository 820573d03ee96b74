"""Events to a real server that fails in every way a server can."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.webhook import Webhook, WebhookOptions
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
        answer = self.server.plan.pop(0) if self.server.plan else 200
        if answer == "cut":
            return
        if answer in (200, "late"):
            self.server.taken.append((dict(self.headers), body))
            self.server.has_taken.set()
        if answer == "late":
            self.server.released.wait(WAIT)
            return
        self.send_response(int(answer))
        if 300 <= int(answer) < 400:
            self.send_header("Location", "/elsewhere")
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


@pytest.fixture
def hook(server: Server, device: Device) -> Callable[..., Webhook]:
    """Return a maker of outputs that post to the server, opened."""

    def make(**values: Any) -> Webhook:
        options = {"url": f"http://127.0.0.1:{server.port}/take?token=abc"} | values
        made = Webhook(
            WebhookOptions.model_validate(options), device, clock=lambda: 1_700_000_000.9
        )
        made.open()
        return made

    return make


Make = Callable[..., Webhook]


def test_events_are_posted_in_order(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Each as the promised JSON object, in a post of its own; without events nothing is sent."""
    first = scene(0, 1, 2)
    output = hook()

    output.show(first)
    output.show(scene(1))
    output.show(scene(2, 3))

    assert server.ids == ["id-1", "id-2", "id-3"]
    headers, body = server.taken[0]
    assert json.loads(body) == first.events[0].to_dict()
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "id-1"
    assert server.paths[0] == "/take?token=abc"


def test_an_event_is_signed_with_its_time(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Anybody with the secret can check body and time; the receiver's side is written out here."""
    hook(secret="open sesame").show(scene(0, 1))

    headers, body = server.taken[0]
    fields = dict(field.split("=") for field in headers["X-Edgepose-Signature"].split(","))
    expected = hmac.new(b"open sesame", fields["t"].encode() + b"." + body, hashlib.sha256)
    assert fields["t"] == "1700000000"
    assert hmac.compare_digest(fields["v1"], expected.hexdigest())


def test_without_a_secret_nothing_is_signed(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """A signature that anybody could make would only mislead."""
    hook().show(scene(0, 1))

    assert "X-Edgepose-Signature" not in server.taken[0][0]


def test_a_secret_is_not_shown(hook: Make):
    """Options end up in logs and error messages."""
    assert "sesame" not in repr(WebhookOptions(url="http://x.org", secret="sesame"))


def test_watches_and_types_are_chosen(server: Server, hook: Make, scene: Callable[..., Scene]):
    """Only events of the named watches, and of the named types."""
    made = scene(0, 1, 2, 3)
    start, other, end = made.events
    events = (start, replace(other, name="wave"), replace(end, type="end"))
    made = replace(made, events=events)

    hook(when="arms_up", types=["start"]).show(made)
    hook(when=["wave", "squat"]).show(made)
    hook(types=["end"]).show(made)

    assert server.ids == ["id-1", "id-2", "id-3"]


@pytest.mark.parametrize("fault", [500, 503, 429, 404, 401, 408, "cut"])
def test_a_server_in_trouble_gets_the_event_again(
    server: Server, hook: Make, scene: Callable[..., Scene], fault: int | str
):
    """The output is lost for the time being; what was taken before is not repeated."""
    output = hook()
    lost = scene(0, 1, 2, 3)
    server.plan = [200, fault]

    with pytest.raises(OutputLost, match=r"http://127\.0\.0\.1:\d+: ") as caught:
        output.show(lost)
    output.close()
    output.open()
    output.show(lost.merged_into(scene(1, 4)))

    assert "token" not in str(caught.value)
    assert caught.value.has_progressed
    assert server.ids == ["id-1", "id-2", "id-3", "id-4"]


def test_a_server_that_takes_nothing_makes_no_progress(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """So the tries get rarer; those after an event that was taken don't."""
    output = hook()
    server.plan = [200, 500, 500]
    lost = scene(0, 1, 2)

    for expected in (True, False):
        with pytest.raises(OutputLost) as caught:
            output.show(lost)
        assert caught.value.has_progressed is expected


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

    hook().show(scene(0, 1, 2))

    assert server.ids == ["id-2"]
    assert f"answered {status}" in caplog.text
    assert "event id-1, which is dropped" in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    server: Server, hook: Make, scene: Callable[..., Scene], status: int
):
    """A signed event never goes to an address that nobody wrote down."""
    server.plan = [status]

    with pytest.raises(OutputLost, match="redirects are not followed: write the new address"):
        hook().show(scene(0, 1))

    assert server.paths == ["/take?token=abc"]


def test_a_server_that_does_not_answer_is_given_up(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """After `timeout`; the event comes again with the same id, since nobody knows if it arrived."""
    server.plan = ["late"]

    with pytest.raises(OutputLost, match="no answer in time"):
        hook(timeout=0.2).show(scene(0, 1))
    assert server.has_taken.wait(WAIT)
    hook().show(scene(0, 1))

    assert server.ids == ["id-1", "id-1"]


def test_a_server_that_is_not_there_is_told(device: Device, scene: Callable[..., Scene]):
    """Refused connections and unknown names are lost outputs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = Webhook(WebhookOptions(url=f"http://127.0.0.1:{port}/"), device)
    output.open()

    with pytest.raises(OutputLost, match="Connection refused"):
        output.show(scene(0, 1))


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

        with pytest.raises(OutputLost, match="220 mail"):
            output.show(scene(0, 1))
        thread.join()


def test_many_events_are_remembered_until_all_are_taken(
    server: Server, hook: Make, scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
):
    """A long outage leaves one large scene; failing near its end repeats nothing."""
    monkeypatch.setattr("edgepose.outputs.dedup.REMEMBERED", 5)
    output = hook()
    lost = scene(0, *range(40))
    server.plan = [200] * 39 + [500]

    with pytest.raises(OutputLost):
        output.show(lost)
    output.show(lost)

    assert server.ids == [f"id-{number}" for number in range(40)]


def test_nothing_is_lost_through_the_outlet(
    server: Server, hook: Make, scene: Callable[..., Scene]
):
    """Fifty events through a flapping server, on the output's own thread: each once, in order."""
    server.plan = [500, 200, "cut", 200, 200, 503, 500]
    crashes: list[BaseException] = []
    outlet = OutputWorker("hook", hook(), Stats(), crashes.append)
    outlet._pause = lambda backoff: 0.01  # type: ignore[method-assign] - no need to wait here
    outlet.start()

    for seq in range(50):
        outlet.offer(scene(seq, seq))
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
    with pytest.raises(OutputLost, match="self-signed certificate"):
        hook(url=url).show(scene(0, 1))
    with pytest.raises(OutputLost, match="IP address mismatch"):
        hook(url=url.replace("localhost", "127.0.0.1"), ca=secure).show(scene(0, 1))
    assert server.ids == []

    hook(url=url, ca=secure).show(scene(0, 1))

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
