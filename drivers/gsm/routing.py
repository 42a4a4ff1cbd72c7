"""The scripts that have new messages announced, and find out that this was forgotten (TS 27.005, clause 3.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.hayes.script import Command, fields

if TYPE_CHECKING:
    from drivers.gsm.session import Session
    from gatewayd.hayes.script import Script

_REPORTS, _STORED = 3, "2"
_LENGTH = 4  # parameters of CNMI that are compared; some modems leave out the fifth


def choose(session: Session) -> Script[None]:
    """Try the settings in order; what was set is read back, for some modems say OK and do otherwise."""
    session.polls, session.routing = False, ()
    for routing in session.profile.routings:
        if session.text_mode and _wanted(routing)[_REPORTS] == _STORED:
            continue  # a stored report has no second line there, and its OK would be taken for one
        if not (yield from session.ask(f"AT+CNMI={routing}")).ok:
            continue
        shown = yield from _shown(session)
        if shown is None:
            return
        if shown[1:] == _wanted(routing)[1:]:
            session.routing = shown
            return
    session.polls = True
    session.notes.append("does not announce messages: it is asked for them")


def is_forgotten(session: Session) -> Script[bool]:
    """Return whether the modem does not do any more what it was told: it has restarted by itself.

    One that missed the network's deadline for an acknowledgement passes nothing on any more either (clause 3.4.1).
    """
    if not session.routing:
        return False
    shown = yield from _shown(session)
    return shown is not None and shown != session.routing


def _shown(session: Session) -> Script[tuple[str, ...] | None]:
    reply = yield from session.ask(Command("AT+CNMI?", "+CNMI:"))
    return tuple(fields(reply.first)[:_LENGTH]) if reply.ok and reply.lines else None


def _wanted(routing: str) -> tuple[str, ...]:
    return tuple(routing.split(",")[:_LENGTH])
