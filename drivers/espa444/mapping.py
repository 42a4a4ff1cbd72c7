"""What blocks mean to the gateway, and how a page becomes a block."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

from drivers.espa444.protocol import Block, Header, Id, without_controls
from gatewayd.errors import Invalid
from gatewayd.model import (
    AlarmActivated,
    AlarmReset,
    Answer,
    PageAnswered,
    PageConfirmed,
    PageState,
    Priority,
    TextReceived,
)

if TYPE_CHECKING:
    from drivers.espa444.settings import EspaSettings
    from gatewayd.model import Page, Report

LONGEST_ADDRESS = 16  # characters of record 1 (1984 proposal)
REMEMBERED_CALLS = 256  # calls whose status may still come: hours on a busy line
SYSTEM_FAULT = "system-status"

_NAMES = {
    Id.ADDRESS: "address",
    Id.MESSAGE: "message",
    Id.BEEP: "beep",
    Id.CALL_TYPE: "call_type",
    Id.TRANSMISSIONS: "transmissions",
    Id.PRIORITY: "priority",
    Id.CALL_STATUS: "call_status",
    Id.SYSTEM_STATUS: "system_status",
}
_STATUS_WORDS = {
    "1": "busy",
    "2": "in queue",
    "3": "paged",
    "4": "absent",
    "5": "call terminated",
    "6": "acknowledged by the called party",
    "7": "speech channel open",
    "71": "speech channel open, paged",
    "72": "speech channel open, absent",
    "8": "fault indication",
}
_STATES = {"sent": PageState.SENT, "read": PageState.READ, "failed": PageState.FAILED, "fault": PageState.FAILED}


def reports_of(block: Block, settings: EspaSettings) -> list[Report]:
    """Return what a block from a panel has to be recorded as; nothing for a status request, which wants an answer."""
    if block.header == Header.CALL:
        return [_call(block, settings)]
    if block.header == Header.STATUS_REQUEST:
        return []
    return _faults(block) or [_text(block)]


def _call(block: Block, settings: EspaSettings) -> Report:
    fields = fields_of(block, settings)
    address, text = fields.pop("address", ""), fields.pop("message", "")
    if not address and not text:
        return _text(block)
    if settings.call_types.get(fields.get("call_type", "")) == "reset":
        return AlarmReset(_reset_key(address, text, settings), address, text)
    return AlarmActivated(
        key=_key(address, text, settings),
        text=text or f"Call {address}",
        address=address,
        priority=settings.priority_of(fields.get("priority", "")),
        fields=fields,
    )


def _key(address: str, text: str, settings: EspaSettings) -> str:
    """Return what identifies the condition. Without an address the text has to, or all of them would be one alarm."""
    return address if settings.key == "address" and address else f"{address}|{text}"


def _reset_key(address: str, text: str, settings: EspaSettings) -> str | None:
    """Return the key that a reset ends; a reset without text ends whatever stands for its address."""
    return None if settings.key == "address+text" and not text else _key(address, text, settings)


def _faults(block: Block) -> list[Report]:
    """Return the technical alarms that a block tells of.

    System status 0 is reserved in the specification; a device that sends it means that all is well.
    """
    system, call = _clean(block.get(Id.SYSTEM_STATUS)), _clean(block.get(Id.CALL_STATUS))
    found: list[Report] = []
    if system == "0":
        found.append(AlarmReset(SYSTEM_FAULT, text="system status 0"))
    elif system:
        word = "transmitter failure" if system == "1" else "system failure"
        found.append(AlarmActivated(SYSTEM_FAULT, f"{word} (system status {system})", fault=True))
    if call.startswith("8"):
        found.append(_call_fault(block))
    return found


def _call_fault(block: Block) -> AlarmActivated:
    address = _clean(block.get(Id.ADDRESS))
    return AlarmActivated(f"call-fault {address}", f"fault indication for call {address}", address, fault=True)


def _text(block: Block) -> TextReceived:
    """Return a block that has no meaning of its own as text, so that a person reads it."""
    sender = _clean(block.get(Id.ADDRESS))
    parts = [f"{_name_of(record.id)}: {_clean(record.data)}" for record in block.records]
    return TextReceived(sender, f"ESPA block {_clean(block.header)}: {', '.join(parts)}")


def fields_of(block: Block, settings: EspaSettings) -> dict[str, str]:
    """Return the records by name, with the line's defaults for those that are missing. The first of several counts."""
    fields = {_name_of(key): data for key, data in settings.defaults.items()}
    for record in reversed(block.records):
        fields[_name_of(record.id)] = _clean(record.data)
    return fields


