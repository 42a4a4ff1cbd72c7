"""The scripts that fetch messages from the modem's memory and delete them (TS 27.005, clauses 3.4 and 3.5)."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from drivers.gsm.disposition import error_of
from drivers.gsm.events import Stored
from drivers.gsm.profile import LONG_PATIENCE
from drivers.gsm.session import MAX_KNOWN
from gatewayd.hayes.script import Command, fields, number

if TYPE_CHECKING:
    from drivers.gsm.session import Session
    from gatewayd.hayes.script import Reply, Script

_OWN = {"2", "3", "STO UNSENT", "STO SENT"}  # drafts and copies of what somebody once sent with this modem
_MEMORIES = {"SM", "ME", "MT", "SR", "BM", "TA"}
_NO_SUCH_PLACE = 321
_LIST_LIMIT = 60.0  # seconds for a full memory at 9600 baud


def acknowledge(session: Session) -> Script[None]:
    """Tell the modem that a message that it passed on was recorded; one that does not listen is looked at at once."""
    session.owed -= 1
    if not (yield from session.ask("AT+CNMA")).ok:
        session.check_due = session.now


def announced(session: Session, line: str) -> None:
    """Take note of `+CMTI: "ME",3` or `+CDSI: "SR",1`."""
    parameters = fields(line)
    index = number(parameters[1]) if len(parameters) > 1 else None
    if index is None or parameters[0] not in _MEMORIES:
        session.sweep_due = session.now
        return
    place = Stored(parameters[0], index)
    if place not in session.known and len(session.known) < MAX_KNOWN:
        session.known.add(place)
        session.to_read.append(place)


def fetch(session: Session, place: Stored) -> Script[None]:
    """Read one message; one that is not there any more is forgotten."""
    if not (yield from session.select(place.memory)):
        session.known.discard(place)
        return
    command = Command(f"AT+CMGR={place.index}", "+CMGR:", LONG_PATIENCE, pairs=True)
    reply = yield from session.ask(command)
    entries = _entries(session, reply, command.prefix) if error_of(reply) is None else []
    if entries:
        session.arrivals.append((*entries[0], place))
    else:
        session.known.discard(place)


def delete(session: Session, place: Stored) -> Script[None]:
    """Free a place in the memory; what cannot be deleted now stays known, so that it is not taken for a new message."""
    selected = yield from session.select(place.memory)
    reply = (yield from session.ask(Command(f"AT+CMGD={place.index}", timeout=LONG_PATIENCE))) if selected else None
    error = error_of(reply) if reply is not None else None
    if reply is not None and (reply.ok or (error is not None and error.code == _NO_SUCH_PLACE)):
        session.known.discard(place)
    else:
        session.undeleted.append(place)


def sweep(session: Session) -> Script[None]:
    """Fetch whatever the memory holds: at the start, and for announcements that were lost.

    At the start the other memory is looked through, too: a modem that was switched on before us stored where it likes.
    """
    every = session.profile.poll_every if session.polls else session.profile.sweep_every
    session.sweep_due = session.now + every
    session.to_delete += session.undeleted
    session.undeleted.clear()
    while session.drains:
        memory = session.drains.pop()
        if (yield from session.select(memory)):
            yield from _list(session)
    yield from session.select(session.home)
    yield from _list(session)
    session.sweep_due = session.now + every
    reply = yield from session.ask(Command("AT+CPMS?", "+CPMS:"))
    used, total = (number(field) for field in [*fields(reply.first), "", "", ""][1:3])
    session.full = used is not None and total is not None and used >= total


def _list(session: Session) -> Script[None]:
    """Take what the selected memory holds.

    Some modems say that an empty memory is an error. What somebody left there as a draft is deleted: it takes room.
    """
    what = '"ALL"' if session.text_mode else "4"
    reply = yield from session.ask(Command(f"AT+CMGL={what}", "+CMGL:", _LIST_LIMIT, pairs=True))
    for header, body in _entries(session, reply, "+CMGL:"):
        _found(session, header, body)


def _entries(session: Session, reply: Reply, prefix: str) -> list[tuple[str, str]]:
    """Return the messages of an answer: (header, second line). In text mode an empty text has no second line.

    Where the OK behind it was taken for that, no other comes: it must not be read as somebody's OK.
    """
    lines = list(reply.lines)
    if session.text_mode and reply.timed_out and lines[-1:] == ["OK"]:
        lines[-1] = ""
    entries = []
    for line, following in zip_longest(lines, lines[1:], fillvalue=prefix):
        if line.startswith(prefix) and (session.text_mode or not following.startswith(prefix)):
            entries.append((line, "" if following.startswith(prefix) else following))
    return entries


def _found(session: Session, header: str, body: str) -> None:
    parameters = fields(header)
    index = number(parameters[0])
    place = Stored(session.memory, index) if index is not None else None
    if place is None or place in session.known or len(session.known) >= MAX_KNOWN:
        return
    session.known.add(place)
    if parameters[1] in _OWN:
        session.to_delete.append(place)
    else:
        session.arrivals.append((header, body, place))
