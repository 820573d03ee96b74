"""Start the page on a free port, and talk to it as browsers and attackers do."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.web import Web, WebOptions

sys.path.append(str(Path(__file__).parents[1] / "rigs"))

import web_phone
from web_appliance import Appliance
from web_phone import TOKEN


class Client:
    """Ask a page: `client.get(path)` with the token, or without after `client.token = None`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token: str | None = TOKEN

    @property
    def origin(self) -> str:
        """Return what a browser calls the page's site."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer and its body; `_` in header names stands for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent = {"Authorization": f"Bearer {self.token}"} | sent
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer, answer.read()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body."""
        answer, body = self.ask("GET", path, **headers)
        return answer.status, body

    def command(self, name: str, value: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of a command."""
        return self.post_json(json.dumps({"name": name, "value": value}).encode(), **headers)

    def post_json(self, body: bytes, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of what comes of a body."""
        sent = {"Content_Type": "application/json"} | headers
        answer, said = self.ask("POST", "/api/command", body, **sent)
        return answer.status, json.loads(said)

    def log_in(self, token: str = TOKEN, **headers: str) -> http.client.HTTPResponse:
        """Return the answer to the form."""
        sent = {"Content_Type": "application/x-www-form-urlencoded"} | headers
        body = urlencode({"token": token}).encode()
        return self.ask("POST", "/login", body, **sent)[0]

    def session(self) -> str:
        """Log in, and return the cookie; from now on it is all that is sent."""
        self.token = None
        return str(self.log_in().getheader("Set-Cookie")).split(";")[0]

    def raw(self, data: bytes = b"", address: str = "127.0.0.1") -> socket.socket:
        """Return a connection from an address of this machine on which `data` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), 10, (address, 0))
        connection.sendall(data)
        return connection

    def request(self, path: str, version: str = "HTTP/1.1") -> bytes:
        """Return the bytes of a request with the token."""
        head = f"GET {path} {version}\r\nHost: 127.0.0.1\r\n"
        return f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode()

    def stream(self, path: str) -> Any:
        """Return an endless answer, open, to be read line by line or in pieces."""
        connection = self.raw(self.request(path, "HTTP/1.0"))
        reader = connection.makefile("rb")
        connection.close()
        return reader


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of this test, which does not exist yet."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def appliance() -> Appliance:
    """Return what stands behind the page."""
    return Appliance()


@pytest.fixture
def open_page(appliance: Appliance) -> Iterator[Callable[..., Web]]:
    """Return a function that opens a page with these options; all are closed at the end."""
    opened: list[Web] = []

    def make(controls: Any = appliance, profiles: tuple[str, ...] = (), **options: Any) -> Web:
        settings = WebOptions.model_validate({"port": 0, "token": TOKEN} | options)
        page = Web(
            settings,
            Device("lobby", ("arms_up",), "movenet-lightning-int8", controls, profiles=profiles),
        )
        page.open()
        opened.append(page)
        return page

    yield make
    for page in opened:
        page.close()


@pytest.fixture
def page(open_page: Callable[..., Web]) -> Web:
    """Return an open page that shows full pictures."""
    return open_page(frames="full")


@pytest.fixture
def client(page: Web) -> Client:
    """Return a client of `page`."""
    return Client(page.port)


@pytest.fixture
def new_client() -> Callable[[Web], Client]:
    """Return the maker of clients of other pages."""
    return lambda page: Client(page.port)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a browser without a window."""
    if problem := web_phone.missing():
        pytest.fail(problem, pytrace=False) if os.environ.get("CI") else pytest.skip(problem)
    driven = web_phone.new_browser(tmp_path_factory.mktemp("chromium"))
    yield driven
    driven.quit()


@pytest.fixture
def phone_on(browser: Any) -> Iterator[Callable[[int], web_phone.Phone]]:
    """Return a function that gives a phone, logged in nowhere, for the page on a port."""
    browser.get_log("browser")
    yield lambda port: web_phone.new_phone(browser, port)
    browser.get("about:blank")
