"""Wrong tokens and requests of other sites."""

from __future__ import annotations

import pytest

from edgepose.outputs.web.auth import GUESSES, PAUSE, Throttle, is_same_origin


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
