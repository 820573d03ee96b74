"""The configuration in the page's editor: who may, what is marked, and what is kept."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepose.appliance import remote_update
from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load
from edgepose.outputs.web import Web
from edgepose.outputs.web.responses import MAX_BODY, max_body

sys.path.append(str(Path(__file__).parents[2] / "rigs"))

from waiting import wait_until

pytestmark = pytest.mark.timeout(180)

ROUTES = ("/api/config", "/api/config/check", "/api/config/keep")
SHADOW = "document.getElementById('config-editor').shadowRoot"
LINES = f"[...{SHADOW}.querySelectorAll('.cm-line')].map((line) => line.textContent).join(' ')"
CONFIG = """\
# The kiosk in the hall.
version: 1
name: lobby
source: {{type: synthetic, motion: stand, fps: 10, size: [120, 160]}}
model: {{name: edgepose-nano}}
commands: [reload, config]
watch:
  arms_up: {{template: arms_up, enter: 0.85}}
outputs:
  page: {{type: web, port: {port}, token: correct-horse-battery, frames: none}}
"""


def post(client: Any, path: str, value: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """Return status and answer of a JSON body."""
    sent = {"Content_Type": "application/json"} | headers
    answer, body = client.ask("POST", path, json.dumps(value).encode(), **sent)
    return answer.status, json.loads(body)


@pytest.fixture
def guarded(open_page: Callable[..., Web], monkeypatch: pytest.MonkeyPatch) -> Web:
    """Return a page as it is by default: it takes no configurations."""
    page = open_page()
    page.close()
    page._device = replace(page._device, commands=frozenset({"capture", "save", "restart"}))
    page.open()
    return page


def test_a_page_edits_nothing_unless_the_file_says_so(guarded: Web, new_client: Any):
    """Neither reads, nor checks, nor saves: the token alone is not enough."""
    client = new_client(guarded)
    asked = [client.get("/api/config")[0], client.get("/api/schema")[0]]
    asked += [
        post(client, path, {"text": "a: 1", "version": "x", "id": "page-1"})[0] for path in ROUTES
    ]
    assert asked == [403] * 5


def test_strangers_and_other_sites_edit_nothing(client: Any):
    """Without the token, from another site's page, and under another name."""
    others = {"Origin": "http://evil.example"}
    assert {post(client, path, {}, **others)[0] for path in ROUTES} == {403}
    assert {post(client, path, {}, Host="evil.example")[0] for path in ROUTES} == {421}
    client.token = None
    assert {post(client, path, {})[0] for path in ROUTES} == {401}
    assert client.get("/api/config")[0] == 401


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/api/config/check", {"text": 7}, 400),
        ("/api/config/check", {"text": "a: 1", "more": 1}, 400),
        ("/api/config", {"text": "a: 1"}, 400),
        ("/api/config/keep", {"id": "of-the-broker"}, 400),
        ("/api/config/check", {"text": "x" * MAX_BODY}, 200),
        ("/api/config/check", {"text": "x" * max_body("/api/config")}, 413),
        ("/api/config/keep", {"id": "x" * MAX_BODY}, 413),
    ],
)
def test_bodies_have_a_form_and_an_end(client: Any, path: str, value: Any, status: int):
    """A configuration may be longer than a command, and nothing else."""
    assert post(client, path, value)[0] == status


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Run an appliance whose page may edit; return its file and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = tmp_path / "kiosk.yaml"
    path.write_text(CONFIG.format(port=port))
    appliance = Appliance(load(path))
    thread = threading.Thread(target=appliance.run)
    thread.start()
    wait_until(lambda: appliance.state()["outputs"]["page"]["state"] == "running")
    yield path, port
    appliance.stop()
    thread.join(30)


