"""What blocks mean to the gateway."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from drivers.espa444.calls import clean, spelled
from drivers.espa444.protocol import Block, Header, Id
from drivers.espa444.settings import meaning_of
from drivers.espa444.tables import RECORDS, STATUS_WORDS
from gatewayd.model import (
    AlarmActivated,
    AlarmReset,
    Answer,
    PageAnswered,
    PageConfirmed,
    PageState,
    TextReceived,
)

if TYPE_CHECKING:
    from drivers.espa444.calls import SentCalls
    from drivers.espa444.settings import EspaSettings
    from drivers.espa444.tables import HeaderMeaning
    from gatewayd.model import Report

SYSTEM_FAULT = "system-status"
LONGEST_KEY = 200  # characters; the gateway keeps no longer ones, and tells us of a key only as it keeps it
_DIGEST = 32
_STATES = {"sent": PageState.SENT, "read": PageState.READ, "failed": PageState.FAILED, "fault": PageState.FAILED}


def header_of(block: Block, settings: EspaSettings) -> HeaderMeaning:
    """Return what the line makes of a block's header."""
    return settings.headers.get(clean(block.header), "text")


def reports_of(block: Block, station: str, settings: EspaSettings) -> list[Report]:
    """Return what a block from a panel has to be recorded as; nothing for a status request, which wants an answer."""
    meaning = header_of(block, settings)
    if meaning == "call":
        return [_call(block, station, settings)]
    if meaning in ("request", "ignore"):
        return []
    return (_faults(block, station, settings) if meaning == "status" else []) or [_text(block, station, settings)]


def status_reports(block: Block, station: str, calls: SentCalls, settings: EspaSettings) -> list[Report]:
    """Return what a block from a paging transmitter has to be recorded as."""
    meaning = header_of(block, settings)
    if meaning == "ignore":
        return []
    if meaning != "status":
        return [_text(block, station, settings)]
    found = _faults(block, station, settings)
    value = clean(block.get(Id.CALL_STATUS))
    if value:
        found += _page_reports(value, calls.reference_of(block, station), settings)
    return found or [_text(block, station, settings)]


# --- calls ------------------------------------------------------------------------------------------------------------


def _call(block: Block, station: str, settings: EspaSettings) -> Report:
    fields = fields_of(block, settings)
    dialled, text = fields.pop("address", ""), fields.pop("message", "")
    if not dialled and not text:
        return _text(block, station, settings)
    address = spelled(station, dialled, settings)
    if settings.callback and " " in text:
        fields["callback"], _, text = text.partition(" ")
    call_type = fields.get("call_type", "")
    is_reset = settings.call_types.get(call_type) == "reset"
    priority = settings.priority_of(fields.get("priority", ""), dialled, call_type)
    said = text or f"Call {dialled}"
    if settings.calls == "text":
        return TextReceived(address, f"RESET {said}" if is_reset else said, dialled, priority=priority)
    if is_reset:
        return AlarmReset(_reset_key(address, dialled, text, settings), address, text)
    return AlarmActivated(_key(address, dialled, text, settings), said, address, priority, fields)


def _key(address: str, dialled: str, text: str, settings: EspaSettings) -> str:
    """Return what identifies the condition. Without an address the text has to, or all of them would be one alarm."""
    key = address if settings.key == "address" and dialled else f"{address}|{text}"
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - _DIGEST - 1]}~{sha256(key.encode()).hexdigest()[:_DIGEST]}"


def _reset_key(address: str, dialled: str, text: str, settings: EspaSettings) -> str | None:
    """Return the key that a reset ends; a reset without text ends whatever stands for its address."""
    return None if settings.key == "address+text" and not text else _key(address, dialled, text, settings)


# --- faults -----------------------------------------------------------------------------------------------------------


def _faults(block: Block, station: str, settings: EspaSettings) -> list[Report]:
    """Return the technical alarms that a block tells of. A system status that the line does not know is one."""
    system, call = clean(block.get(Id.SYSTEM_STATUS)), clean(block.get(Id.CALL_STATUS))
    key = spelled(station, SYSTEM_FAULT, settings)
    found: list[Report] = []
    if system and meaning_of(system, settings.system_status) == "well":
        found.append(AlarmReset(key, text=f"system status {system}"))
    elif system:
        word = "transmitter failure" if system == "1" else "system failure"
        found.append(AlarmActivated(key, f"{word} (system status {system})", fault=True))
    if call and meaning_of(call, settings.call_status) == "fault":
        address = spelled(station, clean(block.get(Id.ADDRESS)), settings)
        text = f"fault indication for call {address}"
        found.append(AlarmActivated(f"call-fault {address}", text, address, fault=True))
    return found


# --- text -------------------------------------------------------------------------------------------------------------


def _text(block: Block, station: str, settings: EspaSettings) -> TextReceived:
    """Return a block that has no meaning of its own as text, so that a person reads it.

    A call to a subscriber line (header 4) says whom it is for.
    """
    dialled = clean(block.get(Id.ADDRESS))
    parts = [f"{_name_of(record.id)}: {clean(record.data)}" for record in block.records]
    text = f"ESPA block {clean(block.header)}: {', '.join(parts)}"
    if header_of(block, settings) == "subscriber":
        return TextReceived(station, text, dialled)
    return TextReceived(spelled(station, dialled, settings) if dialled else station, text)


def fields_of(block: Block, settings: EspaSettings) -> dict[str, str]:
    """Return the records by name, with the line's defaults for those that are missing. The first of several counts."""
    fields = {_name_of(key): data for key, data in settings.defaults.items()}
    for record in reversed(block.records):
        fields[_name_of(record.id)] = clean(record.data)
    return fields


def _name_of(record_id: str) -> str:
    return RECORDS.get(record_id) or f"record_{clean(record_id)[:16]}"


# --- status -----------------------------------------------------------------------------------------------------------


def _page_reports(value: str, reference: str, settings: EspaSettings) -> list[Report]:
    """Return what a call status says about a page; a value that the line does not know goes to a person."""
    meaning = meaning_of(value, settings.call_status)
    if meaning is None:
        return []
    if meaning == "accepted":
        return [PageAnswered(reference, Answer.ACCEPT)]
    word = meaning_of(value, STATUS_WORDS) or ""
    return [PageConfirmed(reference, _STATES[meaning], f"{word} (call status {value})".strip())]


def status_of(records: dict[str, str], value: str) -> Block:
    """Return the status block about a call that has these records."""
    return Block.of(Header.STATUS, records | {str(Id.CALL_STATUS): value})


def request_of(records: dict[str, str]) -> Block:
    """Return the block that asks what became of a call that has these records."""
    return Block.of(Header.STATUS_REQUEST, records)
