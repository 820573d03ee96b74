"""The page's server, asked over real sockets."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgepose.errors import DeviceError, OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.web import Web, WebOptions
from edgepose.outputs.web.auth import GUESSES
from edgepose.outputs.web.responses import MAX_BODY, Pages
from edgepose.types import Scene

PRIVATE = (
    "/", "/app.js", "/device.js", "/figure.js", "/health.js", "/teach.js", "/watches.js",
    "/style.css", "/api/state", "/api/events", "/stream", "/api/log", "/api/library", "/api/config",
    "/api/schema", "/editor.min.js",
)  # fmt: skip
Clients = Callable[[Web], Any]
OpenPage = Callable[..., Web]


def test_the_log_is_bounded_and_has_no_token(client, state: Path):
    """The latest lines of this run, for who has the token; never the line with a new token."""
    log = logging.getLogger("edgepose.outputs.web")
    log.warning("Your token is: %s", "made-here", extra={"is_local": True})
    for number in range(300):
        log.warning("line %d %s", number, 999 * "x")
    lines = json.loads(client.get("/api/log")[1])["lines"]
    assert len(lines) == 200
    assert lines[-1]["text"].startswith("line 299 ")
    assert max(len(line["text"]) for line in lines) == 500
    assert b"made-here" not in client.get("/api/log")[1]
    client.token = None
    assert client.get("/api/log")[0] == 401


# Who may come in


@pytest.mark.parametrize("path", [*PRIVATE, "/nothing", "/static/app.js", "/login/"])
def test_without_the_token_nothing_is_served(client, page: Web, path: str, scene):
    """Not even whether something is there; the page itself leads to the way in."""
    page.show(scene(0))
    client.token = None

    answer, body = client.ask("GET", path)

    if path == "/":
        assert (answer.status, answer.getheader("Location"), body) == (303, "/login", b"")
    else:
        assert answer.status == 401
        assert json.loads(body) == {"error": "Log in first."}


def test_without_the_token_nothing_is_done(client, appliance):
    """No command reaches the device."""
    client.token = None
    assert client.command("restart")[0] == 401
    assert appliance.asked == []


@pytest.mark.parametrize(
    "path", [path for path in PRIVATE if "stream" not in path and "ev" not in path]
)
def test_with_the_token_everything_is_served(client, path: str):
    """As the header that programs send."""
    status, body = client.get(path)
    assert status == 200
    assert body


def test_the_form_gives_a_cookie_that_scripts_and_other_sites_never_see(client):
    """And that opens the page."""
    client.token = None
    answer = client.log_in(Origin=client.origin)

    assert (answer.status, answer.getheader("Location")) == (303, "/")
    cookie, *attributes = str(answer.getheader("Set-Cookie")).split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert client.get("/api/state", Cookie=cookie)[0] == 200
    assert client.get("/api/state", Cookie=cookie[:-1])[0] == 401
    assert client.get("/login", Cookie=cookie)[0] == 303


def test_the_way_in_needs_no_other_file(client):
    """Its style is inside, allowed by its fingerprint; it names the device."""
    client.token = None
    answer, body = client.ask("GET", "/login")

    assert answer.status == 200
    assert b"<h1>lobby</h1>" in body
    assert b"<style>" in body
    assert b"{{" not in body
    assert b'href="/' not in body
    assert b'src="' not in body
    assert "style-src 'sha256-" in answer.getheader("Content-Security-Policy")


def test_a_name_is_no_place_of_the_form():
    """One that reads as the place of the style stays a name."""
    form = Pages("x{{style}}").login().text
    assert form is not None
    assert "<title>x&#123;&#123;style}}" in form


def test_a_wrong_token_is_told(client):
    """With the form to try again, and no cookie."""
    client.token = None
    answer = client.log_in("wrong-horse-battery")

    assert answer.status == 401
    assert answer.getheader("Set-Cookie") is None


@pytest.mark.parametrize("way", ["form", "header"])
@pytest.mark.parametrize(
    ("token", "waits"), [("horse-battery", True), ("correct-horse-battery", False)]
)
def test_guessing_is_slowed_down(open_page, new_client, way: str, token: str, waits: bool):
    """By either way: after a few wrong tokens all must wait but the right one, if it is long."""
    client = new_client(open_page(token=token))
    for _ in range(GUESSES):
        assert given(client, way, "wrong-horse-battery").status == 401

    wrong, right = (given(client, way, text) for text in ("wrong-horse-battery", token))

    assert wrong.status == 429
    assert int(wrong.getheader("Retry-After")) > 0
    assert (right.status == 429) is waits


def given(client: Any, way: str, token: str) -> Any:
    """Return the answer to a token."""
    client.token = token if way == "header" else None
    return client.log_in(token) if way == "form" else client.ask("GET", "/api/state")[0]


def test_who_is_logged_in_is_not_locked_out_by_one_who_guesses(client):
    """Cookies stay good."""
    cookie = str(client.log_in().getheader("Set-Cookie")).split(";")[0]
    client.token = "wrong-horse-battery"
    for _ in range(2 * GUESSES):
        client.get("/api/state")
    client.token = None

    assert client.get("/api/state", Cookie=cookie)[0] == 200


def test_logging_out_takes_the_cookie_back(client):
    """And leads to the way in."""
    answer, _ = client.ask("POST", "/logout", b"", Origin=client.origin)
    assert (answer.status, answer.getheader("Location")) == (303, "/login")
    assert "Max-Age=0" in answer.getheader("Set-Cookie")


def test_a_cookie_stops_working_at_logout(client):
    """Also for somebody who kept it; another session of the same device goes on."""
    cookie, other = client.session(), client.session()

    client.ask("POST", "/logout", b"", Cookie=cookie)

    assert client.get("/api/state", Cookie=cookie)[0] == 401
    assert client.get("/api/state", Cookie=other)[0] == 200


def test_a_logout_is_not_forgotten_over_a_restart(client, page: Web):
    """Nor is a login."""
    cookie, other = client.session(), client.session()
    client.ask("POST", "/logout", b"", Cookie=cookie)
    port = page.port
    page.close()
    page._options = page._options.model_copy(update={"port": port})
    page.open()

    assert client.get("/api/state", Cookie=cookie)[0] == 401
    assert client.get("/api/state", Cookie=other)[0] == 200


def test_a_logout_counts_though_the_disk_is_full(client, state: Path, caplog):
    """It can't be kept over a restart then, and the log says so."""
    state.write_text("a file where the folder should be")
    cookie = client.session()

    answer, _ = client.ask("POST", "/logout", b"", Cookie=cookie)

    assert answer.status == 303
    assert client.get("/api/state", Cookie=cookie)[0] == 401
    assert "log-outs" in caplog.text


