"""Tokens, cookies and log-outs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.outputs.web.sessions import LIFETIME, Sessions

TOKEN = "correct-horse-battery"
NOWHERE = Path("/nonexistent/web-logouts")


def sessions(token: str = TOKEN, file: Path = NOWHERE) -> Sessions:
    """Return the sessions of a page."""
    return Sessions(token, file)


@given(st.text())
def test_only_the_token_is_the_token(given_text: str):
    """Whatever else is given, surrogates and empty text included, is not."""
    assert sessions().is_token(TOKEN)
    assert sessions().is_token(given_text) is (given_text == TOKEN)


def test_a_cookie_is_good_until_it_expires():
    """And was issued by anybody who has the same token, as after a restart."""
    cookie = sessions().issue(now=1000.5)

    assert sessions().is_valid(cookie, 1000.5)
    assert sessions().is_valid(cookie, 999.0 + LIFETIME)
    assert not sessions().is_valid(cookie, 1000.0 + LIFETIME)


def test_a_new_token_makes_old_cookies_worthless():
    """Whoever has to be locked out is."""
    assert not sessions("another-long-token").is_valid(sessions().issue(0.0), 1.0)


@given(st.binary())
def test_a_made_up_cookie_is_refused(header: bytes):
    """Nothing without our signature is valid, and nothing raises, whatever its bytes are."""
    cookie = header.decode("utf-8", "surrogateescape")
    assert not sessions().is_valid(cookie, 0.0)


def test_a_cookie_can_not_be_prolonged():
    """The signature covers the expiry."""
    expiry, id, signature = sessions().issue(0.0).split(".")
    later = int(expiry) + 1

    for changed in (f"{later}.{id}.{signature}", f"9{expiry}.{id}.{signature}", f"{expiry}.{id}."):
        assert not sessions().is_valid(changed, 0.0)


def test_a_cookie_of_an_earlier_version_is_good():
    """It had no id: `EXPIRY.SIGNATURE`."""
    ours = sessions()
    assert ours.is_valid(f"{LIFETIME}.{ours._sign(str(LIFETIME))}", 0.0)


def test_a_session_that_was_logged_out_is_over(tmp_path: Path):
    """At once, and for a process that starts later; others of the same second go on."""
    ours = sessions(file=tmp_path / "state" / "logouts")
    cookie, other = ours.issue(0.0), ours.issue(0.0)

    ours.revoke(cookie)
    assert not ours.is_valid(cookie, 1.0)
    ours.save()

    again = sessions(file=tmp_path / "state" / "logouts")
    assert not again.is_valid(cookie, 1.0)
    assert again.is_valid(other, 1.0)


def test_log_outs_of_two_pages_are_kept_together(tmp_path: Path):
    """Both write the same file."""
    pages = [sessions(file=tmp_path / "logouts") for _ in range(2)]
    cookies = [page.issue(0.0) for page in pages]
    for page, cookie in zip(pages, cookies, strict=True):
        page.revoke(cookie)
        page.save()

    again = sessions(file=tmp_path / "logouts")
    assert not [cookie for cookie in cookies if again.is_valid(cookie, 1.0)]


def test_a_log_out_on_one_page_holds_for_the_others(tmp_path: Path):
    """A device's pages have one token, and a stolen cookie can be sent to any of them."""
    ours, other = (sessions(file=tmp_path / "logouts") for _ in range(2))
    cookie = ours.issue(0.0)
    assert other.is_valid(cookie, 1.0)

    ours.revoke(cookie)
    ours.save()

    assert not other.is_valid(cookie, 1.0)


def test_what_is_no_log_out_is_dropped(tmp_path: Path):
    """Expired ones are kept: a clock that is ahead may be put right again."""
    file = tmp_path / "logouts"
    file.write_bytes(b"1000.abc\nnonsense\n")
    ours = sessions(file=file)
    ours.save()

    assert file.read_text().split() == ["1000.abc"]


def test_log_outs_take_so_much_room_only(tmp_path: Path):
    """The newest are kept."""
    ours = sessions(file=tmp_path / "logouts")
    cookies = [ours.issue(float(second)) for second in range(1100)]
    for cookie in cookies:
        ours.revoke(cookie)
    ours.save()

    assert len((tmp_path / "logouts").read_text().split()) == 1000
    assert not sessions(file=tmp_path / "logouts").is_valid(cookies[-1], 1100.0)


def test_a_folder_that_can_not_be_written_to_is_reported(caplog: pytest.LogCaptureFixture):
    """The log-out counts until the next restart."""
    ours = sessions(file=Path("/dev/null/logouts"))
    cookie = ours.issue(0.0)
    ours.revoke(cookie)
    ours.save()

    assert not ours.is_valid(cookie, 1.0)
    assert "log-outs can't be kept" in caplog.text


def test_a_damaged_file_of_log_outs_does_not_stop_the_next(tmp_path: Path):
    """A number of thousands of digits is none."""
    file = tmp_path / "web-logouts"
    file.write_text(f"{'9' * 5000}.x\n")
    page = sessions(file=file)
    cookie = page.issue(0.0)
    page.revoke(cookie)
    page.save()
    assert not sessions(file=file).is_valid(cookie, 1.0)
