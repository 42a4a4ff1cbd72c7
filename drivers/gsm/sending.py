"""The script that hands one message to the network, part by part (TS 27.005, clauses 3.5.1 and 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm import alphabet
from drivers.gsm.disposition import Disposition, ModemError, error_of
from drivers.gsm.events import DeviceTrouble, MessageSettled, PartSent
from drivers.gsm.userdata import MAX_OCTETS
from gatewayd.driver import Outcome
from gatewayd.hayes.script import Command, Unresponsive, fields, number, resync

if TYPE_CHECKING:
    from drivers.gsm.events import Outgoing
    from drivers.gsm.pdu import Submit
    from drivers.gsm.session import Session
    from gatewayd.hayes.script import Reply, Script

RETRY_AFTER = 10.0
DEVICE_RETRY_AFTER = 30.0
STORAGE_RETRY_AFTER = 5.0
_EITHER_NETWORK = "AT+CGSMS=3"  # over the telephone network, or over packets where there is none (TS 27.007, 10.1.21)
SUSPECT_FAILURES = 3
"""So many messages in a row refused for no reason that lies in them: the modem is restarted."""


def send(session: Session, message: Outgoing) -> Script[None]:
    """Send every part; ends in MessageSettled unless the message was withdrawn. Raises Unresponsive."""
    references: list[int | None] = []
    if len(message.parts) > 1:
        yield from session.ask("AT+CMMS=1")
    for part in message.parts:
        if message.withdrawn:
            return
        reply = yield _command(session, part)
        if not (reply.ok and reply.first):
            yield from _give_up(session, message, references, reply)
            return
        reference = number(fields(reply.first)[0])
        references.append(reference)
        message.taken += 1
        session.events.append(PartSent(message.ref, reference))
    session.failures = 0
    _settle(session, message, Outcome.SENT, "taken by the network", references)


def _command(session: Session, part: Submit) -> Command:
    timeout = session.profile.send_timeout
    if session.text_mode:
        number_shown = _shown(session, str(part.destination))
        body = _shown(session, part.user_data.text).encode("ascii", "replace")
        return Command(f'AT+CMGS="{number_shown}"', "+CMGS:", timeout, body=body)
    tpdu = part.to_bytes()
    body = b"00" + tpdu.hex().upper().encode()
    return Command(f"AT+CMGS={len(tpdu)}", "+CMGS:", timeout, body=body)


def _shown(session: Session, text: str) -> str:
    """Return text as text mode wants it: UCS-2 in hexadecimal, or what all character sets have in common."""
    if session.character_set == "UCS2":
        return text.encode("utf-16-be", "replace")[:MAX_OCTETS].hex().upper()
    simple = alphabet.simplify(text)
    return "".join(character if character.isascii() and character.isprintable() else " " for character in simple)


def _give_up(session: Session, message: Outgoing, references: list[int | None], reply: Reply) -> Script[None]:
    """Say what became of the message, then see to the modem. An OK without `+CMGS:` is no proof of anything."""
    part = f"part {len(references) + 1} of {len(message.parts)}: " if len(message.parts) > 1 else ""
    error = error_of(reply)
    if error is not None:
        _refused(session, message, references, error, part)
        if error.is_unexplained and session.failures == 1:
            yield from session.ask(_EITHER_NETWORK)
        if session.failures >= SUSPECT_FAILURES:
            session.failures = 0
            raise Unresponsive(f"it refused {SUSPECT_FAILURES} messages in a row: {error}")
        return
    if reply.body_sent and message.on_its_last_part:
        session.unanswered = message.ref
        _settle(session, message, Outcome.UNKNOWN, f"{part}no answer: it may have been sent", references)
    elif reply.body_sent:
        _settle(session, message, Outcome.FAILED, f"{part}no answer: the rest was not sent", references, RETRY_AFTER)
    else:
        _settle(session, message, Outcome.FAILED, f"{part}the modem did not ask for the text", references, RETRY_AFTER)
    if reply.timed_out:
        yield from resync(session.profile.resync)


def _refused(session: Session, message: Outgoing, references: list[int | None], error: ModemError, part: str) -> None:
    detail = f"{part}{error}"
    session.failures = session.failures + 1 if error.is_suspect and not message.withdrawn else 0
    match error.disposition:
        case Disposition.PERMANENT:
            _settle(session, message, Outcome.REFUSED, detail, references)
        case Disposition.DEVICE:
            session.events.append(DeviceTrouble(str(error)))
            _settle(session, message, Outcome.FAILED, detail, references, DEVICE_RETRY_AFTER)
        case Disposition.STORAGE:
            session.sweep_due = session.now
            _settle(session, message, Outcome.FAILED, detail, references, STORAGE_RETRY_AFTER)
        case Disposition.RETRY:
            _settle(session, message, Outcome.FAILED, detail, references, RETRY_AFTER)


def _settle(  # noqa: PLR0913, PLR0917 - the fields of one event
    session: Session,
    message: Outgoing,
    outcome: Outcome,
    detail: str,
    references: list[int | None],
    retry_after: float | None = None,
) -> None:
    if not message.withdrawn:
        session.events.append(MessageSettled(message.ref, outcome, detail, tuple(references), retry_after))
    session.under_way = None
