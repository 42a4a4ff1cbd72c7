"""The web server: everything of the API goes to the one view, and refusals of broken HTTP look like every other."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from gatewayd.api import console, emm
from gatewayd.api.auth import SAFE_METHODS
from gatewayd.api.errors import UNEXPECTED, Failure, describe
from gatewayd.api.guard import check_host
from gatewayd.api.openapi import documentation
from gatewayd.api.options import ApiOptions
from gatewayd.api.render import json_failure, plain
from gatewayd.api.target import target_of
from gatewayd.api.view import View
from gatewayd.errors import Invalid, NotFound
from gatewayd.web import static_files

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from gatewayd.api.operation import Operation
    from gatewayd.engine.engine import Engine
    from gatewayd.engine.sessions import Sessions

log = logging.getLogger(__name__)

STATIC = "static"  # the segment before the name of a packaged file
DEEPEST_START = 3  # slashes of a path that may be the start of a site: /ward7/api/
STATIC_AGE = 3600  # seconds a browser keeps a static file; its link changes with its content anyway
KEEPALIVE = 60.0  # seconds an idle connection stays open
SHUTDOWN = 1.0  # seconds that requests under way get to finish; the whole daemon ends within 5
MOST_CONNECTIONS = 512  # idle ones give way: lines and store need descriptors too, and asyncio storms without any
HEADER_LIMIT = 8190  # bytes of one header line
BROKEN = Failure(400, "bad-request", "the request line or a header is broken, or longer than 8 KiB")


class Front:
    """Answers every request: the start page, the packaged files, and the view for all else."""

    def __init__(self, view: View, hosts: frozenset[str]) -> None:
        self._view = view
        self._hosts = hosts

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        target = target_of(request)
        path = target.path
        if request.method in SAFE_METHODS:
            start = self._view.router.start(path) if path.count("/") <= DEEPEST_START else None
            if start is not None or f"/{STATIC}/" in path:
                return self._packaged(request, path, start)
        return await self._view.handle(request, target)

    def _packaged(self, request: web.BaseRequest, path: str, start: str | None) -> web.StreamResponse:
        """Answer what needs nobody's token; the name of the host counts here too."""
        try:
            check_host(request.headers.get("Host"), self._hosts)
            if start is not None:
                return plain(b"", 303, {"Location": f"{start}/alarms/active"})
            before, _, name = path.rpartition(f"/{STATIC}/")
            self._view.router.split(before + "/")
        except (Invalid, NotFound) as error:
            return json_failure(describe(error), STATIC)
        return serve_static(request, name)


class Connection(web.RequestHandler):
    """One connection; what aiohttp itself refuses is answered and logged like everything else."""

    leaves = False

    @property
    def is_idle(self) -> bool:
        """Return whether no request is under way."""
        return self._current_request is None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request of ours, and close the connection."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        if exc is not None and status >= UNEXPECTED.status:
            log.error("a request from %s failed", request.remote, exc_info=exc)
        else:
            log.info("bad input: %s sent what is no HTTP", request.remote)
        response = json_failure(UNEXPECTED if status >= UNEXPECTED.status else BROKEN, "")
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp calls it
        """Log what aiohttp could not handle; the rest of a body that nobody can read is nobody's fault here."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            log.info("bad input: the rest of a body could not be read")
        else:
            super().log_exception(*args, **kw)


class ApiServer(web.Server):
    """aiohttp's server below its applications: one handler, no second router."""

    def __init__(self, front: Front, body_limit: int) -> None:
        self._body_limit = body_limit
        super().__init__(front.handle, request_factory=self._request)

    def __call__(self) -> Connection:
        """Return the handler of a new connection; no access log: URLs are nobody's business."""
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=cast("logging.Logger", None),
            keepalive_timeout=KEEPALIVE,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection in; where that is one too many, the oldest idle one goes, or else the new one."""
        super().connection_made(handler, transport)
        staying = [one for one in self.connections if isinstance(one, Connection) and not one.leaves]
        if len(staying) > MOST_CONNECTIONS:
            chosen = next((one for one in staying if one is not handler and one.is_idle), staying[-1])
            chosen.leaves = True
            if chosen.transport is not None:  # not before its own task has begun
                asyncio.get_running_loop().call_soon(chosen.transport.abort)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=self._body_limit)


def operations(options: ApiOptions) -> tuple[Operation, ...]:
    """Return the operations of every dialect."""
    return (*emm.operations(options), *console.operations())


def build_server(engine: Engine, sessions: Sessions, options: ApiOptions | None = None) -> ApiServer:
    """Return the server of every dialect on top of one engine."""
    chosen = options or ApiOptions()
    served = operations(chosen)
    view = View(engine, sessions, chosen, (*served, *documentation(served)))
    return ApiServer(Front(view, frozenset(name.lower() for name in chosen.allowed_hosts)), chosen.body_limit)


def build_runner(server: ApiServer) -> web.ServerRunner:
    """Return the runner of a server."""
    return web.ServerRunner(server, shutdown_timeout=SHUTDOWN)


def serve_static(request: web.BaseRequest, name: str) -> web.StreamResponse:
    """Return one of the packaged files; only names that exist in the package are ever looked at."""
    file = static_files().get(name)
    if file is None:
        return json_failure(describe(NotFound("there is no such file")), STATIC)
    headers = {
        "ETag": f'"{file.tag}"',
        "Cache-Control": f"public, max-age={STATIC_AGE}",
        "Content-Type": file.content_type,
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return plain(b"", 304, headers)
    return plain(file.content, 200, headers)
