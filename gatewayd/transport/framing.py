"""Seven-bit bytes on an eight-bit wire: the parity bit made and checked by us.

A character of 7 data bits with even or odd parity looks on the wire like 8 data bits without: bit 7 is the parity bit.
So a port that can do 8N1 only (a PTY, a plain device server, some adapters) can still serve a 7E1 device.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayd.transport.settings import SerialSettings

SEVEN = 7  # data bits


class Parity(Enum):
    """What bit 7 of a seven-bit byte is on the wire."""

    EVEN = "even"  # makes the number of ones even
    ODD = "odd"  # makes it odd
    MARK = "mark"  # always one: a 7N1 receiver takes it for a stop bit
    IGNORED = "ignored"  # sent as zero, not looked at


def _bit_7(value: int, parity: Parity) -> int:
    odd_ones = value.bit_count() % 2
    return {Parity.EVEN: odd_ones, Parity.ODD: 1 - odd_ones, Parity.MARK: 1, Parity.IGNORED: 0}[parity] << 7


STRIP = bytes(byte & 0x7F for byte in range(256))


class SevenBits:
    """Adds and strips bit 7. A byte with the wrong parity is counted and passed on: the protocol has its checksums."""

    def __init__(self, parity: Parity) -> None:
        self.errors = 0
        self._add = bytes(low | _bit_7(low, parity) for low in STRIP)
        checked = parity in {Parity.EVEN, Parity.ODD}
        self._wrong = bytes(byte for byte in range(256) if byte != self._add[byte]) if checked else b""

    def encode(self, data: bytes) -> bytes:
        """Return what goes on the wire for `data`; a bit 7 in it is lost, as it would be on a seven-bit port."""
        return data.translate(self._add)

    def decode(self, data: bytes) -> bytes:
        """Return the seven-bit bytes of what came from the wire."""
        if self._wrong:
            self.errors += len(data) - len(data.translate(None, self._wrong))
        return data.translate(STRIP)


def software_framing(settings: SerialSettings, *, forced: bool) -> SevenBits | None:
    """Return the framing for an eight-bit wire, or None when the bytes are eight bits anyway.

    `forced`: the other end of the wire is a real seven-bit port. Otherwise it is a program (a PTY, a device server that
    frames by itself), and bit 7 is merely ignored unless the settings ask for more.
    """
    if settings.bytesize != SEVEN:
        return None
    if not forced and not settings.software_parity:
        return SevenBits(Parity.IGNORED)
    return SevenBits(Parity.MARK if settings.parity == "none" else Parity(settings.parity))