def test_mistakes_are_marked_and_a_right_edit_is_kept(
    kiosk: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """In Chromium: completion, the checker's words on their line, save; secrets stay hidden."""
    path, port = kiosk
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.tap_until("#tab-config", "!document.getElementById('view-config').hidden")
    phone.see(f"{LINES}.includes('enter: 0.85')")
    assert "correct-horse" not in phone.run(f"return {LINES}")
    phone.see("document.getElementById('config-state').textContent === 'No mistakes'")

    phone.write("#config-editor", "framse: none")
    phone.see(
        "document.querySelector('#config-problems button')?.textContent.startsWith('Line 11')"
    )
    shown = phone.run("return document.getElementById('config-problems').textContent")
    assert "did you mean 'frames'" in shown
    assert phone.run("return document.getElementById('config-save').disabled")

    phone.write("#config-editor", len("framse: none") * "\ue003" + "fram")
    phone.see(f"{SHADOW}.querySelector('.cm-tooltip-autocomplete li')?.textContent === 'frames'")
    phone.run(
        f"{SHADOW}.querySelector('.cm-tooltip-autocomplete li')"
        ".dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))"
    )
    phone.see(f"{LINES}.endsWith('frames: ')")
    phone.write("#config-editor", "none\ue00c")  # and Escape: the list lies over the button
    phone.see("!document.getElementById('config-save').disabled")
    phone.tap("#config-save")
    phone.see("document.getElementById('config-state').textContent.includes('taken over')")
    assert path.read_text().endswith("\nframes: none\n") or path.read_text().endswith(
        "frames: none"
    )
    assert path.read_text().startswith("# The kiosk in the hall.")
    assert phone.complaints() == []


def test_what_no_page_reaches_is_taken_back(
    kiosk: tuple[Path, int], new_client: Any, monkeypatch: pytest.MonkeyPatch
):
    """The file before comes back once the probation is over."""
    monkeypatch.setattr(remote_update, "PROBATION", 0.5)
    path, port = kiosk
    before = path.read_text()
    client = new_client(type("Page", (), {"port": port})())
    status, answer = post(client, "/api/config", edit(client, "0.85", "0.9"))
    assert (status, "enter: 0.9" in path.read_text()) == (200, True), answer
    wait_until(lambda: path.read_text() == before)


def test_an_edit_is_kept_by_the_page_that_is_reached(kiosk: tuple[Path, int], new_client: Any):
    """Its token is the file's still; an edit of an older text is refused."""
    path, port = kiosk
    client = new_client(type("Page", (), {"port": port})())
    old = edit(client, "0.85", "0.8")
    status, answer = post(client, "/api/config", edit(client, "fps: 10", "fps: 9"))
    assert status == 200, answer
    wait_until(lambda: post(client, "/api/config/keep", {"id": answer["id"]})[0] == 200)
    assert 'token: "correct-horse-battery"' in path.read_text()
    status, refusal = post(client, "/api/config", old)
    assert (status, "was changed meanwhile" in refusal["error"]) == (400, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[reload, config]", "[reload, config, restart]", "does not take restart"),
        ("[reload, config]", "[reload]", "with `config` in `commands`"),
        ("enter: 0.85", "enter: '${EDGEPOSE_WEB_TOKEN}'", "for passwords, tokens and secrets only"),
        ("enter: 0.85", "entre: 0.85", "did you mean 'enter'"),
        ("arms_up,", "/etc/passwd,", ""),
    ],
)  # fmt: skip
def test_an_edit_may_not_do_more_than_a_push(
    kiosk: tuple[Path, int], new_client: Any, old: str, new: str, words: str
):
    """Nor lock the page out; the check says the same as the save, and the file stays."""
    path, port = kiosk
    before = path.read_text()
    client = new_client(type("Page", (), {"port": port})())
    value = edit(client, old, new)
    status, refusal = post(client, "/api/config", value)
    assert (status, words in refusal["error"]) == (400, True), refusal
    problems = post(client, "/api/config/check", {"text": value["text"]})[1]["problems"]
    assert any(words in problem["text"] for problem in problems)
    assert path.read_text() == before


def test_no_command_gets_around_the_probation(kiosk: tuple[Path, int], new_client: Any):
    """A text without this page, sent as a command, would lock everybody out."""
    path, port = kiosk
    before = path.read_text()
    client = new_client(type("Page", (), {"port": port})())
    for name in ("config", "edit_config", "push_config", "keep_config", "push_template"):
        value = {"name": name, "value": before.partition("outputs:")[0]}
        assert post(client, "/api/command", value)[0] == 403, name
    assert path.read_text() == before


def edit(client: Any, old: str, new: str) -> dict[str, str]:
    """Return what the editor sends after one change."""
    answer = json.loads(client.get("/api/config")[1])
    assert old in answer["text"]
    return {"text": answer["text"].replace(old, new, 1), "version": answer["version"]}
