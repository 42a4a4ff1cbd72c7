"""The script that hands one message to the network, part by part (TS 27.005, clauses 3.5.1 and 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm import alphabet
from drivers.gsm.disposition import Disposition, ModemError, error_of
from drivers.gsm.events import DeviceTrouble, MessageSettled, PartSent
from drivers.gsm.userdata import MAX_OCTETS
from gatewayd.driver import Outcome
from gatewayd.hayes.results import Result
from gatewayd.hayes.script import Command, Unresponsive, number, resync

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
"""So many messages in a row that failed for no reason that lies in them, or had no answer: the modem is restarted."""
TROUBLE_AFTER = 3
"""So many messages in a row that the network did not take, or different numbers refused: somebody has to look."""


class Useless(Unresponsive):
    """The modem answers, but sends nothing."""


def send(session: Session, message: Outgoing) -> Script[None]:
    """Send every part; ends in MessageSettled unless the message was withdrawn. Raises Unresponsive, Useless."""
    references: list[int | None] = []
    if len(message.parts) > 1:
        yield from session.ask("AT+CMMS=1")
    for command in message.commands or commands(session, message.parts):
        if message.withdrawn:
            return
        reply = yield command
        if reply.result is not Result.OK or not reply.lines:
            yield from _give_up(session, message, references, reply)
            return
        reference = number(reply.lines[0].removeprefix("+CMGS:").partition(",")[0].strip())
        references.append(reference)
        message.taken += 1
        session.events.append(PartSent(message.ref, reference))
    session.just_sent = message.ref
    session.failures = session.setbacks = 0
    session.refused.clear()
    _settle(session, message, Outcome.SENT, "taken by the network", references)


def commands(session: Session, parts: tuple[Submit, ...]) -> tuple[Command, ...]:
    """Return what sends each part, as the modem is to be spoken to now."""
    return tuple(_command(session, part) for part in parts)


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
    else:
        _unanswered(session, message, references, part, body_sent=reply.body_sent)
        if reply.timed_out:
            yield from resync(session.profile.resync)
    if session.failures >= SUSPECT_FAILURES:
        session.failures = 0
        raise Useless(f"{SUSPECT_FAILURES} messages in a row failed: {error or 'no answer'}")


def _unanswered(
    session: Session, message: Outgoing, references: list[int | None], part: str, *, body_sent: bool
) -> None:
    if not message.withdrawn:
        session.failures += 1
        _set_back(session, "no answer to a message")
    if body_sent and message.on_its_last_part:
        session.unanswered = message.ref
        _settle(session, message, Outcome.UNKNOWN, f"{part}no answer: it may have been sent", references)
    elif body_sent:
        _settle(session, message, Outcome.FAILED, f"{part}no answer: the rest was not sent", references, RETRY_AFTER)
    else:
        _settle(session, message, Outcome.FAILED, f"{part}the modem did not ask for the text", references, RETRY_AFTER)


def _refused(session: Session, message: Outgoing, references: list[int | None], error: ModemError, part: str) -> None:
    detail = f"{part}{error}"
    session.failures = session.failures + 1 if error.is_suspect and not message.withdrawn else 0
    match error.disposition:
        case Disposition.PERMANENT:
            _note_refusal(session, message, error)
            _settle(session, message, Outcome.REFUSED, detail, references)
        case Disposition.DEVICE:
            session.events.append(DeviceTrouble(str(error)))
            _settle(session, message, Outcome.FAILED, detail, references, DEVICE_RETRY_AFTER)
        case Disposition.STORAGE:
            session.sweep_soon()
            _settle(session, message, Outcome.FAILED, detail, references, STORAGE_RETRY_AFTER)
        case Disposition.RETRY:
            _set_back(session, str(error))
            _settle(session, message, Outcome.FAILED, detail, references, RETRY_AFTER)


def _set_back(session: Session, why: str) -> None:
    """Count a message that was not taken although nothing is wrong with it."""
    session.setbacks += 1
    if session.setbacks >= TROUBLE_AFTER:
        session.events.append(DeviceTrouble(f"{session.setbacks} messages in a row were not taken: {why}"))


def _note_refusal(session: Session, message: Outgoing, error: ModemError) -> None:
    """Count numbers that are refused for good: when all of them are, the SIM is barred or out of credit."""
    if len(session.refused) < TROUBLE_AFTER:
        session.refused.add(str(message.parts[0].destination))
    if len(session.refused) >= TROUBLE_AFTER:
        session.events.append(DeviceTrouble(f"{TROUBLE_AFTER} numbers in a row are refused: {error}"))


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
