"""The body of a page: plain, as an XML alert, or in CPIM with the wish to hear what becomes of it."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from drivers.sip.profiles import Form, Profile
from gatewayd.model import Priority

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from gatewayd.values import dataclass

_ALERT, _CPIM = Form.ALERT, Form.CPIM


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One page: `to` is the address of record, `headers` those of the page itself (priority, date, expires)."""

    user: str
    to: str
    text: str
    reference: str
    headers: dict[str, list[str]] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    notify: bool = False
    from_: str = ""
    priority: Priority = Priority.NORMAL
    wall: float = 0.0

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms to try; without notifications when a phone does not take CPIM."""
        return (Form.CPIM, *self.profile.forms) if self.notify else self.profile.forms


def render(outgoing: Outgoing, form: Form) -> bytes:
    """Return the body in this form."""
    text = outgoing.text.translate(_BRACES) if outgoing.profile.drop_braces else outgoing.text
    if form is _ALERT:
        return _alert(text, outgoing.profile.patterns[outgoing.priority])
    data = text.encode("utf-8", "replace")
    return _in_cpim(outgoing, data) if form is _CPIM else data


_BRACES = str.maketrans("{}", "()")
_NO_XML = {code: None for code in range(32) if chr(code) not in "\t\n\r"}


def _alert(text: str, pattern: str) -> bytes:
    body = escape(text.translate(_NO_XML))
    whole = f"<text><header><alert-pattern>{pattern}</alert-pattern></header><body>{body}</body></text>"
    return whole.encode("utf-8", "replace")


def _in_cpim(outgoing: Outgoing, data: bytes) -> bytes:
    """RFC 3862 2, RFC 5438 6: header names are case-sensitive, the namespace is declared before it is used."""
    moment = datetime.fromtimestamp(outgoing.wall, UTC)
    head = (
        f"From: {outgoing.from_}",
        f"To: <{outgoing.to}>",
        f"DateTime: {moment:%Y-%m-%dT%H:%M:%SZ}",
        "NS: imdn <urn:ietf:params:imdn>",
        f"imdn.Message-ID: {outgoing.reference}",
        "imdn.Disposition-Notification: positive-delivery, negative-delivery, display",
        "",
        f"Content-Type: {Form.TYPED.value}",
        f"Content-Length: {len(data)}",
        "",
        "",
    )
    return "\r\n".join(head).encode("utf-8", "replace") + data
