"""The PDUs of the short message service (3GPP TS 23.040, clause 9.2.2) as modems hand them over (TS 27.005).

`from_bytes` raises Malformed; nothing else escapes, whatever the octets are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from drivers.gsm import validity as periods
from drivers.gsm.address import Address, read_service_centre
from drivers.gsm.octets import TIMESTAMP_OCTETS, Malformed, Octets, read_timestamp, write_timestamp
from drivers.gsm.userdata import UserData

if TYPE_CHECKING:
    from datetime import datetime

    from drivers.gsm.validity import Validity

MAX_PDU = 256  # octets: a service centre, 164 octets of TPDU, and room for what modems add
_DELIVER, _SUBMIT, _STATUS_REPORT = 0, 1, 2
_TYPE = 0x03
_REJECT_DUPLICATES, _MORE, _REPORT, _HEADER, _REPLY_PATH = 0x04, 0x04, 0x20, 0x40, 0x80
_PI_PID, _PI_DCS, _PI_UDL = 0x01, 0x02, 0x04
_ST_PENDING, _ST_PERMANENT, _ST_GAVE_UP, _ST_RESERVED = 0x20, 0x40, 0x60, 0x80


@dataclass(frozen=True, slots=True)
class Submit:
    """A message from here to a telephone. The modem replaces `reference`; `report` asks for a delivery report."""

    destination: Address
    user_data: UserData
    validity: Validity = None
    report: bool = False
    reject_duplicates: bool = False
    reply_path: bool = False
    reference: int = 0
    protocol_id: int = 0

    def to_bytes(self) -> bytes:
        """Return the TPDU, without a service centre."""
        first = (
            _SUBMIT
            | (_REJECT_DUPLICATES if self.reject_duplicates else 0)
            | periods.format_bits(self.validity)
            | (_REPORT if self.report else 0)
            | (_HEADER if self.user_data.header else 0)
            | (_REPLY_PATH if self.reply_path else 0)
        )
        return (
            bytes((first, self.reference))
            + self.destination.to_bytes()
            + bytes((self.protocol_id, self.user_data.scheme))
            + periods.write(self.validity)
            + self.user_data.to_bytes()
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Submit:
        """Read a TPDU."""
        octets = Octets(data)
        first, reference = octets.octet(), octets.octet()
        destination = Address.read(octets)
        protocol_id, dcs = octets.octet(), octets.octet()
        return cls(
            destination,
            validity=periods.read(octets, first),
            user_data=UserData.read(octets, dcs, has_header=bool(first & _HEADER)),
            report=bool(first & _REPORT),
            reject_duplicates=bool(first & _REJECT_DUPLICATES),
            reply_path=bool(first & _REPLY_PATH),
            reference=reference,
            protocol_id=protocol_id,
        )


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message from a telephone to here. `time` is when the service centre got it, None where that is nonsense."""

    sender: Address
    user_data: UserData
    time: datetime | None = None
    protocol_id: int = 0
    service_centre: str = ""

    def to_bytes(self) -> bytes:
        """Return the TPDU, without a service centre. An unknown time becomes zeros."""
        first = _DELIVER | _MORE | (_HEADER if self.user_data.header else 0)
        stamp = write_timestamp(self.time) if self.time is not None else bytes(TIMESTAMP_OCTETS)
        head = bytes((first,)) + self.sender.to_bytes() + bytes((self.protocol_id, self.user_data.scheme))
        return head + stamp + self.user_data.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, service_centre: str = "") -> Deliver:
        """Read a TPDU."""
        octets = Octets(data)
        first = octets.octet()
        sender = Address.read(octets)
        protocol_id, dcs = octets.octet(), octets.octet()
        time = read_timestamp(octets.take(TIMESTAMP_OCTETS))
        user_data = UserData.read(octets, dcs, has_header=bool(first & _HEADER))
        return cls(sender, user_data, time, protocol_id, service_centre)


class Fate(Enum):
    """What a delivery report says."""

    DELIVERED = "delivered"
    PENDING = "the service centre keeps trying"
    FAILED = "not delivered"


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of a message that was sent with `reference`."""

    reference: int
    recipient: Address
    status: int
    sent: datetime | None = None
    discharged: datetime | None = None

    @property
    def fate(self) -> Fate:
        """What the status means (clause 9.2.3.15); reserved values decide nothing."""
        if self.status < _ST_PENDING:
            return Fate.DELIVERED
        if self.status < _ST_PERMANENT or self.status >= _ST_RESERVED:
            return Fate.PENDING
        return Fate.FAILED

    def to_bytes(self) -> bytes:
        """Return the TPDU."""
        stamps = [write_timestamp(time) if time else bytes(TIMESTAMP_OCTETS) for time in (self.sent, self.discharged)]
        head = bytes((_STATUS_REPORT | _MORE, self.reference)) + self.recipient.to_bytes()
        return head + b"".join(stamps) + bytes((self.status,))

    @classmethod
    def from_bytes(cls, data: bytes) -> StatusReport:
        """Read a TPDU; optional fields behind the status are of no use here."""
        octets = Octets(data)
        octets.octet()
        reference = octets.octet()
        recipient = Address.read(octets)
        sent, discharged = (read_timestamp(octets.take(TIMESTAMP_OCTETS)) for _ in range(2))
        return cls(reference, recipient, octets.octet(), sent, discharged)


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """The service centre's word on a SUBMIT: `cause` says why it was refused (clause 9.2.3.22), None: taken."""

    cause: int | None = None
    time: datetime | None = None
    user_data: UserData | None = None

    @classmethod
    def from_bytes(cls, data: bytes, *, refused: bool) -> SubmitReport:
        """Read a TPDU; whether it came with an RP-ERROR is known from outside, and decides its layout."""
        octets = Octets(data)
        first = octets.octet()
        cause = octets.octet() if refused else None
        present = octets.octet()
        time = read_timestamp(octets.take(TIMESTAMP_OCTETS))
        if present & _PI_PID:
            octets.octet()
        dcs = octets.octet() if present & _PI_DCS else 0
        user_data = UserData.read(octets, dcs, has_header=bool(first & _HEADER)) if present & _PI_UDL else None
        return cls(cause, time, user_data)


Pdu = Deliver | Submit | StatusReport


def read(digits: str, length: int | None = None) -> Pdu:
    """Read what a modem shows in hexadecimal: a service centre, then the TPDU of `length` octets.

    Some modems leave the service centre out, which `length` (from the line before) tells. Raises Malformed.
    """
    try:
        data = bytes.fromhex(digits)
    except ValueError as error:
        raise Malformed("not hexadecimal") from error
    if len(data) > MAX_PDU:
        raise Malformed(f"{len(data)} octets are too many")
    octets = Octets(data)
    service_centre = "" if len(data) == length else read_service_centre(octets)
    tpdu = octets.rest()
    if not tpdu:
        raise Malformed("there is nothing in it")
    return _read_tpdu(tpdu, service_centre)


def _read_tpdu(tpdu: bytes, service_centre: str) -> Pdu:
    kind = tpdu[0] & _TYPE
    if kind == _SUBMIT:
        return Submit.from_bytes(tpdu)
    if kind == _STATUS_REPORT:
        return StatusReport.from_bytes(tpdu)
    return Deliver.from_bytes(tpdu, service_centre)
