"""Text out of the bodies that phones send: text/plain, message/cpim around it, and what is no text at all."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from drivers.sip.grammar import Malformed, parse_params
from gatewayd.model import PageState

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from gatewayd.values import dataclass

ACCEPT = "text/plain, message/cpim, message/imdn+xml"
# What a person types on a phone; what is cut off is seen to be.
MAX_TEXT = 4_000
# The encodings that phones use; anything else is read as UTF-8 rather than refused: a person is waiting behind it.
_CHARSETS = {name: name for name in ("iso-8859-1", "iso-8859-15", "windows-1252")}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Typing notifications are no text for a person (RFC 3994).
_SILENT = frozenset({"application/im-iscomposing+xml"})
_IMDN = "message/imdn+xml"
# Read by pattern: the few elements of RFC 5438 11.1 need no XML parser, which hostile input could lead astray.
_MESSAGE_ID = re.compile(rb"<(?:\w{1,16}:)?message-id>\s*([!-;=-~]{1,200})\s*</")
_STATUS = re.compile(
    rb"<(?:\w{1,16}:)?(delivery|display)-notification>\s*<(?:\w{1,16}:)?status>\s*<(?:\w{1,16}:)?(\w{1,16})\s*/?>"
)
_STATES = {
    (b"delivery", b"delivered"): PageState.RECEIVED,
    (b"delivery", b"failed"): PageState.FAILED,
    (b"display", b"displayed"): PageState.READ,
}


class Kind(Enum):
    """What a body is."""

    TEXT = "text"
    SILENT = "silent"
    NOTIFICATION = "notification"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Content:
    """What a body says."""

    kind: Kind
    text: str = ""
    reference: str = ""
    state: PageState | None = None


def read_content(content_type: str, body: bytes) -> Content:
    """Return what a body says; without a Content-Type it is plain text. Raises Malformed."""
    media, _, params = content_type.partition(";")
    media = media.strip().lower() or "text/plain"
    if media == "text/plain":
        return Content(Kind.TEXT, _decode(body, parse_params(params).get("charset", "")))
    if media == "message/cpim":
        return _unwrap(body)
    if media == _IMDN:
        return _read_notification(body)
    return Content(Kind.SILENT if media in _SILENT else Kind.UNKNOWN)


def _read_notification(body: bytes) -> Content:
    """Return whose message it is about and what became of it; what says nothing of use is silent."""
    about, status = _MESSAGE_ID.search(body), _STATUS.search(body)
    state = _STATES.get((status[1], status[2])) if status else None
    if about is None or state is None:
        return Content(Kind.SILENT)
    return Content(Kind.NOTIFICATION, reference=about[1].decode(), state=state)


def _decode(body: bytes, charset: str) -> str:
    text = body.decode(_CHARSETS.get(charset.lower(), "utf-8"), "replace")
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.strip()
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _unwrap(body: bytes) -> Content:
    """Take the encapsulated part out of CPIM: its headers, blank line, MIME headers, blank line, part."""
    body = body.replace(b"\r\n", b"\n")
    _, separator, part = body.partition(b"\n\n")
    headers, blank, content = part.partition(b"\n\n")
    if not separator or not blank:
        raise Malformed("message/cpim without the part that it wraps")
    match = re.search(rb"^content-type[ \t]*:[ \t]*(.*)$", headers, re.IGNORECASE | re.MULTILINE)
    inner = match[1].decode("utf-8", "replace").strip() if match else "text/plain"
    media = inner.partition(";")[0].strip().lower()
    return Content(Kind.UNKNOWN) if media == "message/cpim" else read_content(inner, content)
