"""What a text from a phone is known by, and how urgent its sender says that it is."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from drivers.sip.grammar import parse_delta
from gatewayd.model import Priority

if TYPE_CHECKING:
    from drivers.sip.message import Request

# Seconds for which a text may come again: 32 on each way that its phone or a proxy tries (timer F), three of them, and
# a restart of ours. Later the same words under the same numbers are a person who calls for help once more.
KNOWN_FOR = 120.0
_NO_CREDENTIALS = ("",)
# RFC 3261 20.26; other values mean nothing here.
_PRIORITIES = {
    "emergency": Priority.EMERGENCY,
    "urgent": Priority.HIGH,
    "normal": Priority.NORMAL,
    "non-urgent": Priority.LOW,
}


def reference_of(request: Request, user: str) -> str:
    """Return what a text is known by when its phone, or a proxy on another way, sends it again; ends in its user.

    Call-ID, From tag and CSeq name a request (RFC 3261 8.2.2.2). The text and the digest belong to it because some
    phones count from the start anew after each boot: another text must never pass for a repetition, nor must the same
    one with an answer to a new challenge.
    """
    digest = request.headers.get("authorization", _NO_CREDENTIALS)[0].partition('response="')[2][:32]
    name = f"{request.call_id}\n{request.from_.tag}\n{request.cseq[0]}\n{digest}\n"
    whole = name.encode("utf-8", "surrogateescape") + request.body
    return f"{blake2b(whole, digest_size=16).hexdigest()}.{user}"


def sender_of(reference: str) -> str:
    """Return the user who sent the text with this reference."""
    return reference.partition(".")[2]


def lifetime_of(request: Request) -> float | None:
    """Return for how many seconds the sender wants a text delivered (RFC 3428 9); None for as long as any page.

    They count from now on: the clock of a phone, and so its Date, is not to be relied on.
    """
    said = request.first("expires")
    seconds = parse_delta(said) if said else None
    return None if seconds is None else float(seconds)


def priority_of(request: Request) -> Priority | None:
    """Return how urgent the sender says that the text is; None when nothing is said."""
    return _PRIORITIES.get(request.first("priority").lower())
