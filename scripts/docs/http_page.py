"""The page of the HTTP API, from the routes of the web server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

import md

from edgepose import jsonio
from edgepose.outputs.base import Device
from edgepose.outputs.web import Web
from edgepose.outputs.web.api import _OFFERED
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.server import Server
from edgepose.outputs.web.streams import LatestScene

_UNDESCRIBED: Final = {
    "/login": "Show the login form.",
    "/api/config": "Return the configuration for an editor; secrets are hidden.",
    "/api/config/check": 'Return what is wrong with `{"text": ...}`: the line and the sentence.',
    "/api/schema": "Return the JSON schema of the configuration.",
}
_OTHERWISE: Final = ("config",)  # commands with addresses of their own
_BODIES: Final[dict[str, Any]] = {
    "detect": {"name": "detect", "value": False},
    "profile": {"name": "profile", "value": "evening"},
    "thresholds": {"name": "thresholds", "value": {"watch": "hands_up", "enter": 0.9, "hold": 0.5}},
    "template": {"name": "template", "value": {"watch": "hands_up", "template": "star"}},
    "routine": {"name": "routine", "value": {"watch": "workout", "do": "start"}},
    "capture": {"name": "capture", "value": {"name": "bow", "countdown": 5, "watch": True}},
    "learn": {"name": "learn", "value": {"name": "my_exercise", "count": 5}},
    "rename": {
        "name": "rename",
        "value": {"kind": "template", "name": "pose_1", "to": "bow"},
    },
    "delete": {"name": "delete", "value": {"kind": "exercise", "name": "my_exercise"}},
    "watch": {"name": "watch", "value": {"kind": "template", "name": "bow"}},
    "save": {"name": "save"},
    "reload": {"name": "reload"},
    "restart": {"name": "restart"},
}
_CURL: Final = """\
TOKEN=$(sudo cat /var/lib/edgepose/web-token)
curl -H "Authorization: Bearer $TOKEN" http://localhost:%d/api/state
curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{"name": "detect", "value": false}' http://localhost:%d/api/command
curl -N -H "Authorization: Bearer $TOKEN" http://localhost:%d/api/events"""
_ERRORS: Final = (
    ("400", "malformed, or the value is refused: the sentence is in the body"),
    ("401", "log in first"),
    ("403", "another site's page, or a command that `commands` does not list"),
    ("409", "this run takes no commands"),
    ("421", "a name that does not belong to this device; `hosts` adds more"),
    ("429", "too many wrong tokens; `Retry-After` has the seconds"),
    ("503", "a device or a disk failed; try again"),
    ("504", "the device did not answer in time"),
)


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`. Raises AssertionError where the code has more."""
    port = WebOptions().port
    assert {*_BODIES, *_OTHERWISE} == set(_OFFERED), {*_BODIES, *_OTHERWISE} ^ set(_OFFERED)
    commands = [(md.code(name), md.code(jsonio.dumps(body).decode()))
                for name, body in _BODIES.items()]  # fmt: skip
    text = md.page(
        "HTTP API",
        "The output `web` serves [the page](../page.md) and these addresses, on this device only "
        "unless `host` says otherwise. Programs send the token as `Authorization: Bearer`; "
        "browsers log in and get a cookie.",
        md.fence(_CURL % (port, port, port), "sh", "skip=needs-a-device"),
        "## Addresses",
        md.table(("method", "path", "what it does"), asyncio.run(_routes())),
        "`/stream` exists unless `frames: none`. Files of the page itself are left out.",
        "## Commands",
        "`POST /api/command` with a JSON object; the answer is `{\"done\": \"a sentence\"}`. "
        "`commands` of the configuration says which are taken.",
        md.table(("command", "body"), commands),
        "## Events",
        "`/api/events` is a stream of server-sent events: `scene` (ten a second at most: people, "
        "and of each watch phase, score, count, advice) and `event`, [an event](events.md). The "
        "latest events come first.",
        "## Errors",
        'The body is `{"error": "a sentence"}`.',
        md.table(("status", "when"), _ERRORS),
        "What `/api/state` holds is described in [Health](../health.md).",
    )  # fmt: skip
    return {"reference/http.md": text}


async def _routes() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of each route that is no file of the page."""
    device, options = Device("lobby", ("squats",)), WebOptions()
    server = Server(options, device, LatestScene(), "token", owner=Web(options, device))
    async with AsyncExitStack() as stack:
        routes = server._application(stack).router.routes()
        rows = [(route.method, route.resource.canonical, _what(route)) for route in routes]
    return sorted((row for row in rows if row[2]), key=lambda row: (row[1], row[0]))


def _what(route: Any) -> str:
    handler = getattr(route.handler, "func", route.handler)
    text = md.first_sentence(handler.__doc__)
    return text or _UNDESCRIBED.get(route.resource.canonical, "")
