"""A configuration without its secrets for the page, and with them again when it comes back."""

from __future__ import annotations

import pytest

from edgepose.config.hidden import HIDDEN, hide, restore
from edgepose.errors import ConfigError

OWN = """\
# old password: hunter1 is not used
version: 1
source: {type: stream, url: "rtsp://me:letmein@camera.local/live"}
outputs:
  bus:   # the hall
    type: mqtt
    host: broker.local
    password: hunter2   # as agreed
    username: lobby
  page: {type: web, token: correct-horse-battery, port: 8080}
  hook:
    type: webhook
    url: https://hooks.example.org/x?key=abc
    secret: |
      two
      lines
  home: {type: mqtt, host: other, password: "${MQTT_PASSWORD}"}
  yard: {<<: {type: mqtt, host: third, password: hunter3}, port: 1884}
#  old: {type: webhook, url: "https://hooks.example.org/hunter4", types: [start]}
#    url: https://hooks.example.org/hunter5
#  login: me, pass: hunter6
#  pwd=hunter7
#  see https://example.org/manual
"""
SECRETS = ("hunter", "letmein", "correct-horse", "abc", ".org/x", "two\n", "lines")


def test_no_secret_is_shown():
    """Neither of keys, nor of URLs, nor in comments; the rest stays as it was written."""
    shown = hide(OWN)
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "${MQTT_PASSWORD}" in shown
    assert "bus:   # the hall" in shown
    assert '"(hidden)"   # as agreed' in shown
    assert "# see https://example.org/manual" in shown.replace("#  ", "# ")


@pytest.mark.parametrize("value", ["[hunter2]", "{en: hunter2}", "[[hunter2]]"])
def test_a_secret_in_a_wrong_form_is_not_shown(value: str):
    """A file that can't be used is edited as well."""
    assert "hunter2" not in hide(f"outputs: {{bus: {{type: mqtt, password: {value}}}}}")


def test_a_merged_secret_stays_with_its_own_section():
    """One that a section overrides is that of the other section still."""
    own = (
        "outputs:\n  a: &a {host: x, password: one}\n  b: &b {<<: *a, password: two}\n"
        "  c: {<<: [*b, *a, {secret: three}]}\n"
    )
    import yaml

    shown = hide(own)
    assert [secret for secret in ("one", "two", "three") if secret in shown] == []
    assert yaml.safe_load(restore(shown, own)) == yaml.safe_load(own)


def test_what_comes_back_unchanged_is_the_file_again():
    """Values, comments and places; a block of lines comes back in quotes."""
    import yaml

    restored = restore(hide(OWN), OWN)
    assert yaml.safe_load(restored) == yaml.safe_load(OWN)
    assert restored.startswith("# old password: hunter1")
    assert HIDDEN not in restored


def test_other_values_may_change():
    """The secret stays where only the rest of its section differs."""
    restored = restore(hide(OWN).replace("username: lobby", "username: hall"), OWN)
    assert 'password: "hunter2"' in restored
    assert "username: hall" in restored


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("host: broker.local", "host: elsewhere.example", "same place"),
        ("url: \"rtsp", "name: \"rtsp", "write the value out"),
        ("type: mqtt\n", "type: webhook\n", "same place"),
        ("  bus:", "  bus2:", "write the value out"),
        ("username: lobby", 'username: "(hidden)"', "write the value out"),
        ("camera.local", "evil.example", "write the value out"),
    ],
)  # fmt: skip
def test_a_secret_is_never_sent_elsewhere(old: str, new: str, words: str):
    """Whoever may edit, but not read, can't have it sent to a server of theirs."""
    edited = hide(OWN).replace(old, new, 1)
    assert edited != hide(OWN)
    with pytest.raises(ConfigError, match=words):
        restore(edited, OWN)


def test_a_text_without_hidden_values_is_taken_as_it_is():
    """Even one that is no YAML: the check that follows says so."""
    assert restore("a: [", OWN) == "a: ["


def test_what_is_no_yaml_is_not_shown():
    """Nobody can tell where its secrets are."""
    with pytest.raises(ConfigError):
        hide("password: [")
