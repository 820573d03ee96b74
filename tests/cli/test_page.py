"""What a terminal shows of the page of a run."""

from __future__ import annotations

import pytest

from edgepose.cli.page import notice, qr_code


def test_a_terminal_is_shown_address_token_and_a_code_for_a_phone(tmp_path, monkeypatch):
    """All that it takes to open the page from the sofa."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("edgepose.cli.page.on_network", lambda url: "http://192.168.1.5:8080/")
    (tmp_path / "web-token").write_text("k7fm-29qa-xw4d-h3tn\n")
    health = {"url": "http://lobby:8080/", "token_file": str(tmp_path / "web-token")}
    address, token, code = notice(health, is_terminal=True)
    assert address.endswith("the page is at http://lobby:8080/ or http://192.168.1.5:8080/")
    assert token.endswith("the token k7fm-29qa-xw4d-h3tn")
    assert max(map(len, code.splitlines())) <= 80


def test_a_page_of_this_machine_alone_has_no_code_and_says_why():
    """A phone could not open it."""
    *_, last = notice({"url": "http://127.0.0.1:8080/", "token_file": ""}, is_terminal=True)
    assert "host: 0.0.0.0" in last


@pytest.mark.parametrize("health", [{}, {"url": ""}])
def test_nothing_is_printed_of_other_outputs(health):
    """Nor of a page that is not open yet."""
    assert list(notice(health, is_terminal=True)) == []


def test_a_narrow_terminal_gets_no_code():
    """A broken one can't be read."""
    assert qr_code("http://192.168.1.5:8080/", 20) == ""
    assert "█" in qr_code("http://192.168.1.5:8080/", 80)
