"""The one wrapper around every operation: find it, know the caller, bind the parameters, call it, render the reply."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from gatewayd.api import auth, body, render
from gatewayd.api.emm.listing import ListParams
from gatewayd.api.errors import UNEXPECTED, MethodNotAllowed, describe
from gatewayd.api.fields import COMMON, bind
from gatewayd.api.formats import Format, accepted, chosen
from gatewayd.api.guard import check_host
from gatewayd.api.operation import Call
from gatewayd.api.options import DEFAULT_NAME
from gatewayd.api.pages import PAGE_SIZE, Place
from gatewayd.api.proxies import Proxies
from gatewayd.api.router import Router
from gatewayd.errors import GatewayError, Invalid, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp import web

    from gatewayd.api.direct import DirectAnswer
    from gatewayd.api.errors import Failure
    from gatewayd.api.operation import Caller, Choices, Operation
    from gatewayd.api.options import ApiOptions
    from gatewayd.api.proxies import Client
    from gatewayd.api.render import Answer
    from gatewayd.api.router import Found
    from gatewayd.api.target import Target
    from gatewayd.engine.engine import Engine
    from gatewayd.engine.sessions import Sessions

log = logging.getLogger(__name__)

FORM_KEY = "form_key"
LONGEST_KEY = 255  # characters of an Idempotency-Key


class Exchange:
    """One request on its way through the wrapper; what is known so far decides how a failure looks."""

    __slots__ = ("base", "box", "caller", "client", "format", "operation", "request", "target", "values")

    def __init__(self, request: web.BaseRequest, target: Target, client: Client, box: str) -> None:
        self.request = request
        self.client = client
        self.box = box
        self.target = target
        self.format = accepted(request.headers.get("Accept", ""))
        self.values: dict[str, Any] = {}
        self.base = "/api"
        self.operation: Operation | None = None
        self.caller: Caller | None = None

    @property
    def place(self) -> Place:
        """Return where this page stands."""
        request = self.request
        query = {name: value for name, value in self.query().items() if isinstance(value, str)}
        scheme = "https" if self.client.secure else "http"
        origin = f"{scheme}://{request.headers.get('Host', '')}"
        return Place(self.base, request.rel_url.raw_path, query, origin, self.box)

    def query(self) -> Mapping[str, Any]:
        """Return the parameters of the query alone, without what must not stand in a link."""
        try:
            found = body.from_query(self.target.query)
        except GatewayError:
            return {}
        return {name: value for name, value in found.items() if name not in {"f", "username", "password", "next"}}

    @property
    def api(self) -> str:
        """Return the name of the call for the error envelope."""
        return self.operation.name if self.operation is not None else ""


class View:
    """Serves every operation of the API."""

    def __init__(
        self, engine: Engine, sessions: Sessions, options: ApiOptions, operations: Iterable[Operation]
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._options = options
        self._hosts = frozenset(name.lower() for name in options.allowed_hosts)
        self._box = "" if options.name == DEFAULT_NAME else options.name
        self._proxies = Proxies(options.trusted_proxies, options.proxy_header)
        self.router = Router(operations, options.prefixes)

    async def handle(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request."""
        exchange = Exchange(request, target, self._proxies.client(request), self._box)
        try:
            return await self._answer(exchange)
        except GatewayError as error:
            return self._fail(exchange, describe(error))
        except Exception:
            log.exception("%s of %s failed", request.method, exchange.api or "an unknown operation")
            return self._fail(exchange, UNEXPECTED)

    async def _answer(self, exchange: Exchange) -> Answer | DirectAnswer:
        request = exchange.request
        check_host(request.headers.get("Host"), self._hosts)
        accept = request.headers.get("Accept", "")
        exchange.values = body.from_query(exchange.target.query)
        exchange.format = chosen(exchange.values, accept)
        found = self.router.find(exchange.target.path)
        exchange.base = found.base
        operation = exchange.operation = self._operation(found, exchange)
        if operation.always_json:
            exchange.values["f"] = exchange.format = Format.JSON
        exchange.caller = auth.identify(request, self._sessions, exchange.client.address, public=operation.public)
        if request.method in auth.SAFE_METHODS and self._wants_form(operation, exchange):
            if exchange.format is Format.JSON:
                raise NotAllowed("a browser's session does this by POST only, out of a page of this site")
            return render.html_form(
                operation, exchange.caller, exchange.place, exchange.values, self._choices(operation)
            )
        exchange.values = await body.add_body(request, exchange.values, self._options.body_timeout)
        exchange.format = chosen(exchange.values, accept)
        auth.check_form(request, exchange.caller, exchange.values)
        return await self._call(operation, exchange, found)

    @staticmethod
    def _operation(found: Found, exchange: Exchange) -> Operation:
        """Return the operation of the method; the page of one done by POST is its form. Raises MethodNotAllowed."""
        method = exchange.request.method
        if method in auth.SAFE_METHODS and exchange.format is Format.HTML and "GET" not in found.resource.operations:
            return found.resource.operation("POST")
        try:
            return found.resource.operation(method)
        except MethodNotAllowed:
            exchange.operation = next(iter(found.resource.operations.values()))
            raise

    @staticmethod
    def _wants_form(operation: Operation, exchange: Exchange) -> bool:
        """Return whether a GET only shows the form: there is no GET, or a browser's own GET would change something."""
        by_cookie = exchange.caller is not None and exchange.caller.by_cookie
        return "GET" not in operation.methods or (operation.changes and by_cookie)

    async def _call(self, operation: Operation, exchange: Exchange, found: Found) -> Answer | DirectAnswer:
        caller = exchange.caller
        assert caller is not None  # noqa: S101 - identify() raised otherwise
        html = exchange.format is Format.HTML
        if operation.public and html and exchange.request.method not in auth.SAFE_METHODS:
            auth.check_origin(exchange.request, required=False)
        values = dict(exchange.values)
        if html and issubclass(operation.params, ListParams) and not values.get("offset"):
            values["limit"] = values.get("limit") or str(PAGE_SIZE)
        values.update(found.values)
        if found.values.get("userid", "").lower() == "self":
            values["userid"] = caller.user.id
        key = idempotency_key(exchange.request) or form_key(exchange.values)
        looks = exchange.request.method == "HEAD" or (html and caller.by_cookie)
        call = Call(self._engine, self._sessions, caller, bind(operation.params, values), key, looks, found.base)
        reply = await operation.handler(call)
        if not html:
            return render.json_reply(reply, call)
        response = render.html_reply(operation, call, reply, exchange.place, exchange.values)
        self._move_cookie(response, operation, reply, secure=exchange.client.secure)
        return response

    def _choices(self, operation: Operation | None) -> Choices | None:
        return operation.choices(self._engine) if operation is not None and operation.choices is not None else None

    def _move_cookie(self, response: Answer, operation: Operation, reply: object, *, secure: bool) -> None:
        """Log the browser in or out along with its session."""
        token = getattr(reply, "token", None)
        if isinstance(token, str):
            only_tls = self._options.secure_cookies or secure
            response.set_cookie(auth.COOKIE, token, httponly=True, samesite="Strict", secure=only_tls, path="/")
        elif operation.ends_session:
            response.del_cookie(auth.COOKIE, path="/")

    def _fail(self, exchange: Exchange, failure: Failure) -> Answer:
        if exchange.format is Format.JSON:
            return render.json_failure(failure, exchange.api)
        caller = exchange.caller or auth.cookie_user(exchange.request, self._sessions, exchange.client.address)
        choices = self._choices(exchange.operation)
        return render.html_failure(failure, exchange.operation, caller, exchange.place, exchange.values, choices)


def idempotency_key(request: web.BaseRequest) -> str:
    """Return the key by which a client makes sure that a repeated request acts once. Raises Invalid."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Invalid("Idempotency-Key", f"has to be at most {LONGEST_KEY} printable ASCII characters")
    return key


def form_key(values: Mapping[str, Any]) -> str:
    """Return the key of a page's form that is sent: a second press on its button sends nothing more.

    What the form says belongs to it: whoever goes back and writes something else means something else.
    """
    given = values.get(FORM_KEY)
    if not isinstance(given, str) or not given:
        return ""
    said = sorted((name, str(value)) for name, value in values.items() if name not in COMMON)
    return hashlib.sha256(f"{given} {said}".encode()).hexdigest()