def _name_of(record_id: str) -> str:
    return next((name for key, name in _NAMES.items() if key == record_id), f"record_{_clean(record_id)[:16]}")


def _clean(data: str) -> str:
    return without_controls(data).strip()


# --- pages ------------------------------------------------------------------------------------------------------------


def call_of(page: Page, settings: EspaSettings) -> Block:
    """Return the call for a page. Raises Invalid for an address that the line cannot carry as it is."""
    charset = settings.charset
    address = charset.fit(page.address, LONGEST_ADDRESS)
    if not address or address != page.address:
        raise Invalid("address", f"has to be 1 to {LONGEST_ADDRESS} characters of {settings.encoding}")
    records = {
        Id.ADDRESS: address,
        Id.MESSAGE: charset.fit(page.text, settings.longest_text),
        Id.BEEP: page.tone if page.tone.isascii() and page.tone.isdigit() else settings.beep,
        Id.CALL_TYPE: settings.call_type,
        Id.TRANSMISSIONS: settings.transmissions,
        Id.PRIORITY: settings.code_of(Priority(page.priority)),
    }
    return Block.of(Header.CALL, {str(key): data for key, data in records.items() if data})


def status_of(block: Block, value: str, settings: EspaSettings) -> Block:
    """Return the status block about a call: the call's own records identify it, there is no number."""
    charset = settings.charset
    same = {key: charset.fit(block.get(key), settings.longest_text) for key in (Id.ADDRESS, Id.MESSAGE, Id.BEEP)}
    return Block.of(Header.STATUS, {str(key): data for key, data in same.items() if data} | {Id.CALL_STATUS: value})


@dataclass(frozen=True, slots=True)
class _Sent:
    address: str
    text: str
    beep: str

    @classmethod
    def of(cls, block: Block) -> _Sent:
        return cls(_clean(block.get(Id.ADDRESS)), _clean(block.get(Id.MESSAGE)), _clean(block.get(Id.BEEP)))

    @property
    def reference(self) -> str:
        """The same call has the same reference after a restart too."""
        return blake2s(f"{self.address}\x1f{self.text}".encode(), digest_size=8).hexdigest()

    def is_meant_by(self, status: _Sent) -> bool:
        """Compare with a status block, which may leave out the text and the beep, or cut the text."""
        same_beep = not status.beep or status.beep == self.beep
        return self.address == status.address and same_beep and self.text.startswith(status.text)


class SentCalls:
    """The calls that were made last, newest first, to find out which of them a status block is about."""

    def __init__(self) -> None:
        self._calls: deque[_Sent] = deque(maxlen=REMEMBERED_CALLS)

    def add(self, block: Block) -> str:
        """Remember a call; return its reference."""
        call = _Sent.of(block)
        self._calls.appendleft(call)
        return call.reference

    def reference_of(self, status: Block) -> str:
        """Return the reference of the newest call that fits, else the one that the status itself spells."""
        meant = _Sent.of(status)
        return next((call for call in self._calls if call.is_meant_by(meant)), meant).reference


def status_reports(block: Block, calls: SentCalls, settings: EspaSettings) -> list[Report]:
    """Return what a block from a paging transmitter has to be recorded as."""
    if block.header != Header.STATUS:
        return [_text(block)]
    found = _faults(block)
    value = _clean(block.get(Id.CALL_STATUS))
    if value:
        found += _page_reports(block, value, calls, settings)
    return found or [_text(block)]


def _page_reports(block: Block, value: str, calls: SentCalls, settings: EspaSettings) -> list[Report]:
    meaning = settings.call_status.get(value) or settings.call_status.get(value[0])
    reference = calls.reference_of(block)
    if meaning is None:
        return []
    if meaning == "accepted":
        return [PageAnswered(reference, Answer.ACCEPT)]
    word = _STATUS_WORDS.get(value) or _STATUS_WORDS.get(value[0], "")
    return [PageConfirmed(reference, _STATES[meaning], f"{word} (call status {value})".strip())]
