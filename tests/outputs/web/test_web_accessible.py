"""Every view for everybody: axe-core finds nothing serious, in light and dark, in two widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from web_appliance import Appliance, Camera
from web_phone import Phone

from edgepose.outputs.web import Web

pytestmark = pytest.mark.timeout(180)

VIEWS = ("live", "events", "library", "device", "config")
READY = {
    "live": "document.querySelector('#stage.is-live') && document.querySelector('.advice li')",
    "events": "document.getElementById('events')",
    "library": "document.querySelector('.entry')",
    "device": "document.querySelector('#health > div')",
    "config": "!document.getElementById('config-card').hidden",
}
RUN = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(violations
  .filter(({impact}) => ["serious", "critical"].includes(impact))
  .flatMap(({id, nodes}) => nodes.map((node) => `${id} ${node.target}: ${node.failureSummary}`))));
"""


@pytest.fixture
def page_seen(phone_on: Callable[[int], Phone], page: Web, appliance: Appliance) -> Iterator[Phone]:
    """Return a phone that is logged in, in front of which somebody stands."""
    with Camera(appliance, page, "stand"):
        phone = phone_on(page.port)
        phone.open()
        yield phone


def serious(phone: Phone) -> list[str]:
    """Return what axe-core finds serious in the page as it is."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    phone.run(axe)
    return list(phone.wait_for(RUN))


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_no_view_has_a_serious_fault(page_seen: Phone, scheme: str, width: int):
    """Names, roles, contrast and order; the way in as well, and everything unfolded."""
    page_seen.look(scheme, width)
    found = {"login": serious(page_seen)}
    page_seen.log_in()
    page_seen.see("document.querySelector('.tabs')")
    for view in VIEWS:
        page_seen.run("location.hash = arguments[0]", f"#/{view}")
        page_seen.see(READY[view])
        page_seen.run("for (const part of document.querySelectorAll('details')) part.open = true")
        found[view] = serious(page_seen)
    page_seen.look("light", 390)
    assert {view: faults for view, faults in found.items() if faults} == {}


def test_a_sheet_is_a_dialog_with_a_name(page_seen: Phone):
    """Of teaching, with the page behind it out of reach; Escape closes it."""
    page_seen.log_in()
    page_seen.see(READY["live"])
    page_seen.tap_until("#teach", "document.getElementById('teach-sheet').open")
    assert serious(page_seen) == []
    page_seen.press("#pose-name", "ESCAPE")
    page_seen.see("!document.getElementById('teach-sheet').open")


def test_the_tabs_are_walked_with_the_keyboard(page_seen: Phone):
    """Each is a link that says where one is; the view changes, and back goes back."""
    page_seen.log_in()
    page_seen.see(READY["live"])
    for view in VIEWS[1:]:
        page_seen.press(f"#tab-{view}", "ENTER")
        page_seen.see(f"document.getElementById('view-{view}').hidden === false")
        current: Any = page_seen.run("return document.querySelector('[aria-current]').id")
        assert current == f"tab-{view}"
    page_seen.run("history.back()")
    page_seen.see("document.getElementById('view-device').hidden === false")
