"""Turning what a modem shows of a message into a PDU, in PDU mode and in text mode (TS 27.005, clauses 3 and 4)."""

from __future__ import annotations

from drivers.gsm import pdu
from drivers.gsm.address import ALPHANUMERIC, MAX_DIGITS, Address
from drivers.gsm.octets import Malformed
from drivers.gsm.pdu import Deliver, StatusReport
from drivers.gsm.userdata import Coding, UserData
from gatewayd.hayes.script import fields, number

UNREADABLE = "unreadable SMS"
_RECEIVED = "REC"
_REPORT_LENGTH = 7
_SHOWN = 200
"""Characters kept of a message that cannot be read."""


def read_message(header: str, body: str, character_set: str, *, text_mode: bool) -> Deliver | StatusReport:
    """Return the message; one that cannot be read becomes a text that says so and shows it, for somebody to see."""
    if text_mode:
        return _from_text(header, body, character_set)
    try:
        message = pdu.read(body, number(fields(header)[-1]))
    except Malformed as error:
        return _unreadable(f"{error}: {body}")
    if isinstance(message, pdu.Submit):
        return _unreadable(f"a message that was never received: {body}")
    return message


def read_report(line: str) -> StatusReport | None:
    """Return the report in a line of text mode: `+CDS: fo,mr,ra,tora,scts,dt,st`; None when it is none."""
    parameters = fields(line)
    reference, status = (
        (number(parameters[1]), number(parameters[-1])) if len(parameters) >= _REPORT_LENGTH else (0, None)
    )
    if reference is None or status is None:
        return None
    return StatusReport(reference, _address(parameters[2]), status)


def _from_text(header: str, body: str, character_set: str) -> Deliver:
    parameters = fields(header)
    place = next((at for at, field in enumerate(parameters) if field.startswith(_RECEIVED)), -1)
    sender = parameters[place + 1] if place + 1 < len(parameters) else ""
    if character_set == "UCS2":
        sender, body = _from_ucs2(sender), _from_ucs2(body)
    return Deliver(_address(sender), UserData(Coding.UCS2, body.encode("utf-16-be", "replace")))


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError:
        return Address(text[:MAX_DIGITS], ALPHANUMERIC)


def _from_ucs2(digits: str) -> str:
    """Return the text of UCS-2 in hexadecimal; some modems write names and numbers plainly all the same."""
    try:
        return bytes.fromhex(digits).decode("utf-16-be", "replace") if len(digits) % 4 == 0 else digits
    except ValueError:
        return digits


def _unreadable(why: str) -> Deliver:
    text = f"{UNREADABLE} ({why})"[:_SHOWN]
    return Deliver(Address("unknown", ALPHANUMERIC), UserData(Coding.UCS2, text.encode("utf-16-be", "replace")))
