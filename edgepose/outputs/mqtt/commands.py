"""Commands that come in over MQTT: each checked, carried out, and answered."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import UserError, near_miss
from edgepose.outputs.base import Device

log = logging.getLogger(__name__)

MAX_BYTES: Final = 4096  # of a payload; the longest that makes sense has a few hundred
_SWITCH: Final = {"on": True, "off": False}
_THRESHOLDS: Final = frozenset({"enter", "exit", "hold", "release", "cooldown", "angle_deviation"})


@dataclass(frozen=True, slots=True)
class CommandReply:
    """Say whether a command was carried out, and in a sentence what was done or what is wrong.

    value: what the payload said, None where the command takes none or was refused.
    """

    ok: bool
    text: str
    value: Any = None


def carry_out(device: Device, command: str, payload: bytes, *, is_retained: bool) -> CommandReply:
    """Check a command and hand it to the appliance.

    A retained one is refused: it would come again with every connection, a restart for ever.
    """
    try:
        if is_retained:
            raise UserError("a command must not be retained; delete it from the broker")
        value = _value(command, payload, device)
        if device.controls is None:
            raise UserError("nobody listens to commands here")
        answer = CommandReply(True, device.controls.command(command, value), value)
    except UserError as error:
        answer = CommandReply(False, str(error))
    log.info("Command '%s' over MQTT: %s", command, answer.text)
    return answer


def _value(command: str, payload: bytes, device: Device) -> Any:
    """Return what a command takes. Raises UserError for a payload that makes no sense."""
    if len(payload) > MAX_BYTES:
        raise UserError(f"expected at most {MAX_BYTES} bytes, found {len(payload)}")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise UserError("expected UTF-8 text, found other bytes") from error
    if command == "detect":
        return _switch(text)
    if command == "profile":
        return text
    if command == "template":
        return _template(text, device)
    return _thresholds(text, device) if command == "thresholds" else None


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise UserError(f"expected ON or OFF, found '{text[:40]}'")
    return _SWITCH[text.lower()]


def _template(text: str, device: Device) -> dict[str, str]:
    """Take {"watch", "template"}, or the template's name alone where there is one watch."""
    if not text.startswith("{") and len(device.watches) == 1:
        given: dict[str, Any] = {"watch": device.watches[0], "template": text}
    else:
        given = _object(text, {"watch", "template"}, device)
    if not isinstance(given.get("template"), str) or not given["template"]:
        raise UserError('expected the name of a template as "template"')
    return given


def _thresholds(text: str, device: Device) -> dict[str, Any]:
    given = _object(text, {"watch", *_THRESHOLDS}, device)
    for key in given.keys() & _THRESHOLDS:
        if isinstance(given[key], bool) or not isinstance(given[key], int | float):
            raise UserError(f'"{key}": expected a number, found {json.dumps(given[key])[:40]}')
    if len(given) < 2:
        raise UserError(f"expected one of {', '.join(sorted(_THRESHOLDS))}, found none")
    return given


def _object(text: str, keys: set[str], device: Device) -> dict[str, Any]:
    """Return a JSON object that names one of the device's watches and has no unknown key."""
    try:
        given = jsonio.loads(text)
    except ValueError as error:
        raise UserError(f"expected a JSON object, found '{text[:40]}'") from error
    if not isinstance(given, dict):
        raise UserError(f"expected a JSON object, found '{text[:40]}'")
    for key in given.keys() - keys:
        raise UserError(f'unknown key "{key[:40]}"{near_miss(key, keys)}')
    watch = given.get("watch")
    if watch not in device.watches:
        raise UserError(f'"watch": unknown: {watch!r}{near_miss(str(watch), device.watches)}')
    return given
