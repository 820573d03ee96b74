"""Commands over MQTT: parsed, executed and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import EdgeposeError, UserError
from edgepose.outputs.base import Controls, Device

log = logging.getLogger(__name__)

MAX_BYTES: Final = 4096  # of a payload; a real one has a few hundred at most
_SWITCH: Final = {"on": True, "off": False}


@dataclass(frozen=True, slots=True)
class CommandReply:
    """Whether a command was executed, and a sentence with the result or the error."""

    ok: bool
    text: str


def prepare(
    device: Device, command: str, payload: bytes, *, is_retained: bool
) -> Callable[[], CommandReply]:
    """Check a command; return what lets the appliance carry it out, without the payload.

    A retained one is refused: it would be repeated with every connection, such as a restart.
    """
    try:
        if is_retained:
            raise UserError("a command must not be retained; delete it from the broker")
        value = _value(command, payload, device)
        if device.controls is None:
            raise UserError("there is no appliance to take commands")
        if not device.takes(command):
            raise UserError(f"this device does not take '{command}' from others; see `commands`")
    except UserError as error:
        return partial(_logged, command, CommandReply(False, str(error)))
    return partial(_execute, device.controls, command, value)


def _execute(controls: Controls, command: str, value: Any) -> CommandReply:
    try:
        reply = CommandReply(True, controls.command(command, value))
    except EdgeposeError as error:
        reply = CommandReply(False, str(error))
    return _logged(command, reply)


def _logged(command: str, reply: CommandReply) -> CommandReply:
    log.info("Command '%s' over MQTT: %s", command, reply.text)
    return reply


def _value(command: str, payload: bytes, device: Device) -> Any:
    """Return the value of a payload. Raises UserError for a malformed one.

    The appliance checks the value itself, the same for every sender.
    """
    if len(payload) > MAX_BYTES:
        raise UserError(f"expected at most {MAX_BYTES} bytes, found {len(payload)}")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise UserError("expected UTF-8 text, found other bytes") from error
    if command == "template" and not text.startswith("{") and len(device.watches) == 1:
        return {"watch": device.watches[0], "template": text}
    parse = _PARSERS.get(command)
    return parse(text) if parse else None  # a button's payload is ignored


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise UserError(f"expected ON or OFF, found '{text[:40]}'")
    return _SWITCH[text.lower()]


def _object(text: str) -> dict[str, Any]:
    try:
        value = jsonio.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"expected a JSON object, found '{text[:40]}'")
    return value


def _routine(text: str) -> dict[str, Any]:
    """Return the value of `start`, `stop` or `skip` alone, or of an object."""
    return _object(text) if text.startswith("{") else {"do": text.lower()}


def _capture(text: str) -> Any:
    """Return the value of a name alone, of an object, or none for a button's press."""
    if not text or text == "PRESS":
        return None
    return _object(text) if text.startswith("{") else text


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "detect": _switch,
    "profile": str,
    "template": _object,
    "thresholds": _object,
    "routine": _routine,
    "capture": _capture,
}
