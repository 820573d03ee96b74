"""Which path does what, and for whom: everything but the way in needs the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from edgepose.outputs.web.api import Api
from edgepose.outputs.web.auth import Login, is_own
from edgepose.outputs.web.responses import Pages, Refusal, redirect

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

Handler = Callable[["BaseRequest"], Awaitable["StreamResponse"]]
Routes = Mapping[str, Mapping[str, Handler]]
"""Handlers by path and method. A path is looked up as it came, so nothing can be climbed out of."""


class Site:
    """Answer requests by a table: `answer(request)`."""

    def __init__(
        self, pages: Pages, login: Login, api: Api, streams: Mapping[str, Handler]
    ) -> None:
        self._login = login
        self._public: Routes = {"/login": {"GET": login.form, "POST": login.submit}}
        self._private: Routes = {
            **{path: {"GET": _page(pages)} for path in pages.paths},
            **{path: {"GET": handler} for path, handler in streams.items()},
            "/api/state": {"GET": api.state},
            "/api/command": {"POST": api.command},
            "/logout": {"POST": login.leave},
        }

    async def answer(self, request: BaseRequest) -> StreamResponse:
        """Return the answer. Raises Refusal."""
        if request.method != "GET" and not is_own(request.headers):
            raise Refusal(403, "This came from another site's page.")
        if request.path in self._public:
            return await self._call(self._public, request)
        if self._login.is_in(request):
            return await self._call(self._private, request)
        if request.path == "/" and request.method == "GET":
            return redirect("/login")
        raise Refusal(401, "Log in first.", {"WWW-Authenticate": "Bearer"})

    async def _call(self, routes: Routes, request: BaseRequest) -> StreamResponse:
        methods = routes.get(request.path)
        if methods is None:
            raise Refusal(404, "There is nothing here.")
        handler = methods.get(request.method)
        if handler is None:
            allowed = ", ".join(methods)
            raise Refusal(405, f"Only {allowed} works here.", {"Allow": allowed})
        return await handler(request)


def _page(pages: Pages) -> Handler:
    """Return the handler of the files of the page."""

    async def handler(request: BaseRequest) -> StreamResponse:
        return pages.file(request.path)

    return handler
