"""The scripts that bring a modem from whatever state it is in to where it can be used (TS 27.005 and 27.007).

Modems differ in what they refuse: a setting that is refused has an alternative, or is done without.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drivers.gsm import routing
from drivers.gsm.address import Address
from drivers.gsm.disposition import error_of
from drivers.gsm.events import CannotStart, PinRefused, PinWanted, Ready
from drivers.gsm.pdu import Submit
from drivers.gsm.profile import LONG_PATIENCE
from drivers.gsm.userdata import CLASS_0, Coding, UserData
from drivers.gsm.validity import relative_octet
from drivers.gsm.vocabulary import PDU_WORDS, TEXT_WORDS, UCS2_WORDS
from drivers.gsm.watching import look
from gatewayd.hayes.script import Command, Pause, fields, number, resync

if TYPE_CHECKING:
    from drivers.gsm.session import Session
    from gatewayd.hayes.script import Reply, Script

SIM_TRIES = 30  # looks at a SIM that is busy, a second apart
SIM_FAILURES = 3  # looks at a SIM that fails, a second apart
REGISTRATION_EVERY = 1.0  # seconds between looks at the network while it is searched
WORDS = 40  # characters kept of what a modem says about itself
_SEPARATE = ("SM", "ME")  # memories of their own; others are both of these, or hold no messages of people
CHARACTER_SETS = ("UCS2", "GSM", "IRA")

_SIM_BUSY, _SIM_FAILS = 14, {10, 13, 15}
_READY, _LOCKED = "READY", "SIM PIN"
_PIN_COUNTERS = ("+CPINC", "+SPIC")


def initialise(session: Session) -> Script[None]:
    """Go up the ladder; ends with Ready, PinWanted or CannotStart. Raises Unresponsive."""
    session.notes.clear()
    if session.forgetful:
        session.forgetful = False
        session.owed = 0
        session.notes.append("had lost its settings: it restarted by itself")
    yield from resync(session.profile.resync)
    for setting in ("ATE0", "ATV1", "AT+CMEE=1", "AT+CREG=0"):
        yield from session.ask(setting)
    identity = yield from _identity(session)
    if not (yield from _unlocked(session)):
        return
    yield from _choose_mode(session)
    yield from _choose_service(session)
    yield from _choose_storage(session)
    yield from routing.choose(session)
    yield from _register(session)
    session.sweep_due = session.now
    session.check_due = session.now + session.profile.check_every
    session.events.append(Ready(identity, tuple(session.notes), session.centre))


def unlock(session: Session, pin: str) -> Script[None]:
    """Enter the PIN, once, and go on with the ladder."""
    reply = yield from session.ask(Command(f'AT+CPIN="{pin}"', timeout=LONG_PATIENCE))
    error = error_of(reply)
    if error is not None and error.code == _SIM_BUSY:
        session.events.append(CannotStart("the SIM was too busy to take its PIN"))
    elif not reply.ok:
        session.events.append(PinRefused(reply.final or "no answer"))
    else:
        yield from initialise(session)


def _identity(session: Session) -> Script[str]:
    found = []
    for question in ("AT+CGMI", "AT+CGMM"):
        reply = yield from session.ask(question)
        if reply.ok and reply.first:
            found.append(reply.first[:WORDS])
    return " ".join(found) or "modem of unknown make"


# --- SIM -------------------------------------------------------------------------------------------------------------


def _unlocked(session: Session) -> Script[bool]:
    """Return whether the SIM can be used; otherwise an event says what it wants. Foreign networks have no CPIN."""
    failures, error = 0, None
    for _ in range(SIM_TRIES):
        reply = yield from session.ask(Command("AT+CPIN?", "+CPIN:", timeout=LONG_PATIENCE))
        error = error_of(reply)
        if reply.ok or error is None or error.code is None:
            return (yield from _judge(session, reply))
        failures += error.code != _SIM_BUSY
        if error.code not in {_SIM_BUSY, *_SIM_FAILS} or failures >= SIM_FAILURES:
            break
        yield Pause(1.0)
    session.events.append(CannotStart(f"the SIM cannot be used: {error or 'no answer'}", mendable=True))
    return False


def _judge(session: Session, reply: Reply) -> Script[bool]:
    state = fields(reply.first)[0] if reply.first else _READY
    if state == _READY:
        return True
    if state == _LOCKED:
        tries = yield from _tries_left(session)
        session.events.append(PinWanted(tries))
    else:
        session.events.append(CannotStart(f"the SIM wants {state[:WORDS]}: it has to be unlocked in a telephone"))
    return False


def _tries_left(session: Session) -> Script[int | None]:
    """Ask in the makers' own ways how often the PIN may still be tried."""
    for name in _PIN_COUNTERS:
        reply = yield from session.ask(Command(f"AT{name}" + ("?" if name == "+CPINC" else ""), f"{name}:"))
        if reply.ok and reply.first:
            return number(fields(reply.first)[0])
    return None


