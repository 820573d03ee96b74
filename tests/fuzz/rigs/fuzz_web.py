"""Bytes on the page's port: requests of browsers, scripts and attackers, whole and broken."""

from __future__ import annotations

import http.client
import logging
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

import hostile_json
import scribble
from appliance_bench import CONFIG, TEMPLATE, Bench
from campaign import Input, Target

from edgepose.appliance import assembly
from edgepose.outputs.web import Web, WebOptions
from edgepose.types import Frame, Scene

TOKEN: Final = "a-token-for-the-fuzzer"
ANSWER: Final = 60.0  # seconds for the answer to a whole request; campaign.TIME_LIMIT comes first
GLANCE: Final = 0.03  # seconds that an answer to a broken one is waited for
PROBE: Final = 100  # inputs after which a plain question must be answered
_STREAMS: Final = ("/stream", "/api/events")
_METHODS: Final = (
    "GET",
    "POST",
    "PUT",
    "HEAD",
    "OPTIONS",
    "DELETE",
    "PATCH",
    "TRACE",
    "CONNECT",
    "x",
)
_PATHS: Final = (
    *("/", "/login", "/logout", "/api/state", "/api/command", *_STREAMS, "/app.js", "/style.css"),
    *("/api", "/api/state/", "//api/state", "/../etc/passwd", "/%2e%2e/x", "/api/state?x=1#y", "*"),
    *("http://h/api/state", "/\xff", "/%00", "/" + "a" * 9000, "/api/state;x", "/favicon.ico", "x"),
)
_BAD: Final = frozenset({500, 501, 502, 504})
_HEADERS: Final = (
    *(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
        "Expect: 100-continue",
    ),
    *(
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Range: bytes=0-1",
        "X: \0",
        "X: \x1b[2J",
        ": x",
    ),
    *(
        "Content-Encoding: gzip",
        "Content-Encoding: x",
        "Origin: null",
        "Origin: http://evil.example",
    ),
    *("Origin: http://[", "Sec-Fetch-Site: cross-site", "Host: evil.example", "Host: a\r\nHost: b"),
    *(
        "Cookie: " + "a=b; " * 900,
        "Cookie: =;;=;",
        "Cookie: edgepose_8080=\xff\xfe.\xff",
        "Expect: \xff",
        "Authorization: Bearer x",
        "Authorization: Basic x",
    ),
    *(
        "Authorization: Bearer \xff\xfe",
        "Authorization:",
        "Accept-Encoding: gzip, br",
        " folded: x",
    ),
    *("\r\n".join(f"X-{i}: y" for i in range(200)), "X: " + "y" * 9000, "Transfer-Encoding: gzip"),
    *(
        "Content-Length: -1",
        "Content-Length: 9999999999999999999",
        "Content-Length: x",
        "Connection: x",
    ),
)  # what is added to a request now and then
_NAMES: Final = (
    *(
        "thresholds",
        "template",
        "capture",
        "detect",
        "save",
        "reload",
        "restart",
        "config",
        "push_config",
        "push_template",
        "keep_config",
        "fly",
        "",
    ),
    "\ud800",
)


