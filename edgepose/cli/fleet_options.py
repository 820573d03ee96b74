"""The options of every fleet command: the broker and the login."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from edgepose.fleet.broker_options import broker_options
from edgepose.fleet.connection import FleetClient

R = TypeVar("R")

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_OPTIONS: Final = (
    click.option(
        "--broker", "broker_file", type=_FILE, help="YAML file with the keys of the mqtt output."
    ),
    click.option("--host", help="The broker's name or address."),
    click.option("--port", type=int, help="Default 1883; 8883 is usual with TLS."),
    click.option("--user", help="Asks for the password, unless EDGEPOSE_MQTT_PASSWORD is set."),
    click.option("--tls", is_flag=True, help="Encrypt."),
    click.option("--tls-ca-certs", type=_FILE, help="CA of the broker (PEM)."),
    click.option("--tls-client-cert", type=_FILE, help="Client certificate (PEM)."),
    click.option("--tls-client-key", type=_FILE, help="Key of the client certificate (PEM)."),
    click.option("--tls-insecure", is_flag=True, help="Accept a certificate of another host."),
    click.option("--topic-prefix", help="First part of the topics, `edgepose` by default."),
)  # fmt: skip

_KEYS: Final = (
    "host", "port", "tls", "tls_ca_certs", "tls_client_cert", "tls_client_key", "tls_insecure",
    "topic_prefix",
)  # fmt: skip


def with_fleet_client(command: Callable[..., R]) -> Callable[..., R]:
    """Add the broker's options to a command, which gets a FleetClient, not yet connected."""

    @functools.wraps(command)
    def wrapped(broker_file: Path | None, user: str | None, **others: Any) -> R:
        given = {key: others.pop(key) for key in _KEYS}
        files = {key: path.absolute() for key, path in given.items() if isinstance(path, Path)}
        options = broker_options(given | files | _login(user), broker_file)
        return command(client=FleetClient(options), **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _login(user: str | None) -> dict[str, str]:
    """Return user and password; prompt for a missing password at a terminal."""
    if user is None:
        return {}
    password = os.environ.get("EDGEPOSE_MQTT_PASSWORD")
    if password is None and sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    return {"user": user} | ({"password": password} if password is not None else {})
