"""The configuration in the page's editor: read, check, save, and keep what a page has reached.

All of it is for pages whose `commands` have `config`, which they have not by default.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

from aiohttp import web

from edgepose.errors import ConfigError, EdgeposeError, UserError
from edgepose.outputs.base import Controls, Device, Output
from edgepose.outputs.web.body import json_object
from edgepose.outputs.web.responses import json_response, utf8
from edgepose.system.paths import folders

_PREFIX: Final = "page-"  # of the ids of edits; others are the broker's

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""`await run(call)`: the result of a call on the thread of commands."""


class Editor:
    """Routes of the editor. owner: the output whose page it is, the proof that one was reached."""

    def __init__(self, device: Device, owner: Output, run: Run) -> None:
        self._device = device
        self._owner = owner
        self._run = run

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        router.add_get("/api/config", self._read, allow_head=False)
        router.add_post("/api/config", self._save)
        router.add_post("/api/config/check", self._check)
        router.add_post("/api/config/keep", self._keep)
        router.add_get("/api/schema", self._schema, allow_head=False)

    async def _read(self, _: web.Request) -> web.Response:
        controls = self._allowed()
        try:
            return json_response(await self._run(controls.configuration))
        except ConfigError as error:
            raise web.HTTPConflict(text=utf8(str(error.public))) from error

    async def _check(self, request: web.Request) -> web.Response:
        controls = self._allowed()
        (text,) = await _texts(request, "text")
        return json_response({"problems": await self._run(lambda: controls.check(text))})

    async def _save(self, request: web.Request) -> web.Response:
        """Put a text on probation; the answer has the id to keep it with."""
        controls = self._allowed()
        text, version = await _texts(request, "text", "version")
        push = _PREFIX + secrets.token_hex(8)
        value = {"id": push, "text": text, "version": version}
        done = await self._command(controls, "edit_config", value)
        return json_response({"done": done, "id": push})

    async def _keep(self, request: web.Request) -> web.Response:
        """Accept what is on probation: the browser has reached the page with it."""
        controls = self._allowed()
        (push,) = await _texts(request, "id")
        if not push.startswith(_PREFIX):
            raise web.HTTPBadRequest(text="Expected the id of an edit.")
        value = {"id": push, "output": self._owner, "proof": "page"}
        return json_response({"done": await self._command(controls, "keep_config", value)})

    async def _command(self, controls: Controls, name: str, value: Any) -> str:
        try:
            return str(await self._run(lambda: controls.command(name, value)))
        except UserError as error:
            raise web.HTTPBadRequest(text=utf8(str(error.public))) from error
        except EdgeposeError as error:
            raise web.HTTPServiceUnavailable(text=utf8(str(error.public))) from error

    async def _schema(self, _: web.Request) -> web.Response:
        self._allowed()
        return web.Response(body=_schema(), content_type="application/json")

    def _allowed(self) -> Controls:
        """Return the controls. Raises HTTPForbidden where the page may not edit."""
        controls = self._device.controls
        if controls is None or not self._device.takes("config"):
            text = "Add `config` to `commands` in the device's file to edit it on the page."
            raise web.HTTPForbidden(text=text)
        return controls


async def _texts(request: web.Request, *keys: str) -> list[str]:
    """Return the texts of a body that has nothing else, by their keys."""
    body = await json_object(request)
    if body.keys() != set(keys) or not all(isinstance(body[key], str) for key in keys):
        named = ", ".join(f'"{key}": text' for key in keys)
        raise web.HTTPBadRequest(text=f"Expected {{{named}}}.")
    return [body[key] for key in keys]


@lru_cache(1)
def _schema() -> bytes:
    """Return the schema of the configuration, for completion; an empty one where it is missing."""
    for folder in folders("configs", "schemas"):
        path = folder / "config.json"
        if path.is_file():
            return path.read_bytes()
    return b"{}"
