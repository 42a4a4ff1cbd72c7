"""The commands of level 3 (RFC 1861 4.6): a client follows its message to the answer of a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drivers.snpp.draft import ReplyType, Wishes

if TYPE_CHECKING:
    from drivers.snpp.protocol import Session
    from drivers.snpp.tags import Tag

HOUR = 3600.0
MOST_HOURS = 168
MOST_CHOICES = 16
LONGEST_CHOICE = 40  # characters

ANY_TYPE = "1"  # what Perl's Net::SNPP 1.17 says whatever type it was told; choices count all the same

_CODE = re.compile(r"[0-9]{1,2}")
_REFUSED = "550 two-way paging is not offered"


def handle_two_way(session: Session, _: str) -> None:
    """2WAY: the message that follows is to be followed."""
    if not session.rules.two_way:
        session.refuse(_REFUSED)
    elif not session.known:
        session.refuse("550 log in first")
    elif session.draft.begun or session.draft.two_way:
        session.refuse("503 2WAY comes first, once")
    elif session.tags.is_full:
        session.refuse("550 too many messages are being followed")
    else:
        session.draft.two_way = Wishes()
        session.accept("250 two-way message begun")


def handle_ping(session: Session, rest: str) -> None:
    """PING: whether a pager is known; where it is nobody can tell."""
    if not session.known:
        session.refuse("550 log in first")
    elif session.rules.knows(rest):
        session.accept("821 pager known, its place is not")
    else:
        session.refuse("550 pager not known")


def handle_lifetime(session: Session, rest: str) -> None:
    """EXPTag: for how many hours the message can be asked after."""
    wishes = _wishes(session)
    if wishes is None:
        return
    if rest.isascii() and rest.isdecimal() and 0 < int(rest[: len(str(MOST_HOURS)) + 1]) <= MOST_HOURS:
        wishes.lifetime = int(rest) * HOUR
        session.accept("250 noted")
    else:
        session.refuse(f"550 a tag is kept for 1 to {MOST_HOURS} hours")


def handle_no_queueing(session: Session, _: str) -> None:
    """NOQUEUEing: refused, for a message that nobody can take now must not be dropped."""
    session.refuse("550 messages are always queued here")


def handle_read(session: Session, rest: str) -> None:
    """ACKRead: whether the client wants to know that the message was read."""
    wishes = _wishes(session)
    if wishes is None:
        return
    if rest in {"0", "1"}:
        wishes.read = rest == "1"
        session.accept("250 noted")
    else:
        session.refuse("550 there is no such value")


def handle_reply_type(session: Session, rest: str) -> None:
    """RTYPe: what kind of answer the client wants."""
    wishes = _wishes(session)
    if wishes is None:
        return
    try:
        wishes.reply = ReplyType.YES_NO if rest == ANY_TYPE else ReplyType(rest.upper())
    except ValueError:
        session.refuse("550 there is no such type of reply")
    else:
        session.accept("250 noted")


def handle_choice(session: Session, rest: str) -> None:
    """MCREsponse: one of the answers that the client offers."""
    wishes = _wishes(session)
    if wishes is None:
        return
    code, _, text = rest.partition(" ")
    if not _CODE.fullmatch(code) or not 0 < len(text.strip()) <= LONGEST_CHOICE:
        session.refuse(f"550 a choice is a number of two digits and 1 to {LONGEST_CHOICE} characters")
    elif code in wishes.choices:
        session.refuse("502 there is a choice with this number")
    elif len(wishes.choices) >= MOST_CHOICES:
        session.refuse("552 too many choices")
    else:
        wishes.choices[code] = text.strip()
        session.accept("250 choice noted")


def handle_status(session: Session, rest: str) -> None:
    """MSTAtus: what became of a message."""
    tag = _tag(session, rest)
    if tag is not None:
        session.accept(tag.status)


def handle_give_up(session: Session, rest: str) -> None:
    """KTAG: the client will not ask after a message any more; its pages are not taken back."""
    tag = _tag(session, rest)
    if tag is not None:
        session.give_up(tag)


def _wishes(session: Session) -> Wishes | None:
    if session.draft.two_way is None:
        session.refuse("503 2WAY comes first" if session.rules.two_way else _REFUSED)
    return session.draft.two_way


def _tag(session: Session, rest: str) -> Tag | None:
    number, _, pass_code = rest.partition(" ")
    tag = session.tags.find(number, pass_code.strip(), session.now) if session.known else None
    if tag is None:
        session.refuse("550 there is no such tag, or its time is over")
    return tag