def test_logging_out_ends_the_streams_of_the_session(client, page: Web, scene):
    """Those of other sessions go on."""
    page.show(scene(0))
    streams = []
    for cookie in (client.session(), client.session()):
        head = f"GET /api/events HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
        with client.raw(head.encode()) as connection:
            streams.append(connection.makefile("rb"))
        assert b"200" in streams[-1].readline()

    client.ask("POST", "/logout", b"", Cookie=cookie)
    page.show(scene(1, 1))

    with streams[0], streams[1], contextlib.suppress(ConnectionResetError):
        assert next(kind for kind, _ in news(streams[0]) if kind == "event")
        assert not [kind for kind, _ in news(streams[1]) if kind == "event"]


# What other sites may not do


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_sites_page_can_not_command(client, appliance, headers: dict[str, str]):
    """Though the browser is logged in."""
    status, said = client.command("restart", **headers)
    assert status == 403
    assert "another site" in said["error"]
    assert client.log_in(**headers).status == 403
    assert appliance.asked == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_command_is_json_and_says_so(client, appliance, kind: str):
    """A form can't send that, so a browser asks first before it does so for another site."""
    assert client.command("restart", Content_Type=kind)[0] == 415
    assert appliance.asked == []


@pytest.mark.parametrize("path", ["/", "/login", "/api/state", "/nothing"])
def test_every_answer_keeps_the_browser_on_the_safe_side(client, path: str):
    """No frames around us, no guesses about content, nothing kept, nothing of other sites."""
    answer, _ = client.ask("GET", path)
    policy = answer.getheader("Content-Security-Policy")

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Cache-Control") == "no-store"
    assert "aiohttp" not in answer.getheader("Server")


@pytest.mark.parametrize(
    "path", [path for path in PRIVATE if path.count("/") == 1 and "stream" not in path]
)
def test_the_page_needs_nothing_from_elsewhere(client, path: str):
    """No address of another site in any of its files, but names of formats."""
    text = client.get(path)[1].decode()
    assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")


