"""edgepose fleet at a broker that wants TLS and a password, told as docs/fleet.md says."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

TEMPLATES: Final = Path(__file__).parent.parent.parent / "configs" / "templates"
HERS: Final = 'user: lobby, password: "${LOBBY_PASSWORD}", tls_ca_certs: CA, discovery: false'

# The broker is there first, so that it goes last: nothing knocks at its closed door.
pytestmark = pytest.mark.usefixtures("broker")


@pytest.fixture
def broker(secured: Any) -> Iterator[Any]:
    """Return the broker: this one lets in who knows the password, over TLS."""
    yield secured.broker
    for thread in threading.enumerate():  # a command that is refused leaves its own to its pause
        if "edgepose-fleet" in thread.name:
            thread.join(60)
    gc.collect()


@pytest.fixture
def hall(house: Any, secured: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the configuration of a device whose secret is in its environment."""
    monkeypatch.setenv("LOBBY_PASSWORD", secured.options["password"])
    login = HERS.replace("CA", str(secured.ca))
    return str(house.text("hall", **{"discovery: false": login}))


@pytest.fixture
def ear(secured: Any, heard: Any) -> Iterator[Any]:
    """Return an ear that gets in."""
    login = {key: secured.options[key] for key in ("user", "password")}
    made = heard(secured.broker.port, ca=str(secured.ca), **login)
    yield made
    made.close()


@pytest.fixture
def own(secured: Any, fleet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the broker's file, where the command looks for it by itself."""
    file = tmp_path / "own" / "edgepose" / "fleet.yaml"
    file.parent.mkdir(parents=True)
    shutil.copy(secured.ca, file.parent / "ca.crt")
    file.write_text(
        f"host: 127.0.0.1\nport: {secured.broker.port}\nuser: lobby\n"
        'password: "${EDGEPOSE_MQTT_PASSWORD}"\ntls_ca_certs: ca.crt\n'
    )
    for name in ("HOST", "PORT"):  # of the fixture `fleet`: here the file says it
        monkeypatch.delenv(f"EDGEPOSE_MQTT_{name}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent.parent))
    monkeypatch.setenv("EDGEPOSE_MQTT_PASSWORD", secured.options["password"])
    return file


def test_every_command_gets_in_with_the_file_alone(
    house, fleet, rows, *, hall, own, online, tmp_path
):
    """List, health, log, a template and a configuration, all of them through TLS."""
    appliance = house.start("hall", hall)
    online("hall")
    template = Path(shutil.copy(TEMPLATES / "squat.yaml", tmp_path / "hands.yaml"))
    pushed = tmp_path / "pushed.yaml"
    pushed.write_text(hall.replace("name: hall\n", "").replace("fps: 10", "fps: 12"))

    (seen,) = rows(fleet("list", "--json"))
    assert (seen["device"], seen["state"]) == ("hall", "online")
    assert rows(fleet("health", "hall", "--json"))[0]["remote"] is True
    assert fleet("logs", "hall").exit_code == 0
    assert fleet("push-template", template, "--all").exit_code == 0
    (taken,) = rows(fleet("push-config", pushed, "hall", "--json"))
    assert taken["state"] == "accepted", taken
    assert "fps: 12" in house.file("hall").read_text()
    assert appliance.state()["outputs"]["bus"]["state"] == "running"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("${EDGEPOSE_MQTT_PASSWORD}", "wr0ng-h0rse", "check `user` and `password`"),
        ("ca.crt", "stranger.crt", "certificate is not trusted"),
        ("tls_ca_certs: ca.crt", "tls: false", "does it want `tls`"),
    ],
    ids=["password", "signer", "no TLS"],
)
def test_who_is_not_let_in_is_told_why(fleet, own, secured, *, monkeypatch, old, new, said):
    """Exit code 1 and a sentence with the option to look at; never the password."""
    monkeypatch.delenv("EDGEPOSE_MQTT_PASSWORD")
    monkeypatch.setenv("SECRET", secured.options["password"])
    shutil.copy(secured.stranger, own.parent)
    text = own.read_text().replace(old, new).replace("EDGEPOSE_MQTT_PASSWORD", "SECRET")
    own.write_text(text)

    result = fleet("list")

    assert result.exit_code == 1
    assert said in str(result.exception)
    assert "horse" not in str(result.exception)
    assert "h0rse" not in str(result.exception)
