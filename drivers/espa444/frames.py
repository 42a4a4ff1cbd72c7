"""Data blocks of ESPA 4.4.4: SOH header STX id US data [RS id US data]... ETX BCC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import xor

from drivers.espa444.charset import Charset
from gatewayd.errors import LocalProtocolError, RemoteProtocolError

SOH, STX, ETX, EOT, ENQ, ACK, NAK, RS, US = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x15, 0x1E, 0x1F

# Four times the longest text met in the field (255), which leaves room for every other record. At 1200 Bd it takes the
# 10 s after which a control station takes its line back anyway.
MAX_BLOCK = 1024


class Header(StrEnum):
    """What a block is about; other headers are carried as they come."""

    CALL = "1"
    STATUS = "2"
    STATUS_REQUEST = "3"
    SUBSCRIBER_CALL = "4"
    OTHER = "5"


class Id(StrEnum):
    """The records that the specification names; others are kept under their own id."""

    ADDRESS = "1"
    MESSAGE = "2"
    BEEP = "3"
    CALL_TYPE = "4"
    TRANSMISSIONS = "5"
    PRIORITY = "6"
    CALL_STATUS = "7"
    SYSTEM_STATUS = "8"


def bcc(content: bytes) -> int:
    """Return the check character of `content`, the bytes after SOH up to and including ETX (ISO 1155)."""
    return reduce(xor, content, 0)


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of a block. Data are strings: `1`, `01` and `001` differ."""

    id: str
    data: str


@dataclass(frozen=True, slots=True)
class Block:
    """One data block: a header and at least one record, in the order of the wire."""

    header: str
    records: tuple[Record, ...]

    @classmethod
    def of(cls, header: str, records: dict[str, str]) -> Block:
        """Build a block from a mapping of record ids to data."""
        return cls(header, tuple(Record(key, data) for key, data in records.items()))

    def get(self, record_id: str, default: str = "") -> str:
        """Return the data of the first record with this id."""
        return next((record.data for record in self.records if record.id == record_id), default)

    @classmethod
    def from_bytes(cls, content: bytes, charset: Charset = Charset.ASCII, *, raw_text: bool = False) -> Block:
        """Parse what stands between SOH and ETX, both excluded.

        Tolerates blanks round the header and the ids, and empty records (a trailing RS). With `raw_text`, a block
        without any record structure is a call whose display message is the text. Raises RemoteProtocolError.
        """
        head, stx, body = content.partition(bytes((STX,)))
        if not stx:
            raise RemoteProtocolError("a block without STX")
        if raw_text and US not in body and RS not in body and body.strip():
            return cls(_name(head) or Header.CALL, (Record(Id.MESSAGE, charset.decode(body)),))
        records = tuple(_parse_record(part, charset) for part in body.split(bytes((RS,))) if part.strip())
        if not records:
            raise RemoteProtocolError("a block without records")
        if not _name(head):
            raise RemoteProtocolError("a block without a header")
        return cls(_name(head), records)

    def to_bytes(self, charset: Charset = Charset.ASCII, *, with_bcc: bool = True) -> bytes:
        """Return the whole frame, from SOH to BCC. Raises LocalProtocolError for what no frame can carry."""
        parts = [_encode_record(record, charset) for record in self.records]
        body = _plain(self.header.encode("latin-1")) + bytes((STX,)) + bytes((RS,)).join(parts) + bytes((ETX,))
        if not parts or len(body) > MAX_BLOCK:
            raise LocalProtocolError(f"a block of {len(parts)} records and {len(body)} bytes")
        if not with_bcc:
            return bytes((SOH, *body))
        check = bcc(body)
        return bytes((SOH, *body, check & 0x7F if charset.is_seven_bit else check))


def _name(data: bytes) -> str:
    """Return a header or an id as text, without the blanks that some devices put round it."""
    return data.decode("latin-1").strip()


def _parse_record(part: bytes, charset: Charset) -> Record:
    name, us, data = part.partition(bytes((US,)))
    if not us or not _name(name):
        raise RemoteProtocolError("a record without an id")
    return Record(_name(name), charset.decode(data))


def _encode_record(record: Record, charset: Charset) -> bytes:
    return _plain(record.id.encode("latin-1")) + bytes((US,)) + _plain(charset.encode(record.data))


def _plain(data: bytes) -> bytes:
    """Refuse control codes: the protocol has no escape, so they would tear the frame apart."""
    if any(byte < 0x20 for byte in data):  # noqa: PLR2004 - the first printable code of IA5
        raise LocalProtocolError("a control code in a block")
    return data
