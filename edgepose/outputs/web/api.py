"""What the page asks of the device: its state, and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from aiohttp import web

from edgepose.errors import EdgeposeError, UserError
from edgepose.outputs.base import Device
from edgepose.outputs.recent_logs import RecentLogs
from edgepose.outputs.web.body import json_object
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.responses import json_response, utf8

T = TypeVar("T")

_OFFERED: Final = (
    "detect", "profile", "template", "thresholds", "routine", "capture", "learn", "save", "reload",
    "restart", "rename", "delete", "watch", "config",
)  # commands that the page has a control for  # fmt: skip
_EDITED: Final = "config"  # has addresses of its own, where an edit is on probation
_LINES: Final = 200  # of the log
COMMAND_TIMEOUT: Final = 15.0  # seconds; most take milliseconds, a capture a second


class Api:
    """State and commands of the device, asked for on a thread of their own."""

    def __init__(self, device: Device, options: WebOptions, executor: Executor) -> None:
        self._device = device
        self._options = options
        self._executor = executor

    async def state(self, _: web.Request) -> web.Response:
        """Return the health document, and under "page" what the page must know of itself."""
        controls = self._device.controls
        state: Mapping[str, Any] = await self.run(controls.state) if controls else {}
        return json_response({**state, "page": self._page()})

    async def history(self, _: web.Request) -> web.Response:
        """Return what was done: the sets of today, and figures of the last days."""
        controls = self._device.controls
        done: Mapping[str, Any] = await self.run(controls.history) if controls else {}
        return json_response(done)

    async def library(self, _: web.Request) -> web.Response:
        """Return the templates and exercises of the device, with figures to draw."""
        controls = self._device.controls
        found: Mapping[str, Any] = await self.run(controls.library) if controls else {}
        return json_response(found)

    async def log(self, _: web.Request) -> web.Response:
        """Return the latest lines of the log, the oldest first: those that a fleet may read."""
        return json_response(RecentLogs.installed().latest(_LINES))

    async def command(self, request: web.Request) -> web.Response:
        """Carry out `{"name": ..., "value": ...}`. A user's mistake is 400 with its sentence."""
        body = await json_object(request)
        name = body.get("name")
        if not isinstance(name, str) or set(body) - {"name", "value"}:
            raise web.HTTPBadRequest(text='Expected {"name": text, "value": any}.')
        controls = self._device.controls
        if controls is None:
            raise web.HTTPConflict(text="This run takes no commands.")
        if not self._device.takes(name):
            text = f"This device does not take '{name[:40]}' from its page; see `commands`."
            raise web.HTTPForbidden(text=utf8(text))
        if name == _EDITED:
            raise web.HTTPForbidden(text="A configuration goes to /api/config, on probation.")
        try:
            done = await self.run(lambda: controls.command(name, body.get("value")))
        except UserError as error:
            raise web.HTTPBadRequest(text=utf8(str(error))) from error
        except EdgeposeError as error:
            raise web.HTTPServiceUnavailable(text=utf8(str(error))) from error
        return json_response({"done": done})

    def _page(self) -> dict[str, Any]:
        device = self._device
        return {
            "device": device.name,
            "model": device.model,
            "watches": list(device.watches),
            "titles": {name: device.title(name) for name in device.watches},
            "kinds": {name: device.kinds.get(name, "pose") for name in device.watches},
            "profiles": list(device.profiles),
            "frames": self._options.frames,
            "mirror": self._options.mirror,
            "commands": device.controls is not None,
            "takes": [command for command in _OFFERED if device.takes(command)],
        }

    async def run(self, call: Callable[[], T]) -> T:
        """Return the result of a call on the thread of commands."""
        answer = asyncio.get_running_loop().run_in_executor(self._executor, call)
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return await answer
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text="The device did not answer in time.") from None
