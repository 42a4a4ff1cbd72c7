"""The aiohttp application: everything goes to the one view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from gatewayd.api import emm
from gatewayd.api.errors import describe
from gatewayd.api.guard import add_headers, check_host
from gatewayd.api.openapi import documentation
from gatewayd.api.options import ApiOptions
from gatewayd.api.render import json_failure
from gatewayd.api.view import View
from gatewayd.errors import Invalid, NotFound
from gatewayd.web import static_files

if TYPE_CHECKING:
    from gatewayd.engine.engine import Engine
    from gatewayd.engine.sessions import Sessions

STATIC_AGE = 3600  # seconds a browser keeps a static file; its link changes with its content anyway
KEEPALIVE = 60.0  # seconds an idle connection stays open
SHUTDOWN = 1.0  # seconds that requests under way get to finish; the whole daemon ends within 5
HEADER_LIMIT = 8190  # bytes of one header line


def build_app(engine: Engine, sessions: Sessions, options: ApiOptions | None = None) -> web.Application:
    """Return the application that serves every dialect on top of one engine."""
    chosen = options or ApiOptions()
    operations = emm.operations(chosen)
    view = View(engine, sessions, chosen, (*operations, *documentation(operations)))
    app = web.Application(middlewares=[add_headers], client_max_size=chosen.body_limit)
    hosts = frozenset(name.lower() for name in chosen.allowed_hosts)

    async def root(request: web.Request) -> web.StreamResponse:
        try:
            check_host(request.headers.get("Host"), hosts)
        except Invalid as error:
            return json_failure(describe(error), "")
        raise web.HTTPSeeOther("/api/alarms/active")

    async def static(request: web.Request) -> web.StreamResponse:
        try:
            check_host(request.headers.get("Host"), hosts)
            view.router.split(request.path)
        except (Invalid, NotFound) as error:
            return json_failure(describe(error), "static")
        return serve_static(request, request.match_info["name"])

    app.router.add_get("/", root)
    app.router.add_get("/{before:.*}/static/{name}", static)
    app.router.add_route("*", "/{path:.*}", view.handle)
    return app


def serve_static(request: web.Request, name: str) -> web.StreamResponse:
    """Return one of the packaged files; only names that exist in the package are ever looked at."""
    file = static_files().get(name)
    if file is None:
        return json_failure(describe(NotFound("there is no such file")), "static")
    headers = {
        "ETag": f'"{file.tag}"',
        "Cache-Control": f"public, max-age={STATIC_AGE}",
        "Content-Type": file.content_type,
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.content, headers=headers)


def build_runner(app: web.Application) -> web.AppRunner:
    """Return the runner for an application: no access log (URLs are nobody's business), limits on headers."""
    return web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE,
        shutdown_timeout=SHUTDOWN,
        max_line_size=HEADER_LIMIT,
        max_field_size=HEADER_LIMIT,
    )
