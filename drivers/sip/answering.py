"""Responses, written straight from the request that they answer (RFC 3261 8.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.grammar import Malformed, split_list
from drivers.sip.message import LABELS, VERSION, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.sip.grammar import Via
    from drivers.sip.message import Request
    from gatewayd.driver import Address

REASONS = {
    100: "Trying", 200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here",
    500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "Version Not Supported", 513: "Message Too Large", 603: "Decline",
}  # fmt: skip
_AFTER_FLAG = frozenset({"", ";"})  # what follows a parameter without a value


def write_response(
    request: Request,
    status: int,
    to_tag: str = "",
    headers: Mapping[str, list[str]] | None = None,
    source: Address | None = None,
) -> bytes:
    """Write the response to `request` (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are copied as they came.

    The topmost Via says where the request really came from, its `source`. Raises Malformed.
    """
    came, to = request.headers, request.first("to")
    if to_tag and not _has_tag(request):
        to = f"{to};tag={to_tag}"
    lines = [f"{VERSION} {status} {REASONS.get(status, 'Answer')}"]
    for via in came.get("via", ()) if source is None else stamped(request, source):
        lines.append(f"Via: {via}")  # noqa: PERF401 - hardly ever more than one
    lines += (
        f"From: {request.first('from')}",
        f"To: {to}",
        f"Call-ID: {request.call_id}",
        f"CSeq: {request.first('cseq')}",
    )
    if headers:
        lines += [LABELS[name] + value for name, values in headers.items() for value in values]
    return joined(lines)


def _has_tag(request: Request) -> bool:
    """Return whether To has a tag; one that cannot be read has none."""
    try:
        return "tag" in request.to.params
    except Malformed:
        return False


def stamped(request: Request, source: Address) -> list[str]:
    """Return the Vias of a request with where it really came from in the topmost. Raises Malformed."""
    came = request.via
    if came.says(source):
        return request.headers["via"]
    first, *others = request.headers["via"]
    text = _stamp(first, came, source)
    return [text, *others] if text else [str(came.stamped(source)), *split_list(first)[1:], *others]


def _stamp(text: str, came: Via, source: Address) -> str:
    """Add `source` to the text of a Via as nearly everybody writes it; empty where that takes a closer look."""
    before, found, after = text.partition(";rport")
    if not found or came.params.get("rport") or "received" in came.params:
        return ""
    if after[:1] not in _AFTER_FLAG or "," in text or '"' in text:
        return ""
    return f"{before};rport={source[1]}{after};received={source[0]}"