class WebRequests(Target):
    """Send one connection's worth of bytes; the answer is one of ours and the device is whole."""

    name = "web"

    def __init__(self, folder: Path) -> None:
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        self.bench = Bench(folder)
        appliance = self.bench.appliance
        about = assembly.device(appliance.config, appliance.model, controls=appliance)
        options = WebOptions(port=0, token=TOKEN, frames="full", fps=30)
        self.web = Web(options, about)
        self.web.open()
        self._faults: list[str] = []
        self._listen()
        frame = Frame(self._picture(), 1.0, 1)
        self.web.show(Scene(frame))
        self.cookie = self._log_in()
        self._given = 0

    def _picture(self) -> Any:
        import numpy as np

        return np.zeros((64, 48, 3), np.uint8)

    def _listen(self) -> None:
        """Note every fault that a log or a thread would show."""
        faults = self._faults

        class Ear(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.exc_info or record.levelno >= logging.ERROR:
                    faults.append(f"{record.name}: {record.getMessage()} {record.exc_info}"[:800])

        logging.disable(logging.NOTSET)
        logging.getLogger("edgepose").setLevel(logging.ERROR)
        for name in ("edgepose.outputs.web", "asyncio", "aiohttp"):
            logging.getLogger(name).addHandler(Ear())
        threading.excepthook = lambda args: faults.append(f"{args.thread}: {args.exc_value!r}")

    def _log_in(self) -> str:
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=ANSWER)
        ) as line:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            line.request("POST", "/login", f"token={TOKEN}", kind)
            return line.getresponse().headers["Set-Cookie"].partition(";")[0]

    def make(self, random: Random) -> Input:
        """Return bytes, whether they are a whole request, who asks, and whether it is a push."""
        method, path, body, kind = self._asked(random)
        heads = [f"Host: 127.0.0.1:{self.web.port}", "Connection: close"]
        if random.random() < 0.93:
            heads.append("Cookie: @COOKIE@")
        if body is not None:
            heads += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        damage = random.random()
        if damage < 0.2:
            heads.insert(random.randint(0, len(heads)), random.choice(_HEADERS))
        if body is not None and damage > 0.96:
            heads[-1], body = "Transfer-Encoding: chunked", _chunked(random, body)
        version = (
            "HTTP/1.1" if random.random() < 0.97 else random.choice(("HTTP/1.0", "HTTP/9.9", ""))
        )
        line = f"{method} {path} {version}".encode("latin-1", "replace")
        head = "\r\n".join(heads).encode("latin-1", "replace")
        data = line + b"\r\n" + head + b"\r\n\r\n" + (body or b"")
        whole = version == "HTTP/1.1" and damage >= 0.2 and damage <= 0.96
        if random.random() < 0.07:
            data, whole = scribble.scribbled(random, data, [data], 2)[:70_000], False
        pushes = body is not None and (b"push" in body or b"config" in body)
        return data, b"1" * whole, b"%d" % random.randint(1, 200), b"1" * pushes

    def _asked(self, random: Random) -> tuple[str, str, bytes | None, str]:
        """Return method, path, body and content type."""
        chance = random.random()
        if chance < 0.6:
            body = hostile_json.spoilt(random, self._command(random))
            kind = "application/json" if random.random() < 0.97 else random.choice(_KINDS)
            return "POST", "/api/command", body, kind
        if chance < 0.7:
            token = random.choice((TOKEN, "x", "", "\xff" * 20, "x" * 17_000, "%ff", "a&token=b"))
            body = f"token={token}".encode("utf-8", "replace")
            return "POST", "/login", body, random.choice((_KINDS[0], _KINDS[0], *_KINDS))
        body = hostile_json.anything(random).encode() if random.random() < 0.2 else None
        path = random.choice(_PATHS[:9] if random.random() < 0.7 else _PATHS)
        method = random.choice(_METHODS[:2] if random.random() < 0.7 else _METHODS)
        return method, path, body, "application/json"

    def _command(self, random: Random) -> str:
        name = random.choice(_NAMES)
        makers = {
            "thresholds": hostile_json.thresholds,
            "template": hostile_json.template,
            "capture": hostile_json.capture,
            "config": _pushed,
            "push_config": lambda r: hostile_json.push(r, CONFIG),
            "push_template": lambda r: hostile_json.push(r, TEMPLATE),
            "keep_config": lambda r: hostile_json.push(r, "x"),
        }
        value = makers.get(name, hostile_json.anything)(random)
        if random.random() < 0.1:
            value = hostile_json.anything(random)
        extra = ', "x": 1' if random.random() < 0.03 else ""
        if random.random() < 0.05:
            return hostile_json.anything(random)
        return "{" + f'"name": {hostile_json.json.dumps(name)}, "value": {value}{extra}' + "}"

    def check(self, given: Input) -> str:
        """Send it, read what comes, look at logs and state."""
        self._faults.clear()
        self._given += 1
        if self._given % PROBE == 0:
            self._probe()
        if given[3:] and given[3]:
            outcome = self.bench.pushed(lambda: self._pushed(given))
        else:
            outcome = self._send(given)
            self.bench.revive()
            self.bench.check()
        assert not self._faults, f"a fault in the log: {self._faults[0]}"
        return outcome

    def _pushed(self, given: Input) -> str:
        """Send it, and wait until it is done: it goes on when its client has gone."""
        outcome = self._send(given)
        self._state()  # one worker carries out everything, in turn
        return outcome

    def _send(self, given: Input) -> str:
        data = given[0].replace(b"@COOKIE@", self.cookie.encode())
        whole = bool(given[1]) and not data.startswith((b"HEAD", b"CONNECT"))
        host = b"127.0.1." + (given[2] or b"1")
        with closing(self._connected(host.decode())) as line:
            line.settimeout(ANSWER if whole else GLANCE)
            answer = _answer(line, data)
        if b"/logout" in data:  # it may have ended our session
            self.cookie = self._log_in()
        status = int(answer[9:12]) if re.match(rb"HTTP/\d\.\d \d{3} ", answer) else 0
        assert status or not answer, f"no answer of HTTP: {answer[:60]!r}"
        assert status or not whole, "no answer to a whole request"
        assert status not in _BAD, f"status {status}"
        assert b"Traceback" not in answer, "a traceback in the answer"
        return str(status)

    def _connected(self, host: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.web.port), ANSWER, (host, 0))

    def _probe(self) -> None:
        """Look whether the device is whole."""
        assert set(self._state()["watches"]) == {"hands", "squat"}, "probe: a watch is lost"
        assert threading.active_count() < 40, f"threads: {threading.active_count()}"

    def _state(self) -> dict[str, Any]:
        """Ask a plain question, as a page does."""
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=ANSWER)
        ) as line:
            line.request("GET", "/api/state", headers={"Cookie": self.cookie})
            answer = line.getresponse()
            body = hostile_json.json.loads(answer.read(), parse_constant=_refuse)
            assert answer.status == 200, f"probe: {answer.status}"
        return dict(body)

    def close(self) -> None:
        """Stop the page and let the model go."""
        self.web.close()
        self.bench.close()
        threading.excepthook = threading.__excepthook__


