"""What a browser sends: never more than MAX_BODY, never for longer than PATIENCE."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from edgepose import jsonio
from edgepose.outputs.web.responses import Refusal

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

MAX_BODY: Final = 16 * 1024  # bytes; the longest command is a tenth of that
PATIENCE: Final = 10.0  # seconds


async def read(request: BaseRequest, kind: str) -> bytes:
    """Return the body of a request that says it is of content type `kind`. Raises Refusal."""
    if request.content_type != kind:
        raise Refusal(415, f"Expected a body of type {kind}, found {request.content_type}.")
    if request.headers.get("Content-Encoding"):
        raise Refusal(415, "Expected a body that is not compressed.")
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(PATIENCE):
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
