"""Cut the bytes of an ESPA 4.4.4 line into enquiries, answers and data blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from drivers.espa444.charset import Charset
from drivers.espa444.events import Bcc
from drivers.espa444.frames import ACK, ENQ, EOT, ETX, MAX_BLOCK, NAK, SOH, STX, bcc

if TYPE_CHECKING:
    from collections.abc import Iterator

# Addresses are one digit by the specification; names of a few letters were met in the field.
MAX_ADDRESS = 16

_MASK = bytes(code & 0x7F for code in range(256))
_BLOCK_ENDS = re.compile(rb"[\x01\x03\x04]")  # SOH begins anew, ETX ends, EOT breaks off
_FIRST_PRINTABLE = 0x20
_IDLE_LINE = (0x7F, 0xFF)  # what a receiver reads when a two-wire driver lets go of the line


@dataclass(frozen=True, slots=True)
class Enquiry:
    """`<address> ENQ`: a poll or a select, depending on what came before. The address may be empty."""

    address: str


@dataclass(frozen=True, slots=True)
class Ack:
    """ACK."""


@dataclass(frozen=True, slots=True)
class Nak:
    """NAK and its prefix: `1` transmission error, `2` busy, `3` invalid message, or empty."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Eot:
    """EOT: the control station has the line."""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """What stood between SOH and ETX; not `good` when its start was lost, it was too long, or the BCC is wrong."""

    content: bytes
    good: bool


Token = Enquiry | Ack | Nak | Eot | RawBlock


class _State(Enum):
    OUTSIDE = auto()
    BLOCK = auto()
    BCC = auto()


class Framer:
    """The tokens in a stream of bytes. Its memory is bounded; whatever arrives, a later EOT or SOH finds it ready.

    `noise` counts bytes that belong to nothing.
    """

    def __init__(self, charset: Charset = Charset.ASCII, check: Bcc = Bcc.STRICT) -> None:
        self._mask = _MASK if charset.is_seven_bit else None
        self._check = check
        self._state = _State.OUTSIDE
        self._block = bytearray()
        self._good = True
        self._prefix = ""
        self.noise = 0

    @property
    def in_block(self) -> bool:
        """Whether a block has begun and not ended."""
        return self._state is not _State.OUTSIDE

    @property
    def in_good_block(self) -> bool:
        """Whether a block has begun that can still become a good one."""
        return self.in_block and self._good

    def abandon(self) -> None:
        """Forget a block that stopped half-way, and whatever stood before it."""
        self.noise += len(self._block)
        self._leave_block()

    def forget_prefix(self) -> None:
        """Forget characters that were followed by no control code: the line was turned round since."""
        self._prefix = ""

    def feed(self, data: bytes) -> Iterator[Token]:
        """Take bytes and yield the tokens that they complete."""
        if self._mask is not None:
            data = data.translate(self._mask)
        position = 0
        while position < len(data):
            if self._state is _State.BLOCK:
                position, token = self._read_block(data, position)
            elif self._state is _State.BCC:
                position, token = position + 1, self._read_bcc(data[position])
            else:
                position, token = position + 1, self._read_outside(data[position])
            if token is not None:
                yield token

    def _read_outside(self, byte: int) -> Token | None:
        if byte >= _FIRST_PRINTABLE:
            self._read_prefix(byte)
            return None
        prefix, self._prefix = self._prefix.strip(), ""
        if byte == ENQ:
            return Enquiry(prefix)
        if byte == NAK:
            return Nak(prefix[-1:])
        if byte == ACK:
            return Ack()
        if byte == EOT:
            return Eot()
        self._enter_block(byte)
        return None

    def _read_prefix(self, byte: int) -> None:
        if byte in _IDLE_LINE:
            self.noise += 1
            return
        if len(self._prefix) >= MAX_ADDRESS:
            self.noise += 1
        self._prefix = (self._prefix + chr(byte))[-MAX_ADDRESS:]

    def _enter_block(self, byte: int) -> None:
        """Begin a block. One whose SOH was lost is followed to its BCC, which could be mistaken for a control code."""
        if byte in (SOH, STX):
            self._state = _State.BLOCK
            self._good = byte == SOH
        elif byte == ETX and self._check is not Bcc.NONE:
            self._state, self._good = _State.BCC, False
        else:
            self.noise += 1

    def _read_block(self, data: bytes, position: int) -> tuple[int, Token | None]:
        end = _BLOCK_ENDS.search(data, position)
        stop = end.start() if end else len(data)
        self._store(data[position:stop])
        if end is None:
            return stop, None
        code = data[stop]
        if code == ETX and self._check is Bcc.NONE:
            return stop + 1, self._end_block(good=self._good)
        if code == ETX:
            self._state = _State.BCC
            return stop + 1, None
        self.abandon()
        return stop + 1, self._read_outside(code)

    def _store(self, piece: bytes) -> None:
        room = MAX_BLOCK - len(self._block)
        if len(piece) > room:
            self.noise += len(piece) - room
            self._good = False
        self._block += piece[:room]

    def _read_bcc(self, byte: int) -> Token:
        """Take the one byte after ETX blindly: it may equal any control code."""
        overlooked = self._check is Bcc.IGNORE
        return self._end_block(good=self._good and (overlooked or self._matches(byte, bytes(self._block))))

    def _end_block(self, *, good: bool) -> Token:
        content = bytes(self._block)
        self._leave_block()
        return RawBlock(content, good)

    def _matches(self, received: int, content: bytes) -> bool:
        """Compare; a sender of eight-bit characters may still clear bit 7 of the BCC."""
        expected = bcc(content) ^ ETX
        return received in (expected, expected & 0x7F)

    def _leave_block(self) -> None:
        self._block.clear()
        self._prefix = ""
        self._good = True
        self._state = _State.OUTSIDE
