"""The page on a whole appliance: camera, model, watches and the configuration file."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from web_appliance import ARMS_UP

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load

pytestmark = pytest.mark.timeout(180)

CONFIG = """\
# The kiosk in the hall.
version: 1
name: lobby
source: {{type: synthetic, motion: stand, fps: 15, size: [360, 480]}}
model: {{name: edgepose-nano}}  # MoveNet takes the mannequin's front for a back at times
watch:
  arms_up:
    template: templates/arms_up.yaml  # raised arms, as in the brochure
    enter: 0.85  # as the customer asked
    hold: 0.2
outputs:
  page: {{type: web, port: {port}, token: correct-horse-battery, frames: full}}
"""


FRESH = """\
# As installed: a camera, a page, and the model in the box.
version: 1
name: fresh
source: {{type: synthetic, motion: stand, fps: 15, size: [480, 640]}}
model: {{name: edgepose-nano}}
outputs:
  page: {{type: web, port: {port}, token: correct-horse-battery, frames: full}}
"""


GYM = """\
version: 1
name: studio
language: de
source: {{type: synthetic, motion: squat, fps: 15, size: [360, 480]}}
model: {{name: edgepose-nano}}
watch:
  squats: {{exercise: half_squat, goal: 2, title: {{en: Squats, de: Kniebeugen}}}}
outputs:
  page: {{type: web, port: {port}, token: correct-horse-battery}}
"""


@pytest.fixture
def kiosk(tmp_path: Path, lightning: Path) -> Iterator[tuple[Path, int]]:
    """Run an appliance; return its configuration and the port of its page."""
    yield from run(tmp_path, CONFIG)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Run an appliance that watches for nothing yet, as `kiosk`."""
    yield from run(tmp_path, FRESH)


