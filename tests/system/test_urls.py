"""Addresses of cameras: logins encoded, secrets never shown."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest

from edgepose.system.urls import redacted, redacted_in, with_encoded_login

PASSWORDS = (
    "Ge/heim1", "Ge?heim1", "p@ss#1", "pa[x]y", "pa]y", "Geheim1", "p:q", "100%", "a b", "ß%41",
    "#", "12/34?x#y@z[", "//", "@",
)  # fmt: skip


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("tail", ["127.0.0.1:9/live", "cam.local/live?channel=1", "[::1]:554/a"])
def test_no_part_of_a_password_is_shown(password: str, tail: str):
    """The redacted address has the host, and nothing of the login."""
    shown = redacted(f"rtsp://admin:{password}@{tail}")
    assert "admin" not in shown
    assert shown.startswith(f"rtsp://{tail.split('?', maxsplit=1)[0]}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://h/user=admin&password=Geheim1&channel=1.sdp", ("Geheim1", "admin")),
        ("rtsp://h/11/user=admin_password=Geheim1_channel=1", ("Geheim1",)),
        ("http://h/snap?usr=a&pwd=Geheim1", ("Geheim1",)),
        ("http://h/snap#Geheim1", ("Geheim1",)),
        ("admin:Geheim1@h/x", ("Geheim1",)),
    ],
)
def test_secrets_elsewhere_in_an_address_are_not_shown(url: str, expected: tuple[str, ...]):
    """Cameras take logins in the path and the query too."""
    assert not [secret for secret in expected if secret in redacted(url)]


def test_addresses_within_a_text_are_redacted():
    """A sentence keeps its words."""
    text = "no answer from rtsp://a:b/c@h/live today"
    assert redacted_in(text) == "no answer from rtsp://h/live today"


@pytest.mark.parametrize("password", PASSWORDS[:-4])
def test_a_pasted_password_is_encoded_for_the_user(password: str):
    """The host is the one that was meant, and the server gets the password that was pasted."""
    parts = urlsplit(with_encoded_login(f"rtsp://admin:{password}@10.0.0.9:554/live"))
    assert (parts.hostname, parts.port, parts.path) == ("10.0.0.9", 554, "/live")
    assert unquote(parts.password or "") == unquote(password)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://h/live", "http://h:80/a@b", "http://u:p@h:80/a@b?c=d@e", "rtsp://u:p%2Fq@h/x",
        "http://[::1]:80/x", "udp://@239.0.0.1:1234", "rtsp://u:p@[fe80::1]/x",
    ],
)  # fmt: skip
def test_what_is_right_already_stays_as_it_is(url: str):
    """RFC 3986 is kept where an address follows it."""
    assert with_encoded_login(url) == url


@pytest.mark.parametrize(
    "url", ["rtsp://admin:12/34@10.0.0.9/x", "rtsp://[::1", "http://h:99999/", "rtsp:///x"]
)
def test_what_can_not_be_understood_is_refused_with_the_way_out(url: str):
    """The sentence says what to write, and quotes nothing."""
    with pytest.raises(ValueError, match="%2F for /") as caught:
        with_encoded_login(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://@a b:9/user=me&password=s3cret",
        "http://cam/my cam/user=me&password=s3cret",
        "http://cam/my cam?pwd=s3cret now",
    ],
)
def test_a_secret_behind_a_space_is_redacted(url: str):
    """A URL with a space in it is found to its first space only; its secrets end later."""
    assert "s3cret" not in redacted_in(url)
    assert "s3cret" not in redacted_in(f"no answer from {url}, today")
