"""The script that carries out what a person asks of the modem, between two things that the gateway wants of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm.events import CommandAnswered
from drivers.gsm.opening import initialise
from gatewayd.hayes.script import Command, resync

if TYPE_CHECKING:
    from drivers.gsm.session import Asked, Session
    from gatewayd.hayes.script import Script


def answer(session: Session, asked: Asked) -> Script[None]:
    """Carry out a person's command; after one that may change something the modem is initialised anew."""
    reply = yield Command(asked.text, timeout=asked.seconds, everything=True)
    said = reply.final or f"no answer within {asked.seconds:g} s"
    session.events.append(CommandAnswered(reply.lines, said))
    if asked.changes:
        yield from initialise(session)
    elif reply.timed_out:
        yield from resync(session.profile.resync)