@pytest.mark.parametrize("host", ["evil.example", "lobby.evil.example", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/login", "/api/state", "/stream"])
def test_a_name_of_somebody_else_is_refused(client, host: str, path: str):
    """It may lead to this device by DNS rebinding: then the browser takes us for that site."""
    status, body = client.get(path, Host=f"{host}:{client.port}")

    assert status == 421
    assert f"'{host}'" in json.loads(body)["error"]
    assert "`hosts`" in json.loads(body)["error"]


def test_names_in_the_options_are_answered(open_page: OpenPage, new_client: Clients):
    """As behind a proxy that passes the name on."""
    client = new_client(open_page(hosts=["kiosk.example"]))
    assert client.get("/api/state", Host="kiosk.example")[0] == 200
    assert client.get("/api/state", Host="localhost")[0] == 200
    assert client.get("/api/state", Host="other.example")[0] == 421


# Nonsense


@pytest.mark.parametrize(
    "path",
    [
        "/../../../etc/passwd", "/static/../server.py", "/..%2f..%2fetc%2fpasswd", "//etc/passwd",
        "/app.js/../login.html", "/%2e%2e/token.py", "/app.js%00", "/\\..\\server.py", "/app.js/",
        "/login.html", "/index.html",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(client, path: str):
    """Paths are looked up in a table; there is no folder behind them."""
    assert client.get(path)[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"restart"', b"null", b"\xff\xfe", b'{"name": 5}', b'{"value": 1}',
        b'{"name": "restart", "now": true}', b'{"name": "restart", "value": NaN}',
        b'{"name": "restart", "value": Infinity}', b"[" * 16000, b'{"a":' * 3000,
    ],
)  # fmt: skip
def test_bad_json_is_told_and_reaches_nobody(client, appliance, body: bytes):
    """One sentence, status 400."""
    status, said = client.post_json(body)
    assert status == 400
    assert said["error"]
    assert appliance.asked == []


def test_a_large_body_is_refused(client, appliance):
    """Whether it says how large it is or not."""
    body = json.dumps({"name": "x" * MAX_BODY}).encode()
    assert client.post_json(body)[0] == 413

    head = "POST /api/command HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {client.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection = client.raw(head.encode())
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with connection:
        connection.sendall(8 * chunk)
        assert connection.recv(64).startswith(b"HTTP/1.1 413")
    assert appliance.asked == []


def test_a_compressed_body_is_refused(client):
    """A few bytes could become a great many."""
    assert client.command("save", Content_Encoding="gzip")[0] == 415


def test_a_form_with_no_end_of_fields_is_refused(client):
    """Ours has two."""
    body = b"&".join(b"a%d=1" % i for i in range(100))
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    assert client.ask("POST", "/login", body, **kind)[0].status == 400
    assert client.ask("POST", "/login", b"token=%ff\xff", **kind)[0].status in (400, 401)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_only_the_methods_that_are_meant_work(client, method: str):
    """The others are told which do."""
    answer, _ = client.ask(method, "/api/state")
    assert (answer.status, answer.getheader("Allow")) == (405, "GET")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\r\n" * 50,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 20000 + b"\r\n\r\n",
        b"POST /login HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /login HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_comes_to_nothing(client, data: bytes, caplog: pytest.LogCaptureFixture):
    """The server goes on, and strangers fill no journal."""
    with client.raw(data) as connection:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    assert client.get("/api/state")[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


HEADS = (
    b"Cookie: edgepose_%d=\xff\xfe.\xff", b"Cookie: edgepose_%d=1790000000.\xff\xfe",
    b"Cookie: \xff=\xfe", b"Authorization: Bearer \xff\xfe", b"Authorization: \xff \xfe",
    b"Origin: http://\xff\xfe", b"Sec-Fetch-Site: \xff", b"Content-Type: \xff/\xfe",
    b"Content-Encoding: \xff", b"Expect: \xff", b"X-\xff: \xfe", b"Referer: \xff\xfe",
    b"Content-Type: x/\xff", b"Host: \xff\xfe", b"Host: \xff:80", b"Host: [", b"Host:",
)  # fmt: skip


@pytest.mark.parametrize("target", ["GET /", "GET /login", "POST /login", "GET /api/state"])
@pytest.mark.parametrize("head", HEADS)
def test_headers_that_are_no_text_come_to_nothing(
    client, page: Web, head: bytes, target: str, caplog: pytest.LogCaptureFixture
):
    """An answer below 500, and no traceback in the journal."""
    head = head.replace(b"%d", b"%d" % page.port)
    host = b"" if head.startswith(b"Host") else b"Host: 127.0.0.1\r\n"
    request = b"%b HTTP/1.1\r\n%bContent-Length: 0\r\nConnection: close\r\n%b\r\n\r\n"
    with client.raw(request % (target.encode(), host, head)) as connection:
        status = int(connection.makefile("rb").readline().split()[1])

    assert status < 500
    assert not [record for record in caplog.records if record.exc_info]


# State and commands


def test_the_state_is_what_the_device_says(client):
    """And what the page must know of itself; what is no number is null."""
    status, body = client.get("/api/state")
    state = json.loads(body)

    assert status == 200
    assert state["watches"]["arms_up"]["enter"] == 0.85
    assert state["stats"]["stages"]["infer"]["p99_ms"] is None
    assert "capture" in state["page"].pop("takes")
    assert state["page"] == {
        "device": "lobby", "model": "movenet-lightning-int8", "watches": ["arms_up"],
        "titles": {"arms_up": "Arms up"}, "kinds": {"arms_up": "pose"},
        "profiles": [], "frames": "full", "mirror": False, "commands": True,
    }  # fmt: skip


def test_a_command_is_carried_out(client, appliance):
    """The device's sentence comes back."""
    status, said = client.command("thresholds", {"watch": "arms_up", "enter": 0.9})

    assert (status, said) == (200, {"done": "'arms_up' has new thresholds."})
    assert appliance.asked == [("thresholds", {"watch": "arms_up", "enter": 0.9})]
    assert json.loads(client.get("/api/state")[1])["watches"]["arms_up"]["enter"] == 0.9


def test_a_users_mistake_is_told_in_the_devices_words(client):
    """With status 400."""
    status, said = client.command("thresholds", {"watch": "arms_up", "enter": 0.5})
    assert (status, said["error"]) == (
        400, "expected 0 <= exit < enter <= 1, found exit 0.7 and enter 0.5",
    )  # fmt: skip

    status, said = client.command("captuer")
    assert status == 400
    assert "did you mean 'capture'?" in said["error"]


def test_a_device_that_fails_is_told(client, appliance):
    """A full disk is nobody's mistake."""
    appliance.broken = True
    status, said = client.command("save")
    assert (status, said["error"]) == (
        503, "kiosk.yaml: can't be written to: the disk is full",
    )  # fmt: skip


def test_a_file_name_that_is_no_text_can_be_reported(client, appliance, monkeypatch):
    """With a question mark where a byte is not UTF-8."""

    def command(name: str, value: Any) -> str:
        raise DeviceError("\udcff.yaml: can't be written to")

    monkeypatch.setattr(appliance, "command", command)
    assert client.command("save") == (503, {"error": "?.yaml: can't be written to"})


def test_a_run_without_controls_shows_and_takes_nothing(open_page: OpenPage, new_client: Clients):
    """The page knows that it has no buttons to show."""
    client = new_client(open_page(controls=None))

    assert json.loads(client.get("/api/state")[1])["page"]["commands"] is False
    status, said = client.command("save")
    assert (status, said["error"]) == (409, "This run takes no commands.")


# Streams


def news(reader: Any) -> Iterator[tuple[str, Any]]:
    """Yield server-sent events: their kind and what they carry."""
    kind = ""
    for line in reader:
        if line.startswith(b"event: "):
            kind = line[7:].decode().strip()
        elif line.startswith(b"data: "):
            yield kind, json.loads(line[6:])


def test_scenes_and_events_come_as_they_happen(client, page: Web, scene):
    """First what is remembered, then what is new."""
    page.show(scene(0, 1))
    with client.stream("/api/events") as reader:
        coming = news(reader)
        kind, event = next(coming)
        assert (kind, event["id"], event["name"]) == ("event", "id-1", "arms_up")
        assert next(coming)[1]["seq"] == 0
        page.show(scene(1, 2))
        assert {kind for kind, _ in (next(coming), next(coming))} == {"event", "scene"}


def part(reader: Any) -> bytes:
    """Return the next picture of a stream."""
    while not (line := reader.readline()).lower().startswith(b"content-length:"):
        assert line
    size = int(line.split(b":")[1])
    while reader.readline().strip():
        pass
    return reader.read(size)


def test_pictures_come_one_after_the_other(client, page: Web, scene):
    """JPEGs, each followed by the boundary, so that a browser shows it at once."""
    page.show(scene(0))
    with client.stream("/stream") as reader:
        first = part(reader)
        assert reader.read(11) == b"\r\n--frame\r\n"
        page.show(scene(1))
        second = part(reader)

    assert first.startswith(b"\xff\xd8\xff")
    assert second.startswith(b"\xff\xd8\xff")
    assert first != second


def test_too_many_watchers_are_refused_and_room_comes_back(client, page: Web, scene):
    """Who leaves makes room at once, though nothing is sent."""
    page.show(scene(0))
    readers = [client.stream("/stream") for _ in range(12)]
    for reader in readers:
        part(reader)

    assert client.get("/stream")[0] == 503

    for reader in readers:
        reader.close()
    for _ in range(100):
        with client.stream("/stream") as reader:
            if b"200" in reader.readline():
                return
    pytest.fail("nobody made room")


def test_with_frames_none_no_byte_of_a_picture_leaves(
    open_page: OpenPage, new_client: Clients, scene: Callable[..., Scene]
):
    """There is no stream, and nothing that is served depends on what the camera saw."""
    page = open_page(frames="none")
    client = new_client(page)

    def everything(brightness: int) -> list[bytes]:
        seen = scene(brightness)
        object.__setattr__(seen.frame, "image", seen.frame.image * 0 + brightness)
        object.__setattr__(seen.frame, "seq", 5)
        page.show(seen)
        said = [client.get(path)[1] for path in PRIVATE if path != "/api/events"]
        with client.stream("/api/events") as reader:
            told = next(item for kind, item in news(reader) if kind == "scene")
        return [*said, json.dumps(told["watches"]).encode()]

    dark, bright = everything(0), everything(255)

    assert dark == bright
    assert client.get("/stream")[0] == 404
    assert not [body for body in dark if b"\xff\xd8\xff" in body or b"\x89PNG" in body]


def test_with_frames_skeleton_the_camera_is_not_in_the_picture(
    open_page: OpenPage, new_client: Clients, scene: Callable[..., Scene]
):
    """The same pose gives the same bytes, whatever is behind it."""
    pictures = []
    for brightness in (0, 255):
        page = open_page(frames="skeleton")
        seen = scene(0)
        object.__setattr__(seen.frame, "image", seen.frame.image * 0 + brightness)
        page.show(seen)
        with new_client(page).stream("/stream") as reader:
            pictures.append(part(reader))

    assert pictures[0] == pictures[1]


def test_pictures_stay_at_home_by_default():
    """Only this device is let in, and shown are lines."""
    options = WebOptions()
    assert (options.host, options.frames) == ("127.0.0.1", "skeleton")


# Life


def test_a_taken_address_is_told(page: Web, open_page: OpenPage):
    """It is tried again later; another page goes on."""
    with pytest.raises(OutputLost, match=f"can't listen on 127.0.0.1:{page.port}"):
        open_page(port=page.port)


def test_closing_ends_streams_and_frees_the_address(
    client, page: Web, scene, open_page: OpenPage, caplog: pytest.LogCaptureFixture
):
    """Though somebody watches; it can be opened again at once, and nothing is left to complain."""
    port = page.port
    page.show(scene(0))
    with client.stream("/stream") as reader:
        part(reader)
        page.close()
        while reader.read(4096):
            pass

    gc.collect()
    assert not caplog.records
    assert open_page(port=port).port == port


def test_a_server_that_died_is_opened_anew(page: Web, scene, client):
    """`show` says so, and the engine opens it again."""
    assert page._thread is not None
    assert page._thread.stop(5)

    with pytest.raises(OutputLost, match="has ended"):
        page.show(scene(0))
    page.close()
    page.open()
    page.show(scene(1))


def test_a_warning_says_that_networks_can_listen_in(caplog: pytest.LogCaptureFixture):
    """Only where the page can be reached from outside."""
    for host, said in (("127.0.0.1", 0), ("0.0.0.0", 1)):
        caplog.clear()
        page = Web(WebOptions(host=host, port=0, token="correct-horse-battery"), Device("lobby"))
        page.open()
        page.close()
        assert caplog.text.count("without encryption") == said


def test_names_are_text_and_nothing_else(tmp_path: Path):
    """A device's name can't bring markup into the page."""
    pages = Pages('<script>alert("x")</script>')
    assert b"<script>alert" not in pages.login().body
    assert "<script>alert" not in pages._files["/"]
