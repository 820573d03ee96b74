"""Tokens, cookies, guesses and requests of other sites."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.outputs.web.auth import GUESSES, LIFETIME, PAUSE, Pass, Throttle, is_same_origin

TOKEN = "correct-horse-battery"


@given(st.text())
def test_only_the_token_is_the_token(given_text: str):
    """Whatever else is given, surrogates and empty text included, is not."""
    assert Pass(TOKEN).is_token(TOKEN)
    assert Pass(TOKEN).is_token(given_text) is (given_text == TOKEN)


def test_a_cookie_is_good_until_it_expires():
    """And was issued by anybody who has the same token, as after a restart."""
    cookie = Pass(TOKEN).issue(now=1000.5)

    assert Pass(TOKEN).is_valid(cookie, 1000.5)
    assert Pass(TOKEN).is_valid(cookie, 999.0 + LIFETIME)
    assert not Pass(TOKEN).is_valid(cookie, 1000.0 + LIFETIME)


def test_a_new_token_makes_old_cookies_worthless():
    """Whoever has to be locked out is."""
    assert not Pass("another-long-token").is_valid(Pass(TOKEN).issue(0.0), 1.0)


@given(st.binary())
def test_a_made_up_cookie_is_refused(header: bytes):
    """Nothing without our signature is valid, and nothing raises, whatever its bytes are."""
    cookie = header.decode("utf-8", "surrogateescape")
    assert not Pass(TOKEN).is_valid(cookie, 0.0)


def test_a_cookie_can_not_be_prolonged():
    """The signature covers the expiry."""
    expiry, _, signature = Pass(TOKEN).issue(0.0).partition(".")

    for changed in (f"{int(expiry) + 1}.{signature}", f"9{expiry}.{signature}", f"{expiry}."):
        assert not Pass(TOKEN).is_valid(changed, 0.0)


def test_guesses_are_slowed_down():
    """A few at once, then one for each pause."""
    throttle = Throttle()
    for _ in range(GUESSES):
        assert throttle.wait("10.0.0.9", 100.0) == 0.0
        throttle.fail("10.0.0.9", 100.0)

    assert throttle.wait("10.0.0.9", 100.0) == pytest.approx(PAUSE)
    assert throttle.wait("10.0.0.9", 100.0 + PAUSE / 4) == pytest.approx(0.75 * PAUSE)
    assert throttle.wait("10.0.0.9", 100.0 + PAUSE) == 0.0
    throttle.fail("10.0.0.9", 100.0 + PAUSE)
    assert throttle.wait("10.0.0.9", 100.0 + PAUSE) == pytest.approx(PAUSE)


def test_one_who_guesses_locks_nobody_else_out():
    """Addresses are counted apart."""
    throttle = Throttle()
    for _ in range(2 * GUESSES):
        throttle.fail("10.0.0.9", 0.0)

    assert throttle.wait("10.0.0.9", 0.0) > 0
    assert throttle.wait("10.0.0.10", 0.0) == 0


def test_an_ipv6_network_counts_as_one():
    """Its owner has as many addresses as they like."""
    throttle = Throttle()
    for number in range(GUESSES):
        throttle.fail(f"2001:db8:1:2::{number:x}", 0.0)

    assert throttle.wait("2001:db8:1:2:ffff::1", 0.0) > 0
    assert throttle.wait("2001:db8:1:3::1", 0.0) == 0


def test_no_end_of_addresses_takes_no_end_of_memory():
    """The oldest is forgotten; what is no address counts as itself."""
    throttle = Throttle()
    for number in range(5000):
        throttle.fail(f"host-{number}", 0.0)

    assert len(throttle._debts) <= 1024


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Host": "pi:8080", "Origin": "http://pi:8080"}, True),
        ({"Host": "pi", "Origin": "https://pi"}, True),  # behind a proxy that does TLS
        ({"Host": "pi:8080"}, True),  # curl
        ({"Host": "pi:8080", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Host": "pi:8080", "Origin": "http://evil.example"}, False),
        ({"Host": "pi:8080", "Origin": "http://pi:8081"}, False),
        ({"Host": "pi:8080", "Origin": "http://pi:8080.evil.example"}, False),
        ({"Host": "pi:8080", "Origin": "null"}, False),
        ({"Host": "pi:8080", "Origin": ""}, False),
        ({"Host": "pi:8080", "Origin": "http://[::1"}, False),
        ({"Origin": "null"}, False),
        ({"Host": "pi:8080", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Host": "pi:8080", "Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_requests_of_other_sites_are_told_apart(headers: dict[str, str], own: bool):
    """By Origin, and where a browser leaves that out, by Sec-Fetch-Site."""
    assert is_same_origin(headers) is own