# --- settings ---------------------------------------------------------------------------------------------------------


def _choose_mode(session: Session) -> Script[None]:
    """Choose PDUs, or text for modems that have nothing else; there in UCS-2 where possible."""
    session.channel.vocabulary = PDU_WORDS
    if (yield from session.ask("AT+CMGF=0")).ok:
        return
    if not (yield from session.ask("AT+CMGF=1")).ok:
        session.notes.append("refuses to choose between PDU and text mode")
        return
    session.channel.vocabulary = TEXT_WORDS
    session.notes.append("text mode: long texts go out as several messages")
    for name in CHARACTER_SETS:
        if (yield from session.ask(f'AT+CSCS="{name}"')).ok:
            session.character_set = name
            break
    if session.character_set == "UCS2":
        session.channel.vocabulary = UCS2_WORDS
    yield from session.ask(f"AT+CSMP={_text_parameters(session)}")
    yield from session.ask("AT+CSDH=0")


def _text_parameters(session: Session) -> str:
    """Return first octet, validity, protocol and coding of what is sent in text mode (TS 27.005, clause 3.1)."""
    profile = session.profile
    coding = Coding.UCS2 if session.character_set == "UCS2" else Coding.GSM7
    sample = Submit(Address("0"), UserData(coding, b""), profile.validity, report=profile.reports)
    first, validity = sample.to_bytes()[0], relative_octet(profile.validity)
    return f"{first},{validity},0,{coding.value | (CLASS_0 if profile.flash else 0)}"


def _choose_service(session: Session) -> Script[None]:
    """See to a service centre, and to the service level: without acknowledgements where the modem lets us choose."""
    centre = session.profile.service_centre
    if centre:
        yield from session.ask(f'AT+CSCA="{centre}",{145 if centre.startswith("+") else 129}')
    reply = yield from session.ask(Command("AT+CSCA?", "+CSCA:", timeout=LONG_PATIENCE))
    session.centre = fields(reply.first)[0] if reply.ok else ""
    if reply.ok and reply.first and not session.centre:
        session.notes.append("the SIM knows no service centre: set service_centre")
    reply = yield from session.ask(Command("AT+CSMS?", "+CSMS:"))
    session.acknowledges = False
    if reply.ok and fields(reply.first)[0] == "1":
        session.acknowledges = not (yield from session.ask(Command("AT+CSMS=0", "+CSMS:"))).ok


def _choose_storage(session: Session) -> Script[None]:
    """Take the first memory with room that the modem offers for reading and for what arrives."""
    reply = yield from session.ask(Command("AT+CPMS=?", "+CPMS:"))
    offered = _lists(reply.first)
    for name in session.profile.storages:
        if offered and not all(name in memories for memories in offered):
            continue
        reply = yield from session.ask(Command(f'AT+CPMS="{name}","{name}","{name}"', "+CPMS:", LONG_PATIENCE))
        if reply.ok and not _has_no_room(reply.first):
            session.home = session.memory = name
            session.drains = [other for other in _SEPARATE if name in _SEPARATE and other != name]
            return
    reply = yield from session.ask(Command("AT+CPMS?", "+CPMS:"))
    session.home = session.memory = fields(reply.first)[0] if reply.ok else ""
    session.notes.append("keeps its own choice of storage")


def _has_no_room(line: str) -> bool:
    """Read `+CPMS: used,total,used,total,used,total`: some modems have a memory without a single place."""
    return [number(field) for field in fields(line)][5:6] == [0]


def _lists(line: str) -> list[list[str]]:
    """Read `+CPMS: ("SM","ME"),("SM"),("ME")`; some write one list without brackets around it."""
    groups = re.findall(r"\(([^()]*)\)", line)
    return [re.findall(r'"(\w+)"', group) for group in groups if '"' in group]


def _register(session: Session) -> Script[None]:
    """Wait for the network, but not for ever: whoever is paged meanwhile is paged another way."""
    deadline = session.now + session.profile.registration_wait
    while True:
        yield from look(session)
        if session.registered or session.now >= deadline:
            return
        yield Pause(REGISTRATION_EVERY)
