"""Turning what a modem shows of a message into a PDU, in PDU mode and in text mode (TS 27.005, clauses 3 and 4)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from drivers.gsm import pdu
from drivers.gsm.address import ALPHANUMERIC, MAX_DIGITS, Address
from drivers.gsm.octets import Malformed
from drivers.gsm.pdu import Deliver, StatusReport
from drivers.gsm.userdata import Coding, UserData
from gatewayd.hayes.script import fields, number

UNREADABLE = "unreadable SMS"
_RECEIVED = "REC"
_REPORT_LENGTH = 7
_PLAIN = re.compile(r"\+?(?!00)[0-9]{1,15}")  # a number: in UCS-2 every digit begins with 00
_TIME = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)?", re.ASCII)
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
    return _report(fields(line))


def _report(parameters: list[str]) -> StatusReport | None:
    first, reference, status = (
        (number(parameters[at]) for at in (0, 1, -1)) if len(parameters) >= _REPORT_LENGTH else (None, None, None)
    )
    if first is None or reference is None or status is None:
        return None
    return StatusReport(reference, _address(_sender(parameters[2])), status)


def _from_text(header: str, body: str, character_set: str) -> Deliver | StatusReport:
    """Read a message or a report behind the status that it has in the memory, or as it was passed on."""
    parameters = fields(header)
    place = next((at for at, field in enumerate(parameters) if field.startswith(_RECEIVED)), -1)
    shown = parameters[place + 1 :]
    report = _report(shown)
    if report is not None:
        return report
    sender, *others = shown or [""]
    if character_set == "UCS2":
        sender, body = _sender(sender), _from_ucs2(body)
    time = next((found for found in map(_time, others) if found is not None), None)
    return Deliver(_address(sender), UserData(Coding.UCS2, body.encode("utf-16-be", "replace")), time)


def _time(shown: str) -> datetime | None:
    """Read `yy/MM/dd,hh:mm:ss+zz` (TS 27.005, clause 3.1); the zone counts quarters of an hour."""
    found = _TIME.fullmatch(shown)
    if found is None:
        return None
    year, month, day, hour, minute, second, quarters = (int(part or 0) for part in found.groups())
    try:
        zone = timezone(timedelta(minutes=15 * quarters))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError:
        return Address(text[:MAX_DIGITS], ALPHANUMERIC)


def _sender(shown: str) -> str:
    """Return a number or name in UCS-2; some modems write these plainly all the same."""
    return shown if _PLAIN.fullmatch(shown) else _from_ucs2(shown)


def _from_ucs2(digits: str) -> str:
    """Return the text of UCS-2 in hexadecimal, or what is none as it is."""
    try:
        return bytes.fromhex(digits).decode("utf-16-be", "replace") if len(digits) % 4 == 0 else digits
    except ValueError:
        return digits


def _unreadable(why: str) -> Deliver:
    text = f"{UNREADABLE} ({why})"[:_SHOWN]
    return Deliver(Address("unknown", ALPHANUMERIC), UserData(Coding.UCS2, text.encode("utf-16-be", "replace")))
