"""The script that looks whether the modem lives and hears the network (TS 27.007, clauses 7.2 and 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm import routing
from drivers.gsm.events import CoverageSeen
from gatewayd.hayes.script import Command, fields, number

if TYPE_CHECKING:
    from drivers.gsm.session import Session
    from gatewayd.hayes.script import Script

SEARCHING_EVERY = 5.0  # seconds between two looks while there is no network: pages wait for it
_STRONGEST = 31
_REGISTERED = {1, 5, 6, 7}  # at home, roaming, and both for messages only
_STATES = range(11)
_WORDS = {0: "not searching", 1: "at home", 2: "searching", 3: "denied", 4: "unknown", 5: "roaming"}
_QUESTIONS = ("+CREG", "+CEREG", "+CGREG")


def check(session: Session) -> Script[None]:
    """Look at the network; this finds out a modem that is silent, or restarted by itself. Raises Unresponsive."""
    session.check_due = session.now + session.profile.check_every
    yield from look(session)
    session.forgetful = yield from routing.is_forgotten(session)
    every = session.profile.check_every
    session.check_due = session.now + (every if session.registered else min(every, SEARCHING_EVERY))


def look(session: Session) -> Script[None]:
    """Ask for registration and signal. A modem that knows neither question is taken at its word that it works."""
    states = []
    for name in _QUESTIONS:
        reply = yield from session.ask(Command(f"AT{name}?", f"{name}:"))
        state = _state(reply.lines)
        if state is not None:
            states.append(state)
        if state in _REGISTERED:
            break
    session.registered = not states or states[-1] in _REGISTERED
    reply = yield from session.ask(Command("AT+CSQ", "+CSQ:"))
    signal = number(fields(reply.first)[0])
    known = signal if signal is not None and signal <= _STRONGEST else None
    words = _WORDS.get(states[0], "registered") if states else "unknown"
    session.events.append(CoverageSeen(session.registered, known, words))


def _state(lines: tuple[str, ...]) -> int | None:
    """Return `stat` of `+CREG: n,stat`; a line that came by itself has `stat` alone, or a cell's code behind it."""
    for line in lines:
        values = [number(field) for field in fields(line)[:2]]
        if len(values) > 1 and values[1] in _STATES:
            return values[1]
    return None
