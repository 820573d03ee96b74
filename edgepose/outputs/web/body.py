"""Bodies of requests: their type, their length, and JSON objects in them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from edgepose import jsonio
from edgepose.outputs.web.responses import utf8


async def read_body(request: web.Request, kind: str) -> bytes:
    """Return the body of a request that says it is of content type `kind`."""
    found = utf8(request.content_type)
    if found != kind:
        raise web.HTTPUnsupportedMediaType(text=f"Expected a body of type {kind}, found {found}.")
    if request.headers.get("Content-Encoding"):
        raise web.HTTPUnsupportedMediaType(text="Expected a body that is not compressed.")
    return await request.read()


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the object in a request's body. Raises HTTPBadRequest."""
    body = await read_body(request, "application/json")
    try:
        value = jsonio.loads(body)
    except ValueError:
        raise web.HTTPBadRequest(text="The body is not JSON.") from None
    if not isinstance(value, dict):
        found = jsonio.kind(value)
        raise web.HTTPBadRequest(text=f"Expected a JSON object, found {found}.")
    return value