_KINDS: Final = (
    *("application/x-www-form-urlencoded", "application/json; charset=utf-16", "text/plain", ""),
    *("multipart/form-data; boundary=x", "application/JSON", "x/y" * 100, "application/json;;;=\0"),
)


def _refuse(text: str) -> Any:
    raise AssertionError(f"{text} is no JSON")


def _pushed(random: Random) -> str:
    text = CONFIG.encode()
    if random.random() < 0.7:
        text = scribble.scribbled(random, text, [text])
    return hostile_json.json.dumps(text.decode("utf-8", "replace"))


def _chunked(random: Random, body: bytes) -> bytes:
    """Return a body in chunks, some of which lie."""
    size = random.choice(
        (b"%x" % len(body), b"ffffffffff", b"-1", b"zz", b"0", b"%x;ext=1" % len(body))
    )
    return (
        size
        + b"\r\n"
        + body
        + random.choice((b"\r\n0\r\n\r\n", b"", b"\r\n", b"\r\n0\r\nX: y\r\n\r\n"))
    )


def _answer(line: socket.socket, data: bytes) -> bytes:
    """Return what comes back, until it is all there: endless answers give their head."""
    answer = b""
    for piece in _pieces(line, data):
        answer += piece
        head, found, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        is_stream = b"multipart/" in head or b"event-stream" in head
        if found and (is_stream or (length and len(body) >= int(length[1]))):
            break
    return answer


def _pieces(line: socket.socket, data: bytes) -> Iterator[bytes]:
    try:
        line.sendall(data)
        while piece := line.recv(65536):
            yield piece
    except (TimeoutError, ConnectionError):
        return
