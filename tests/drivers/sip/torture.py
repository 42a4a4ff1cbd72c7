"""What the tests of RFC 4475 and RFC 5118 share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drivers.sip.events import BindingsChanged, MessageReceived
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = ("10.0.0.9", 5099)
OURS = "sip:alarm@gateway.local"
IGNORED = 0
TAKEN = None  # a registration that is being written down: answered once it is on disk
VIA = "Via: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKtorture;rport"


def answers(data: bytes) -> list[int | None]:
    """Return the statuses that the gateway answers; it asks for no password, so that the message itself is judged.

    A text that is taken counts as 200, a registration as TAKEN.
    """
    site = Site(authenticate=False, recipients=("*",))
    statuses = [answer.status for answer in site.hand_in(data, SOURCE)]
    return [*statuses, *[200 for _ in site.of(MessageReceived)], *[TAKEN for _ in site.of(BindingsChanged)]]


def raw(start: str, *lines: str, body: bytes = b"") -> bytes:
    """Return a message of just these lines."""
    return "\r\n".join([start, *lines]).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def register(**headers: str | None) -> bytes:
    """Return a registration of 2001."""
    fields: dict[str, str | None] = {"to": "<sip:2001@gateway.local>", "contact": "<sip:2001@10.0.0.9>", **headers}
    return request("REGISTER", "sip:gateway.local", b"", **fields)  # type: ignore[arg-type]


def ids(cases: Sequence[tuple[object, ...]]) -> list[str]:
    """Return the names of the subjects."""
    return [re.split("[ :]", str(case[0]))[0] for case in cases]
