"""What the page asks of the device: its state, and commands with a bounded body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

from edgepose import jsonio
from edgepose.errors import EdgeposeError, UserError
from edgepose.outputs.base import Device
from edgepose.outputs.web.responses import Refusal, json_reply

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, Response

T = TypeVar("T")

PATIENCE: Final = 15.0  # seconds for a command; most take milliseconds, a capture a second


class Api:
    """Hand questions and commands over to the device, off the loop."""

    def __init__(self, device: Device, frames: str, executor: Executor) -> None:
        self._device = device
        self._frames = frames
        self._executor = executor

    async def state(self, request: BaseRequest) -> Response:  # noqa: ARG002 - as all handlers
        """Return the health document, and under "page" what the page must know of itself."""
        controls = self._device.controls
        state: Mapping[str, Any] = await self._ask(controls.state) if controls else {}
        return json_reply({**state, "page": self._page()})

    async def command(self, request: BaseRequest) -> Response:
        """Carry out `{"name": ..., "value": ...}`. A user's mistake is 400 with its sentence."""
        body = await read_json(request)
        name = body.get("name")
        if not isinstance(name, str) or set(body) - {"name", "value"}:
            raise Refusal(400, 'Expected {"name": text, "value": any}.')
        controls = self._device.controls
        if controls is None:
            raise Refusal(409, "This run takes no commands.")
        try:
            done = await self._ask(lambda: controls.command(name, body.get("value")))
        except UserError as error:
            raise Refusal(400, str(error)) from error
        except EdgeposeError as error:
            raise Refusal(503, str(error)) from error
        return json_reply({"done": done})

    def _page(self) -> dict[str, Any]:
        device = self._device
        return {
            "device": device.name,
            "model": device.model,
            "watches": list(device.watches),
            "profiles": list(device.profiles),
            "frames": self._frames,
            "commands": device.controls is not None,
        }

    async def _ask(self, question: Callable[[], T]) -> T:
        answer = asyncio.get_running_loop().run_in_executor(self._executor, question)
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise Refusal(504, "The device did not answer in time.") from None


MAX_BODY: Final = 16 * 1024  # bytes; the longest command is a tenth of that
BODY_TIMEOUT: Final = 10.0  # seconds


async def read(request: BaseRequest, kind: str) -> bytes:
    """Return the body of a request that says it is of content type `kind`. Raises Refusal."""
    if request.content_type != kind:
        raise Refusal(415, f"Expected a body of type {kind}, found {request.content_type}.")
    if request.headers.get("Content-Encoding"):
        raise Refusal(415, "Expected a body that is not compressed.")
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await _read(request)
    except TimeoutError:
        raise Refusal(408, "The body took too long.", {"Connection": "close"}) from None


async def _read(request: BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    return bytes(body)


def _too_large() -> Refusal:
    return Refusal(413, f"Expected at most {MAX_BODY} bytes.", {"Connection": "close"})


async def read_json(request: BaseRequest) -> dict[str, Any]:
    """Return the JSON object in the body. Raises Refusal."""
    body = await read(request, "application/json")
    try:
        value = jsonio.loads(body)
    except ValueError:
        raise Refusal(400, "The body is no JSON.") from None
    if not isinstance(value, dict):
        raise Refusal(400, f"Expected a JSON object, found {type(value).__name__}.")
    return value


async def read_form(request: BaseRequest) -> dict[str, str]:
    """Return the fields of a form, the first of each name. Raises Refusal."""
    body = await read(request, "application/x-www-form-urlencoded")
    try:
        fields = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:  # not UTF-8, or too many fields
        raise Refusal(400, "The body is no form of ours.") from None
    return {name: values[0] for name, values in fields.items()}
