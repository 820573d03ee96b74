"""The page in a real browser, headless Chromium, at the width of a phone."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from web_appliance import Appliance, Camera
from web_phone import TOKEN, Phone

from edgepose.language import PAGE
from edgepose.outputs import web
from edgepose.outputs.web import Web

sys.path.append(str(Path(__file__).parents[2] / "rigs"))

from waiting import wait_until

pytestmark = pytest.mark.timeout(120)


STATIC = Path(web.__file__).parent / "static"
PIXELS = """
const picture = document.getElementById("picture");
const canvas = new OffscreenCanvas(64, 48);
const brush = canvas.getContext("2d");
brush.drawImage(picture, 0, 0, 64, 48);
return Array.from(brush.getImageData(0, 0, 64, 48).data).join();
"""  # of the picture as it is now
SCORE = "Number(document.querySelector('.score-number').textContent)"
TOAST = "document.querySelector('.toast')?.textContent"


@pytest.fixture
def phone(phone_on: Callable[[int], Phone], page: Web) -> Phone:
    """Return a phone with the way in on it."""
    phone = phone_on(page.port)
    phone.open()
    return phone


@pytest.fixture
def stand(page: Web, appliance: Appliance) -> Iterator[Web]:
    """Let a mannequin stand in front of the camera of the page on the phone."""
    with Camera(appliance, page, "stand"):
        yield page


def test_a_phone_is_logged_in_nowhere_whatever_was_on_its_port(
    phone_on: Callable[[int], Phone], page: Web, browser: Any
):
    """Ports are given again by chance: a test would look for the form, and see the page."""
    for _ in range(2):
        browser.get("about:blank")
        phone = phone_on(page.port)
        phone.open()
        phone.see("document.title === 'lobby · log in' && localStorage.length === 0")
        phone.run("localStorage.setItem('guide', 'closed')")
        phone.log_in()
        phone.see("document.title === 'lobby'")


def test_an_installer_teaches_a_pose_and_tunes_it(phone: Phone, stand: Web, appliance: Appliance):
    """Log in, see the picture move, teach with a countdown, see it match, tune, save."""
    phone.see("document.title === 'lobby · log in'")
    phone.log_in("not-the-token-at-all")
    phone.see("document.querySelector('.complaint').textContent.includes('not the token')")
    phone.log_in()

    phone.see("document.title === 'lobby' && document.querySelector('#stage.is-live')")
    before = phone.run(PIXELS)
    while phone.run(PIXELS) == before:
        assert phone.see("document.getElementById('picture').naturalWidth") == 320
    phone.see("document.getElementById('status-text').textContent.startsWith('Watching')")
    phone.see(f"{SCORE} > 0 && {SCORE} < 85")
    phone.see("document.querySelector('.advice').textContent.includes('raise')")

    phone.teach("standing")
    phone.see("document.getElementById('count').textContent === '2'")
    assert appliance.state()["teaching"]["state"] == "countdown"
    phone.see("document.getElementById('taught-sheet').open")
    assert phone.run("return document.querySelectorAll('.taught-drawing line').length") == 12
    asked = {"name": "standing", "countdown": 3, "only": [], "watch": False}
    assert ("capture", asked) in appliance.asked
    phone.tap("#taught-apply")
    phone.see(f"{SCORE} >= 99")
    phone.see("document.querySelector('.phase').textContent === 'Shown'")
    phone.see("document.getElementById('events').textContent.includes('Arms up shown')")

    phone.unfold(".watch summary")
    phone.press("[name=enter]", "ARROW_RIGHT", 5)
    phone.see("document.querySelector('[name=enter]').value === '0.9'")
    assert phone.see("document.querySelector('.mark.enter').style.left") == "90%"
    phone.see("!document.getElementById('unsaved').hidden")
    phone.tap("#save")
    phone.see(f"{TOAST} === 'Saved to kiosk.yaml; the last version is kept beside it.'")
    assert appliance.saved["enter"] == pytest.approx(0.9)
    assert phone.see("document.getElementById('unsaved').hidden")

    refused = [text for text in phone.complaints() if "401" not in text]
    assert refused == []


def test_a_slider_shows_its_effect_at_once(phone: Phone, stand: Web, appliance: Appliance):
    """The pose counts as shown as soon as the threshold is low enough, and exit gives way."""
    phone.log_in()
    phone.see(f"{SCORE} > 0")
    score = phone.run(f"return {SCORE}")
    assert phone.run("return document.querySelector('.phase').textContent") == "Waiting"

    phone.unfold(".watch summary")
    phone.press("[name=enter]", "ARROW_LEFT", 85 - score + 3)
    phone.see("document.querySelector('.phase').textContent === 'Shown'")

    state = appliance.state()["watches"]["arms_up"]
    assert state["enter"] == pytest.approx((score - 3) / 100)
    assert state["exit"] < state["enter"]
    shown = phone.see("document.querySelector('[name=exit]').value")
    assert float(shown) == pytest.approx(state["exit"])


def test_a_threshold_is_dragged_on_the_curve(phone: Phone, stand: Web, appliance: Appliance):
    """The device has it as soon as it is let go; the arrow keys do the same."""
    phone.log_in()
    phone.see("document.querySelector('.handle.enter:not([hidden])')")
    at = "Number(document.querySelector('.handle.enter').ariaValueNow)"
    phone.drag_until(".handle.enter", 20, f"{at} < 75")
    lower = phone.run(f"return {at}")
    wait_until(lambda: appliance.state()["watches"]["arms_up"]["enter"] == lower / 100)
    phone.see("!document.getElementById('unsaved').hidden")

    phone.press(".handle.enter", "ARROW_UP", 3)
    phone.see(f"{at} === {lower + 3}")
    phone.see(f"document.querySelector('[name=enter]').value === '{(lower + 3) / 100:g}'")


def test_the_target_stands_beside_the_person_s_own_figure(phone: Phone, stand: Web):
    """Their arms hang, the target's are up."""
    phone.log_in()
    hand = "document.querySelector('.body{} [data-limb=left_forearm]').y2.baseVal.value"
    own, target = hand.format(":not(.target)"), hand.format(".target")
    phone.see("document.querySelectorAll('.body:not([hidden])').length === 2")
    phone.see(f"{own} > {target} + 20")