@pytest.fixture
def gym(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Run a German appliance that counts squats, as `kiosk`."""
    yield from run(tmp_path, GYM)


def run(tmp_path: Path, config: str) -> Iterator[tuple[Path, int]]:
    """Run an appliance with a configuration; yield its path and the port of its page."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "arms_up.yaml").write_text(ARMS_UP.read_text())
    path = tmp_path / "kiosk.yaml"
    path.write_text(config.format(port=port))
    appliance = Appliance(load(path))
    thread = threading.Thread(target=appliance.run)
    thread.start()
    while appliance.state()["outputs"]["page"]["state"] != "running":
        thread.join(0.05)
        assert thread.is_alive()
    yield path, port
    appliance.stop()
    thread.join(30)


def test_what_is_taught_and_tuned_on_the_page_stands_in_the_configuration(
    kiosk: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """The template beside it, the threshold in it, every comment kept."""
    path, port = kiosk
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.see("document.querySelector('.advice').textContent.includes('raise')")
    phone.see("document.querySelector('#stage.is-live')")

    phone.teach("standing")
    phone.see("document.getElementById('taught-sheet').open")
    phone.tap("#taught-apply")
    phone.see("document.querySelector('.phase').textContent === 'Shown'")
    phone.unfold(".watch summary")
    phone.press("[name=enter]", "ARROW_RIGHT", 5)
    phone.tap("#save")
    phone.see("document.querySelector('.toast')?.textContent.includes('aved to')")
    phone.see("document.getElementById('unsaved').hidden")

    written = re.sub(" +", " ", path.read_text())
    assert "# The kiosk in the hall." in written
    assert "enter: 0.9 # as the customer asked" in written
    assert "templates/standing.yaml # raised arms, as in the brochure" in written
    assert (path.parent / "templates" / "standing.yaml").is_file()
    assert load(path).watches["arms_up"].enter == pytest.approx(0.9)
    assert phone.complaints() == []


def test_undo_brings_the_configuration_back(
    kiosk: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """What was tried and not saved is gone, on the page as on the device."""
    path, port = kiosk
    before = path.read_text()
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.see("document.querySelector('.watch summary')")
    phone.unfold(".watch summary")
    phone.press("[name=enter]", "ARROW_RIGHT", 5)
    phone.see("!document.getElementById('unsaved').hidden")

    phone.tap("#undo")
    phone.see("document.querySelector('[name=enter]').value === '0.85'")
    phone.see("document.getElementById('unsaved').hidden")
    assert path.read_text() == before


def test_from_a_fresh_install_a_taught_pose_fires_in_three_taps(
    fresh: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """Log in, teach, start: the figure in front of the camera is learnt and fires.

    The pages' outputs restart for the new watch; the phone finds back by itself.
    """
    path, port = fresh
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.see("document.querySelector('#stage.is-live')")
    done = "[...document.querySelectorAll('.guide .is-done')].map((step) => step.id).join()"
    phone.see(f"{done} === 'guide-picture,guide-person'")
    phone.tap_until("#teach", "document.getElementById('teach-sheet').open")
    phone.tap("#teach-form .primary")

    phone.see("document.getElementById('taught-sheet').open")
    assert "watched for" in phone.run("return document.getElementById('taught-text').textContent")
    hint = phone.run("return document.getElementById('taught-hint').textContent")
    assert "edgepose-nano is the small model" in hint
    phone.see("document.getElementById('events').textContent.includes('My pose shown')")
    phone.see("!document.getElementById('guide-finished').hidden")

    assert "my_pose:" in path.read_text()
    assert path.read_text().startswith("# As installed")
    assert (path.parent / "templates" / "my_pose.png").is_file()


def test_a_gym_sees_today_s_sets_in_its_own_language(
    gym: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """Titles, numbers and words; the curve of the last minute with the target in it."""
    phone = phone_on(gym[1])
    phone.open()
    assert phone.run("return document.querySelector('label').textContent") == "Kennwort"
    phone.log_in()
    phone.see("document.documentElement.lang === 'de'")
    phone.see("document.querySelector('.watch h2')?.textContent === 'Kniebeugen'")
    phone.see("document.querySelector('.times').textContent === 'von 2'")
    assert phone.run("return document.querySelector('.curve .target') !== null")

    phone.see("document.querySelector('.sets li.is-reached')?.textContent.includes('2 von 2')")
    head = phone.run("return document.querySelector('#today .done-head').textContent")
    assert head.startswith("Kniebeugen")
    assert head.endswith("Wiederholungen")
    assert phone.run("return document.querySelector('.curve-line').getAttribute('d').length > 99")
    phone.see("document.getElementById('events').textContent.includes('Kniebeugen Satz')")
    phone.see("document.getElementById('health-summary').textContent === 'Alles funktioniert.'")
    phone.wait_for(
        "import('/device.js').then((d) => d.carryOut('profile', 'x')).then(arguments[0])"
    )
    toast = "document.querySelector('.toast')"
    phone.see(f"{toast}.textContent.startsWith('Das ging nicht.')")
    phone.see(f"{toast}.querySelector('[lang=en]').textContent.includes('profiles')")
    phone.unfold("#history summary")
    phone.see("document.querySelector('.days .bar-day')?.getBoundingClientRect().height > 20")
    assert [text for text in phone.complaints() if "400" not in text] == []


def test_poses_are_kept_in_order_on_the_page(
    kiosk: tuple[Path, int], phone_on: Callable[[int], Any]
):
    """Teach one, rename it, delete it; a shipped exercise gets a watch with one tap."""
    path, port = kiosk
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.see("document.querySelector('#stage.is-live')")
    phone.teach("standing")
    phone.see("document.getElementById('taught-sheet').open")
    phone.tap("#taught-later")

    phone.tap_until("#tab-library", "!document.getElementById('view-library').hidden")
    phone.see("document.querySelectorAll('.entry').length > 30")
    phone.tap("[data-name=standing] [data-do=rename]")
    phone.type("#rename-to", "upright")
    phone.tap("#rename-form .primary")
    phone.see("document.querySelector('[data-name=upright]')")
    assert (path.parent / "templates" / "upright.png").is_file()
    phone.tap("[data-name=upright] [data-do=delete]")
    phone.tap("#delete-form .primary")
    phone.see("document.querySelector('.entry') && !document.querySelector('[data-name=upright]')")
    assert not (path.parent / "templates" / "upright.yaml").exists()
    assert not phone.run("return document.querySelector('[data-name=arms_up] [data-do=delete]')")

    phone.type("#library-find", "plank")
    phone.see("document.querySelectorAll('.entry:not([hidden])').length === 2")
    phone.tap("[data-name=plank] [data-do=watch_it]")
    phone.see("document.querySelector('[data-name=plank] p').textContent.includes('plank')")
    assert load(path).watches["plank"].exercise.stem == "plank"
    assert "# as the customer asked" in path.read_text()


def test_an_exercise_is_taught_on_the_page(gym: tuple[Path, int], phone_on: Callable[[int], Any]):
    """A page may give every command that it has a button for, as shipped."""
    path, port = gym
    phone = phone_on(port)
    phone.open()
    phone.log_in()
    phone.see("document.querySelector('.sets li')")  # it has moved for a while
    said = phone.run(
        "return fetch('/api/command', {method: 'POST', headers: {'Content-Type':"
        " 'application/json'}, body: JSON.stringify({name: 'learn', value: {name: 'mine',"
        " count: 2, seconds: 12}})}).then((answer) => answer.json())"
    )
    assert "mine" in said.get("done", ""), said
    assert (path.parent / "exercises" / "mine.yaml").is_file()
