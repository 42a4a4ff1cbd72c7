"""Swallows the echo of a two-wire bus (RS-485): there we hear every byte that we send.

Pure: bytes and the time come in as arguments.
"""

from __future__ import annotations

MARGIN = 0.5  # seconds after its last byte was due until an echo is given up: adapters and device servers collect bytes
MISSING_LIMIT = 3  # pieces in a row of which nothing came back: what we send does not reach the bus
LONGEST_SKIP = 8  # bytes of an echo that may be lost at once; a device's answer seldom looks like what follows


class Echo:
    """Takes our own bytes out of what arrives. A byte takes `byte_time` seconds on the wire.

    While our bytes are on the wire nobody else may send, so a byte that differs is one of ours that was damaged; but
    when the very first byte differs, there is no echo and the device has answered.
    """

    def __init__(self, byte_time: float) -> None:
        self._byte_time = byte_time
        self._expected = bytearray()
        self._until = 0.0
        self._heard = False  # whether anything of the piece came back
        self.errors = 0  # bytes that came back damaged or not at all
        self.missing = 0  # pieces in a row that did not come back at all

    def sent(self, data: bytes, now: float) -> None:
        """Take note of bytes that go out."""
        self._give_up(now)
        if not self._expected:
            self._heard = False
        self._expected += data
        self._until = max(now, self._until - MARGIN) + len(data) * self._byte_time + MARGIN

    def received(self, data: bytes, now: float) -> bytes:
        """Return what of the bytes from the wire is not ours."""
        self._give_up(now)
        position = 0
        while position < len(data) and self._expected:
            if not self._swallow(data, position):
                break
            position += 1
        return data[position:]

    @property
    def is_missing(self) -> bool:
        """Whether what we send does not come back at all."""
        return self.missing >= MISSING_LIMIT

    def _swallow(self, data: bytes, position: int) -> bool:
        """Match one byte; return False when it is none of ours, and neither is what follows."""
        expected = self._expected
        place = expected.find(data[position], 0, LONGEST_SKIP)
        lost = max(place, 0)  # -1: this byte was damaged, else so many before it got lost
        if place and not self._heard and not self._goes_on(data, position + 1, lost + 1):
            self._drop()
            return False
        self.errors += abs(place)
        self._heard, self.missing = True, 0
        del expected[: lost + 1]
        return True

    def _goes_on(self, data: bytes, position: int, expected: int) -> bool:
        """Return whether the next byte is the next one of ours: then it is an echo that began badly."""
        return data[position : position + 1] == self._expected[expected : expected + 1] != b""

    def _give_up(self, now: float) -> None:
        if self._expected and now > self._until:
            self._drop()

    def _drop(self) -> None:
        self.errors += len(self._expected)
        self.missing += not self._heard
        self._expected.clear()
