"""The one renderer: a reply or a failure, as JSON or as a page."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import CIMultiDict

from gatewayd.api import pages
from gatewayd.api.direct import DirectAnswer, Head
from gatewayd.api.emm.listing import ListParams, Part
from gatewayd.api.guard import HEADERS
from gatewayd.model import MsgStatus
from gatewayd.web import environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gatewayd.api.errors import Failure
    from gatewayd.api.operation import Call, Caller, Choices, Operation, Reply
    from gatewayd.api.pages import Place

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
HEADERS_OF = {
    kind: CIMultiDict({**HEADERS, "Content-Type": kind, "Cache-Control": "no-store"}) for kind in (JSON, HTML)
}
JSON_HEAD = Head(HEADERS_OF[JSON])
BOARD_REFRESH = 10  # seconds between two looks at the board
RESULT_SHOWN = 3  # seconds that the result of a button stays before its page comes back
STATES = {
    MsgStatus.ERROR_SEND: "not delivered",
    MsgStatus.QUEUED: "queued",
    MsgStatus.DISPATCHED: "on its way",
    MsgStatus.SENT: "sent",
    MsgStatus.RECEIVED: "received",
    MsgStatus.READ: "read",
    MsgStatus.FORCEESCALATE: "escalated",
    MsgStatus.ACKNOWLEDGE: "accepted",
    MsgStatus.CANCELALARM: "alarm cancelled",
    MsgStatus.REPLIED: "replied",
    MsgStatus.QUEUED_DELETE: "withdrawn",
}
# A person has had the word; whoever replied may still have to accept, and so may who was never reached.
SETTLED = frozenset({MsgStatus.ACKNOWLEDGE, MsgStatus.CANCELALARM, MsgStatus.REPLIED, MsgStatus.QUEUED_DELETE})
ACCEPTABLE = frozenset(MsgStatus) - (SETTLED - {MsgStatus.REPLIED})
RETURNING = frozenset({"result.html", "acted.html"})


def envelope(api: str, reason: str) -> dict[str, object]:
    """Return the error object of the EMM dialect (E01, A06)."""
    return {"error": {"api": api, "description": reason}}


def json_reply(reply: Reply, call: Call[Any]) -> Answer | DirectAnswer:
    """Write a reply as JSON."""
    body = reply.__pydantic_serializer__.to_json(reply, by_alias=True)
    if not call.headers and not call.afterwards:
        return DirectAnswer(JSON_HEAD, body)
    return _finished(_answer(body, JSON, 200), call)


def json_failure(failure: Failure, api: str) -> Answer:
    """Write a failure as JSON."""
    body = json.dumps(envelope(api, failure.reason), ensure_ascii=False).encode()
    return _with_code(_answer(body, JSON, failure.status), failure)


def html_reply(operation: Operation, call: Call[Any], reply: Reply, place: Place, values: Mapping[str, Any]) -> Answer:
    """Write a reply as the page of its operation."""
    caller = call.caller if call.caller.user.id else None
    context = _context(operation, place, caller, values, operation.choices and operation.choices(call.engine))
    context["next"] = pages.safe_next(values.get("next"))
    context["reply"] = reply
    if isinstance(reply, Part):
        limit = call.params.limit if isinstance(call.params, ListParams) else None
        context["pager"] = pages.pager(place, reply, limit or pages.PAGE_SIZE)
    context["members_of"] = partial(reply.model_dump, by_alias=True)  # only some pages want them
    if operation.decorate is not None:
        context.update(operation.decorate(call, reply))
    response = _page(operation.template, context, 200)
    if not context.get("next_stays"):  # somebody has to read it
        _refresh(response, operation, place, str(context["next"]))
    return _finished(response, call)


def html_form(
    operation: Operation, caller: Caller | None, place: Place, values: Mapping[str, Any], choices: Choices | None
) -> Answer:
    """Write the form of an operation that is done by POST."""
    return _page("form.html", _context(operation, place, caller, values, choices), 200)


def html_failure(  # noqa: PLR0913, PLR0917 - everything that a page of a failure is made of
    failure: Failure,
    operation: Operation | None,
    caller: Caller | None,
    place: Place,
    values: Mapping[str, Any],
    choices: Choices | None,
) -> Answer:
    """Write a failure as a page: with the login form where logging in helps, with the form where one was filled in."""
    context: dict[str, Any] = {"failure": failure, "place": place, **pages.session_context(caller)}
    context["next"] = pages.safe_next(values.get("next")) or (place.url() if failure.asks_for_login else "")
    context["login"] = failure.asks_for_login or (operation is not None and operation.public)
    context["retry"] = operation if operation is not None and "POST" in operation.methods else None
    context["states"] = STATES
    context["fields"] = pages.form_fields(operation.params, values, choices) if operation is not None else []
    return _with_code(_page("error.html", context, failure.status), failure)


def _context(
    operation: Operation, place: Place, caller: Caller | None, values: Mapping[str, Any], choices: Choices | None
) -> dict[str, Any]:
    fields = pages.form_fields(operation.params, values, choices)
    return {
        "operation": operation,
        "place": place,
        "crumbs": pages.crumbs(place, operation),
        "fields": fields,
        "curl": pages.curl_line(place, operation, fields),
        "sort_link": pages.sort_link,
        "states": STATES,
        "settled": SETTLED,
        "acceptable": ACCEPTABLE,
        "refresh_paused": values.get("refresh") == "0",
        "next": pages.safe_next(values.get("next")),
        **pages.session_context(caller),
    }


def _page(template: str, context: Mapping[str, Any], status: int) -> Answer:
    return _answer(environment().get_template(template).render(context).encode(), HTML, status)


def _refresh(response: Answer, operation: Operation, place: Place, after: str) -> None:
    """Have the browser look again: a header does what otherwise takes a script."""
    if operation.template == "alarms.html" and place.query.get("refresh") != "0":
        response.headers["Refresh"] = str(BOARD_REFRESH)
    elif operation.template in RETURNING and after:
        response.headers["Refresh"] = f"{RESULT_SHOWN}; url={after}"
    elif operation.template == "signed_in.html":
        response.headers["Refresh"] = f"0; url={after or place.base + '/alarms/active'}"


class Answer(web.Response):
    """An answer that knows when it was written, as far as this end can know."""

    afterwards: Sequence[Callable[[], Awaitable[None]]] = ()

    async def write_eof(self, data: bytes = b"") -> None:
        """Write the end, then do what had to wait for it; a connection that is gone raises, and nothing is done."""
        await super().write_eof(data)
        waiting, self.afterwards = self.afterwards, ()
        for action in waiting:
            await action()


def plain(body: bytes, status: int, headers: Mapping[str, str]) -> Answer:
    """Return an answer with these headers beside those that every answer has."""
    return Answer(body=body, status=status, headers=CIMultiDict({**HEADERS, **headers}))


def _answer(body: bytes, content_type: str, status: int) -> Answer:
    return Answer(body=body, status=status, headers=HEADERS_OF[content_type].copy())


def _finished(response: Answer, call: Call[Any]) -> Answer:
    """Add what the handler of a call wanted to go with its answer."""
    response.headers.update(call.headers)
    response.afterwards = call.afterwards
    return response


def _with_code(response: Answer, failure: Failure) -> Answer:
    response.headers["X-Error-Code"] = failure.code
    response.headers.update(failure.headers)
    return response
