"""The token that is made where none is configured."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path

import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.web import Web, WebOptions, token


@pytest.fixture
def folder(state: Path) -> Path:
    """Return the state folder, which does not exist yet."""
    return state


def test_a_token_is_made_once_and_kept(folder: Path):
    """Over restarts; it can be typed on a phone."""
    made = token.stored()

    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", made)
    assert token.stored() == made
    assert (folder / "web-token").read_text() == made + "\n"


def test_only_its_owner_can_read_it(folder: Path):
    """Whatever the umask; no draft is left behind."""
    token.stored()

    assert stat.S_IMODE((folder / "web-token").stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["web-token"]


def test_it_is_logged_when_it_is_made_and_never_again(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    """The journal says it once."""
    made = token.stored()
    assert [made in record.message for record in caplog.records] == [True]

    caplog.clear()
    token.stored()
    assert not caplog.records


def test_a_file_that_was_cut_off_is_no_token(folder: Path):
    """Power may go while it is written; an empty password must not open the page."""
    folder.mkdir()
    (folder / "web-token").write_text("\n")

    assert len(token.stored()) > token.SHORTEST


def test_a_folder_that_can_not_be_written_to_is_told(folder: Path):
    """With the way out; it is tried again later."""
    folder.parent.joinpath("state").write_text("a file where the folder should be")

    with pytest.raises(OutputLost, match=r"web-token.*set `token`"):
        token.stored()


def test_tokens_differ():
    """They are random."""
    assert len({token.generate() for _ in range(100)}) == 100


def test_a_configured_token_is_neither_kept_nor_shown(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    """Not in the log, not in what options look like, not in the state folder."""
    caplog.set_level(logging.DEBUG)
    options = WebOptions(token="correct-horse-battery", port=0)
    page = Web(options, Device("lobby"))
    page.open()
    page.close()

    assert "horse" not in repr(options)
    assert "horse" not in caplog.text
    assert not folder.exists()


@pytest.mark.parametrize("given", [None, "correct-horse-battery"])
def test_the_health_document_tells_where_the_token_is(folder: Path, given: str | None):
    """Never what it is: everybody can read that document, on the device and on the broker."""
    page = Web(WebOptions(port=0, token=given), Device("lobby"))
    assert page.health["url"] == ""
    page.open()
    health = page.health
    page.close()

    assert health["url"].startswith("http://127.0.0.1:")
    assert health["token_file"] == ("" if given else str(folder / "web-token"))
    assert (given or token.stored()) not in str(health)
