"""SIP messages: parsed lazily, written strictly (RFC 3261 section 7).

`parse_message` only splits; a header is looked into when somebody asks for it. `check` finds what makes a message unfit
to act on, so that a request whose Via can be read is still answered with 400.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from drivers.sip.grammar import MAGIC_COOKIE, TOKEN, Malformed, NameAddr, Via, parse_cseq, parse_delta, split_list
from drivers.sip.lazy import lazy
from gatewayd.errors import LocalProtocolError

if TYPE_CHECKING:
    from dataclasses import dataclass

else:
    from gatewayd.values import dataclass

# A page, its headers and a digest take under 2 KB; the longest message of RFC 4475 has 4 KB of headers.
MAX_HEAD = 16 * 1024
# A phone's text; also the most that one stream message may make us hold.
MAX_BODY = 16 * 1024
MAX_HEADER_LINES = 256
VERSION = "SIP/2.0"

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "s": "subject",
    "c": "content-type", "k": "supported", "e": "content-encoding", "u": "allow-events", "o": "event", "r": "refer-to",
    "b": "referred-by", "j": "reject-contact", "x": "session-expires", "d": "request-disposition", "y": "identity",
}  # fmt: skip
PRETTY = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate", "mime-version": "MIME-Version"}
# How nearly everybody writes what nearly every message has: found without looking closer.
_SPELLINGS = {
    PRETTY.get(name) or name.title(): name
    for name in (
        *("via", "max-forwards", "from", "to", "call-id", "cseq", "content-type", "content-length", "contact"),
        *("expires", "user-agent", "authorization", "allow", "supported", "accept", "date", "subject", "priority"),
    )
}


class _Labels(dict[str, str]):
    """The names that we write, as they stand at the beginning of a line; rare ones are not remembered."""

    def __missing__(self, name: str) -> str:
        return f"{PRETTY.get(name) or name.title()}: "


LABELS = _Labels()
LABELS.update({name: LABELS[name] for name in (*_SPELLINGS.values(), *PRETTY)})
# Of these more than one has no meaning (RFC 4475 3.3.8 and 3.3.9).
SINGLE = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "date", "subject"}
)
MANDATORY = ("from", "to", "call-id", "cseq")
_FAULTY_LINE = ""
_FOLD = re.compile(r"\r\n[ \t]+")
_NOT_IN_URI = re.compile(r"[ \t<>]")

Headers = dict[str, list[str]]
Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Message(ABC):
    """What requests and responses share. `headers` maps lower-case long names to their values in order of arrival."""

    headers: Headers
    body: bytes = b""

    def first(self, name: str) -> str:
        """Return the first value of a header (lower-case long name), or empty."""
        values = self.headers.get(name)
        return values[0] if values else ""

    def every(self, name: str) -> list[str]:
        """Return all values of a comma-list header, whichever way they were spread over lines."""
        return [item for value in self.headers.get(name, ()) for item in split_list(value) if item]

    @lazy
    def via(self) -> Via:
        """Parse the topmost Via. Raises Malformed."""
        value = self.first("via")
        return Via.parse(split_list(value)[0] if "," in value else value)

    @lazy
    def from_(self) -> NameAddr:
        """Parse the From header. Raises Malformed."""
        return NameAddr.parse(self.first("from"))

    @lazy
    def to(self) -> NameAddr:
        """Parse the To header. Raises Malformed."""
        return NameAddr.parse(self.first("to"))

    @lazy
    def cseq(self) -> tuple[int, str]:
        """CSeq number and method. Raises Malformed."""
        return parse_cseq(self.first("cseq"))

    @lazy
    def call_id(self) -> str:
        """Return the Call-ID, or empty."""
        values = self.headers.get("call-id")
        return values[0] if values else ""

    @abstractmethod
    def start_line(self) -> str:
        """Return the first line."""

    def to_bytes(self, via: str = "") -> bytes:
        """Write the message, `via` on top; Content-Length is added.

        Raises LocalProtocolError when a value carries a line break.
        """
        lines = [self.start_line()]
        if via:
            lines.append(f"Via: {via}")
        lines += [
            LABELS[name] + value
            for name, values in self.headers.items()
            if name != "content-length"
            for value in values
        ]
        return joined(lines, self.body)


@dataclass(frozen=True)
class Request(Message):
    """A request; `uri` is the request URI as it came."""

    method: str = ""
    uri: str = ""
    version: str = VERSION

    @lazy
    def transaction(self) -> Key:
        """Name what identifies the transaction (17.2.3); an ACK belongs to that of its INVITE. Raises Malformed.

        The branch alone would do if every device made a new one each time. Some send what somebody once captured, with
        another text in it: their next alarm must not pass for a repetition of the last.
        """
        via = self.via
        method = "INVITE" if self.method == "ACK" else self.method
        branch = via.branch
        text = hash(self.body) if method == "MESSAGE" else 0
        if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
            return (branch, via.sent_by, method, self.call_id, self.cseq[0], text)
        return (branch, via.sent_by, method, self.call_id, self.cseq[0], text, self.from_.tag, self.uri)

    def start_line(self) -> str:
        """Return the request line."""
        return f"{self.method} {self.uri} {VERSION}"

    def check(self, *, stream: bool = False) -> None:
        """Find what makes the request unfit to act on. Raises Malformed with the status that answers it."""
        if self.version.upper() != VERSION:
            raise Malformed("another version of SIP", 505)
        if not (self.method.isalpha() and self.method.isascii()) and not TOKEN.fullmatch(self.method):
            raise Malformed("the method is not proper")
        if not self.uri or _NOT_IN_URI.search(self.uri):
            raise Malformed("the request URI is not proper")
        _check_headers(self, stream=stream)
        if self.cseq[1] != self.method:
            raise Malformed("CSeq names another method")
        _ = (self.from_, self.to, self.via)


@dataclass(frozen=True)
class Response(Message):
    """A response."""

    status: int = 0
    reason: str = ""

    def start_line(self) -> str:
        """Return the status line."""
        return f"{VERSION} {self.status} {self.reason}"

    def check(self, *, stream: bool = False) -> None:
        """Find what makes the response useless. Raises Malformed. A To without tag passes: Snom phones send it."""
        _check_headers(self, stream=stream)
        vias = self.headers.get("via", [])
        if len(vias) != 1 or ("," in vias[0] and len(self.every("via")) != 1):
            raise Malformed("the response belongs to somebody else: it has not exactly one Via")
        _ = (self.cseq, self.via)


def _check_headers(message: Message, *, stream: bool) -> None:
    headers = message.headers
    if _FAULTY_LINE in headers:
        raise Malformed("a header line is not proper")
    for name in MANDATORY:
        if name not in headers or not headers[name][0]:
            raise Malformed(f"the {name} header is missing")
    if max(map(len, headers.values())) > 1:
        for name, values in headers.items():
            if len(values) > 1 and name in SINGLE:
                raise Malformed(f"the {name} header came twice")
    _check_length(message, stream=stream)


def _check_length(message: Message, *, stream: bool) -> None:
    text, present = message.first("content-length"), len(message.body)
    if text == str(present) and present <= MAX_BODY:
        return
    if not text:
        if stream:
            raise Malformed("a stream needs Content-Length")
        return
    length = parse_delta(text)
    if length is None:
        raise Malformed("Content-Length is no number")
    if length > MAX_BODY:
        raise Malformed("the body is too large", 413)
    if length > present:
        raise Malformed("the body is shorter than Content-Length says")


def parse_message(data: bytes) -> Request | Response:
    """Split one message into start line, headers and body. Raises Malformed when it cannot even be answered."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator and b"\r" not in data:
        head, separator, body = data.partition(b"\n\n")
    if not separator or len(head) > MAX_HEAD:
        raise Malformed("no end of the headers in sight")
    lines = _logical_lines(head.decode("utf-8", "surrogateescape"))
    headers = _parse_headers(lines)
    length = parse_delta(headers["content-length"][0]) if "content-length" in headers else None
    if length is not None:
        body = body[:length]
    return _parse_start(lines[0].rstrip(), headers, body)


