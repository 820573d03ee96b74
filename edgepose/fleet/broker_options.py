"""The fleet's broker: from the command line, the environment, or a small file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgepose.config.overrides import expand
from edgepose.errors import ConfigError, UserError
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.yamldoc.document import Document, read_yaml
from edgepose.yamldoc.validation import Problems, validate

VARIABLES: Final = {
    "host": "EDGEPOSE_MQTT_HOST",
    "port": "EDGEPOSE_MQTT_PORT",
    "user": "EDGEPOSE_MQTT_USER",
    "password": "EDGEPOSE_MQTT_PASSWORD",
    "topic_prefix": "EDGEPOSE_MQTT_TOPIC_PREFIX",
}
_NO_BROKER: Final = "no broker is configured; give --host, set EDGEPOSE_MQTT_HOST, or write {file}"


def default_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the default path of the broker's file."""
    home = environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path("~/.config").expanduser()) / "edgepose" / "fleet.yaml"


def broker_options(
    given: Mapping[str, Any], file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> MqttOptions:
    """Return the checked options; `given` wins over the environment, which wins over the file.

    The file holds the keys of the mqtt output. Raises UserError for any mistake.
    """
    document = _document(file, environ)
    problems = Problems(document)
    data = expand(document.data, environ, problems)
    problems.raise_any(ConfigError)
    data |= {key: environ[name] for key, name in VARIABLES.items() if environ.get(name)}
    data |= {key: value for key, value in given.items() if value not in (None, False)}
    if "user" not in data and "password" not in document.data:
        data.pop("password", None)  # of the environment, for another broker
    if isinstance(data.get("port"), str) and data["port"].isdigit():
        data["port"] = int(data["port"])
    if "host" not in data:
        raise UserError(_NO_BROKER.format(file=default_file(environ)))
    base = {"base": Path(document.name).absolute().parent}
    options = validate(MqttOptions, data, (), problems, base)
    problems.raise_any(ConfigError)
    assert options is not None
    return options


def _document(file: Path | None, environ: Mapping[str, str]) -> Document:
    chosen = file or default_file(environ)
    if file is None and not chosen.is_file():
        return Document({}, "broker")
    document = read_yaml(chosen, ConfigError)
    document.data.pop("type", None)  # from a configuration
    return document
