"""Commands that come in over MQTT: each checked, carried out, and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import UserError
from edgepose.outputs.base import Device

log = logging.getLogger(__name__)

MAX_BYTES: Final = 4096  # of a payload; the longest that makes sense has a few hundred
_SWITCH: Final = {"on": True, "off": False}


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
    """Return what a payload holds. Raises UserError for one of another form.

    What it means for the device is checked by the appliance, with the same words for everybody.
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
    return parse(text) if parse else None  # buttons send some word


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


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "detect": _switch,
    "profile": str,
    "template": _object,
    "thresholds": _object,
}