def _logical_lines(text: str) -> list[str]:
    """Split into lines and undo folding; bare line feeds are taken for line ends only where nothing else ends lines."""
    if "\r" not in text:
        text = text.replace("\n", "\r\n")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n", MAX_HEADER_LINES + 1)
    if len(lines) > MAX_HEADER_LINES or _has_line_break(lines):
        raise Malformed("too many header lines, or stray line breaks in them")
    return lines


def _has_line_break(lines: list[str]) -> bool:
    whole = "".join(lines)  # two searches of one text cost a fraction of counting in it
    return "\n" in whole or "\r" in whole


def _parse_headers(lines: list[str]) -> Headers:
    headers: Headers = {}
    known = _SPELLINGS
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = known.get(name) or _header_name(name, colon)
        if name in headers:
            headers[name].append(value.strip())
        else:
            headers[name] = [value.strip()]
    return headers


def _header_name(name: str, colon: str) -> str:
    """Return the long name in lower case of a header that is spelled in a rare way."""
    name = name.rstrip().lower()
    if not colon or not name or " " in name:
        return _FAULTY_LINE
    return COMPACT.get(name, name)


def _parse_start(line: str, headers: Headers, body: bytes) -> Request | Response:
    if line[:4].upper() == "SIP/" and line[:8].rstrip().upper() == VERSION:
        return _parse_status(line, headers, body)
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not version.upper().startswith("SIP/"):
        raise Malformed("neither a request nor a response")
    return Request(headers, body, method, uri, version)


def _parse_status(line: str, headers: Headers, body: bytes) -> Response:
    status, _, reason = line[8:].partition(" ")
    if not re.fullmatch(r"[1-6][0-9][0-9]", status):
        raise Malformed("a response without a proper status")
    return Response(headers, body, int(status), reason)


def joined(lines: list[str], body: bytes = b"") -> bytes:
    """Return a message of these lines, and Content-Length. Raises LocalProtocolError when one carries a line break."""
    if _has_line_break(lines):
        raise LocalProtocolError("a header value carries a line break")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def printable(text: str, limit: int = 64) -> str:
    """Make hostile text fit for a log line: one line, no control characters, bounded."""
    if text.isprintable() and len(text) <= limit:
        return text
    cut = text[:limit].encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else "?" for char in cut) + ("…" if len(text) > limit else "")
