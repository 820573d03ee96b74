"""Names under which the page answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.outputs.web.hosts import Hosts

HOSTS = Hosts(["lobby", "Kiosk.Example"])


@pytest.mark.parametrize(
    "header",
    [
        "lobby", "LOBBY", "lobby:8080", "lobby.local", "lobby.local.:8080", "kiosk.example:443",
        "localhost", "localhost:1", "127.0.0.1:8080", "192.168.1.7", "[::1]:8080", "[fe80::1]",
        "",
    ],
)  # fmt: skip
def test_our_names_and_every_address_are_ours(header: str):
    """With any port; a request without a host comes from no browser."""
    assert header in HOSTS


@pytest.mark.parametrize(
    "header",
    [
        "evil.example", "lobby.evil.example", "evil-lobby", "127.0.0.1.evil.example", "1.evil",
        "kiosk", "kiosk.example.evil", "lobby@evil.example", "evil.example@", "[::1", "[evil]",
        "lobby/..", "lobby.local.local", "\udcff\udcfe", ".", ":8080",
    ],
)  # fmt: skip
def test_any_other_name_is_not(header: str):
    """Also not one that merely contains ours."""
    assert header not in HOSTS


@given(st.binary())
def test_nothing_in_the_header_raises(header: bytes):
    """It is a stranger's."""
    assert (header.decode("utf-8", "surrogateescape") in HOSTS) in (True, False)