def test_events_are_narrowed(phone: Phone, stand: Web, appliance: Appliance):
    """By watch, kind and person; one tap shows all again."""
    phone.log_in()
    appliance.command("thresholds", {"watch": "arms_up", "enter": 0.2, "exit": 0.1})
    phone.see("document.querySelector('#events li')")
    phone.tap_until("#tab-events", "!document.getElementById('view-events').hidden")
    phone.choose("#events-kind", "rep partial")
    phone.see("!document.getElementById('no-match').hidden")
    assert phone.run("return document.querySelectorAll('#events li:not([hidden])').length") == 0
    phone.choose("#events-kind", "start end update")
    phone.see("document.querySelectorAll('#events li:not([hidden])').length > 0")
    phone.choose("#events-watch", "arms_up")
    phone.choose("#events-person", "1")
    phone.see("document.getElementById('events-shown').textContent.includes(' of ')")
    phone.tap("#events-all")
    phone.see("document.getElementById('events-shown').textContent === ''")


def test_what_the_device_refuses_is_shown(phone: Phone, page: Web, appliance: Appliance):
    """In its own words, and nothing is offered."""
    phone.log_in()
    phone.see("!document.getElementById('actions').hidden")

    with Camera(appliance, page, "empty"):
        phone.teach("nobody")
        phone.see(f"{TOAST}?.startsWith('Nobody is in sight')")
    assert not phone.run("return document.getElementById('taught-sheet').open")


HURRY = "const real = setTimeout; window.setTimeout = (f, ms) => real(f, ms === 1000 ? 50 : ms);"
COUNT = "document.getElementById('count').textContent"


def teach_exercise(phone: Phone, name: str) -> None:
    """Begin to teach an exercise that is done three times; a second takes 50 ms."""
    phone.run(HURRY)
    phone.tap("#learn")
    phone.type("#exercise-name", name)
    phone.tap("#learn-form label:has([value='3'])")
    phone.tap("#learn-form .primary")


def test_an_exercise_is_taught(phone: Phone, stand: Web, appliance: Appliance):
    """A countdown, time to do it three times, and what was learned."""
    phone.log_in()
    phone.see("!document.getElementById('actions').hidden")
    teach_exercise(phone, "shrug")
    phone.see(f"{COUNT}.endsWith(' s')")
    phone.see(f"{TOAST} === 'Do it 3 times.'")
    phone.see("document.getElementById('learned-sheet').open")
    assert ("learn", {"name": "shrug", "count": 3, "seconds": 12, "watch": True}) in appliance.asked
    shown = phone.run("return document.getElementById('learned-text').textContent")
    assert shown == "exercise 'shrug' is learned from 3 repetitions"
    phone.tap("#learned-close")
    assert not phone.run("return document.getElementById('learned-sheet').open")


def test_why_no_exercise_was_learned_is_told(phone: Phone, stand: Web):
    """The device's own reason."""
    phone.log_in()
    phone.see("!document.getElementById('actions').hidden")
    teach_exercise(phone, "nothing")
    phone.see(f"{TOAST}?.startsWith('Nothing repeats 3 times')")
    assert not phone.run("return document.getElementById('learned-sheet').open")


