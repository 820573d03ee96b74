"""The options of every fleet command: the broker, from options, environment or a small file."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from edgepose.cli.options import whole
from edgepose.config.overrides import expand
from edgepose.errors import ConfigError, UserError
from edgepose.fleet.connection import FleetClient
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.yamldoc.document import Document, read_yaml
from edgepose.yamldoc.validation import Problems, validate

R = TypeVar("R")

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_OPTIONS: Final = (
    click.option(
        "--broker", "broker_file", type=_FILE, help="YAML file with the keys of the mqtt output."
    ),
    click.option("--host", help="The broker's name or address."),
    click.option(
        "--port", type=click.IntRange(1, 65535), help="Default 1883; 8883 is usual with TLS."
    ),
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

VARIABLES: Final = {
    "host": "EDGEPOSE_MQTT_HOST",
    "port": "EDGEPOSE_MQTT_PORT",
    "user": "EDGEPOSE_MQTT_USER",
    "password": "EDGEPOSE_MQTT_PASSWORD",
    "topic_prefix": "EDGEPOSE_MQTT_TOPIC_PREFIX",
}
_NO_BROKER: Final = "no broker is configured; give --host, set EDGEPOSE_MQTT_HOST, or write {file}"


def with_fleet_client(command: Callable[..., R]) -> Callable[..., R]:
    """Add the broker's options to a command, which gets a FleetClient, not yet connected."""

    @functools.wraps(command)
    def wrapped(broker_file: Path | None, user: str | None, **others: Any) -> R:
        given = {key: others.pop(key) for key in _KEYS}
        files = {key: path.absolute() for key, path in given.items() if isinstance(path, Path)}
        options = _broker_options(given | files | _login(user), broker_file)
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


def _default_file() -> Path:
    """Return the default path of the broker's file."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path("~/.config").expanduser()) / "edgepose" / "fleet.yaml"


def _broker_options(given: Mapping[str, Any], file: Path | None) -> MqttOptions:
    """Return the checked options; `given` wins over the environment, which wins over the file.

    The file holds the keys of the mqtt output. Raises UserError for any mistake.
    """
    document = _document(file)
    problems = Problems(document)
    data = expand(document.data, os.environ, problems)
    problems.raise_any(ConfigError)
    data |= {key: os.environ[name] for key, name in VARIABLES.items() if os.environ.get(name)}
    data |= {key: value for key, value in given.items() if value not in (None, False)}
    if "user" not in data and "password" not in document.data:
        data.pop("password", None)  # of the environment, for another broker
    if isinstance(data.get("port"), str):
        data["port"] = whole(data["port"]) or data["port"]
    if "host" not in data:
        raise UserError(_NO_BROKER.format(file=_default_file()))
    base = {"base": Path(document.name).absolute().parent}
    options = validate(MqttOptions, data, (), problems, base)
    problems.raise_any(ConfigError)
    assert options is not None
    return options


def _document(file: Path | None) -> Document:
    chosen = file or _default_file()
    if file is None and not chosen.is_file():
        return Document({}, "broker")
    document = read_yaml(chosen, ConfigError)
    document.data.pop("type", None)  # from a configuration
    return document