def test_everything_can_be_done_with_a_keyboard(phone: Phone, stand: Web, appliance: Appliance):
    """Every control is reached by Tab and has a name."""
    phone.press("#token", "END")
    phone.type("#token", TOKEN)
    phone.press("#token", "ENTER")
    phone.see("document.querySelector('.watch summary')")
    phone.press(".watch summary", "ENTER")

    unnamed = phone.run(
        "return [...document.querySelectorAll('button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.tabIndex < 0 || !(e.labels?.length || e.textContent.trim()"
        " || e.ariaLabel)).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    phone.press("#teach", "ENTER")
    phone.press("#pose-name", "ENTER")
    phone.see("!document.getElementById('countdown').hidden")
    phone.press("#teach", "ENTER")
    phone.see(f"{TOAST} === 'No picture was taken.'")
    phone.see("document.getElementById('countdown').hidden")
    wait_until(lambda: appliance.state()["teaching"]["state"] == "idle")


def test_nothing_is_wider_than_the_phone(phone: Phone, stand: Web):
    """Everything unfolded; and nothing to tap is smaller than a thumb."""
    assert phone.run("return document.documentElement.scrollWidth") == 390
    phone.log_in()
    phone.see("document.querySelector('#stage.is-live') && document.querySelector('.watch')")
    phone.run("for (const part of document.querySelectorAll('details')) part.open = true")

    assert phone.run("return document.documentElement.scrollWidth") == 390
    small = phone.run(
        "return [...document.querySelectorAll('button, select, summary')]"
        ".filter((e) => e.offsetParent && e.offsetHeight < 44).map((e) => e.outerHTML)"
    )
    assert small == []


def test_a_device_that_goes_away_and_comes_back(
    phone: Phone, stand: Web, scene: Callable[..., Any]
):
    """The page says so, and goes on by itself."""
    phone.log_in()
    phone.see("document.getElementById('status-text').textContent.startsWith('Watching')")

    port = stand.port
    stand.close()
    phone.see("document.getElementById('status-text').textContent.startsWith('Not connected')")
    again = Web(stand._options.model_copy(update={"port": port}), stand._device)
    again.open()
    try:
        again.show(scene(1))
        phone.see("!document.getElementById('status-text').textContent.startsWith('Not')")
    finally:
        again.close()


def test_without_pictures_words_remain(
    phone_on: Callable[[int], Phone], open_page: Callable[..., Web], appliance: Appliance
):
    """The page asks for no picture, and shows which limb is off on a figure."""
    page = open_page(frames="none")
    phone = phone_on(page.port)
    with Camera(appliance, page, "stand"):
        phone.open()
        phone.log_in()
        phone.see("document.querySelector('.body line.deviated')")
        assert not phone.run("return document.getElementById('picture').hasAttribute('src')")
        phone.see("document.getElementById('stage-note').textContent.includes('switched off')")


def test_a_profile_is_chosen_in_the_head(
    phone_on: Callable[[int], Phone], open_page: Callable[..., Web], appliance: Appliance
):
    """The list shows the one in use; what does not count in it is hidden."""
    page = open_page(profiles=("open", "closed"))
    phone = phone_on(page.port)
    with Camera(appliance, page, "stand"):
        phone.open()
        phone.log_in()
        phone.see("document.getElementById('profile').value === 'open'")
        assert phone.run(
            "const box = id => document.getElementById(id).getBoundingClientRect();"
            "return box('status-text').bottom <= box('profile').top"
        )  # on a phone's width nothing lies on top of something else
        assert not phone.run("return document.querySelector('article.watch').hidden")
        phone.run(
            "const list = document.getElementById('profile'); list.value = 'closed';"
            "list.dispatchEvent(new Event('change'))"
        )
        phone.see("document.querySelector('article.watch').hidden")
        phone.see("document.getElementById('profile').value === 'closed'")
    assert ("profile", "closed") in appliance.asked
    wide = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert phone.run(wide), "the head is wider than the phone"


def test_without_profiles_there_is_no_list(phone: Phone):
    """Nothing to choose, nothing shown."""
    phone.log_in()
    phone.see("document.querySelector('#detect:not([hidden])')")
    assert phone.run("return document.getElementById('profile').hidden")


@pytest.mark.parametrize("name", ["index.html", "login.html"])
def test_no_part_of_the_page_is_there_twice(name: str):
    """An id names one element, which scripts fill."""
    ids = re.findall(r'\bid="([^"]+)"', (STATIC / name).read_text())
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]


def test_every_text_of_the_page_is_in_the_tables():
    """What files and scripts ask for exists, and nothing is translated for nobody."""
    texts = "".join(path.read_text() for path in STATIC.iterdir() if path.suffix != ".css")
    asked = set(re.findall(r"\{\{say (\w+)\}\}", texts)) | set(re.findall(r'\bsay\("(\w+)"', texts))
    quoted = set(re.findall(r'"(\w+)"', texts)) | {"too_many_tokens", "wrong_token"}
    built = (
        "phase_", "event_", "refused_", "mark_", "done_", "name_", "source_", "runtime_", "part_",
        "heat_", "power_", "disk_", "memory_", "journal_", "perception_",
    )  # fmt: skip
    assert asked <= PAGE.keys()
    unused = [key for key in PAGE if key not in asked | quoted and not key.startswith(built)]
    assert unused == []


def test_a_stranger_sees_the_way_in_only(phone: Phone):
    """Whatever they ask for; logging out makes a stranger."""
    for path in ("/app.js", "/api/state", "/stream"):
        phone.open(path)
        assert "Log in first." in phone.run("return document.body.textContent")
    phone.open()
    phone.log_in()
    phone.see("document.title === 'lobby'")
    phone.tap(".top form button")
    phone.see("document.title === 'lobby · log in'")
    phone.open()
    phone.see("document.title === 'lobby · log in'")
