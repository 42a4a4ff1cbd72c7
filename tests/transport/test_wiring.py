"""The kernel's answers about a port, with its ioctl replaced: there is no serial hardware where these run."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from gatewayd.transport.wiring import PortErrors, read_errors, read_pins

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[int, int, bytes], bytes]


def answers(monkeypatch: pytest.MonkeyPatch, request: int, answer: bytes | OSError) -> None:
    def ioctl(fd: int, asked: int, argument: bytes) -> bytes:
        assert (fd, asked) == (7, request)
        if isinstance(answer, OSError):
            raise answer
        assert len(argument) == len(answer)
        return answer

    monkeypatch.setattr(fcntl, "ioctl", ioctl)


@pytest.mark.parametrize(
    ("bits", "pins"),
    [
        (0x000, frozenset()),
        (0x100, frozenset({"dsr"})),
        (0x020, frozenset({"cts"})),
        (0x040, frozenset({"dcd"})),
        (0x080, frozenset({"ri"})),
        (0x166, frozenset({"dsr", "cts", "dcd"})),  # with DTR and RTS, which are ours
    ],
)
def test_modem_lines_are_read_from_the_bits_of_tiocmget(
    bits: int, pins: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, termios.TIOCMGET, bits.to_bytes(4, sys.byteorder))
    assert read_pins(7) == pins


def test_errors_are_read_from_their_places_in_the_counter_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    # cts dsr rng dcd rx tx frame overrun parity brk buf_overrun
    answers(monkeypatch, termios.TIOCGICOUNT, struct.pack("20i", *range(1, 12), *[0] * 9))
    assert read_errors(7) == PortErrors(framing_errors=7, overruns=8, parity_errors=9, breaks=10, buffer_overruns=11)


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EINVAL])
def test_a_port_that_knows_neither_says_so(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, termios.TIOCMGET, OSError(number, "no"))
    assert read_pins(7) is None
    answers(monkeypatch, termios.TIOCGICOUNT, OSError(number, "no"))
    assert read_errors(7) is None


def test_a_device_that_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, termios.TIOCMGET, OSError(errno.EIO, "gone"))
    with pytest.raises(OSError, match="gone"):
        read_pins(7)
    answers(monkeypatch, termios.TIOCGICOUNT, OSError(errno.EIO, "gone"))
    with pytest.raises(OSError, match="gone"):
        read_errors(7)


def test_a_real_pty_has_neither_modem_lines_nor_counters() -> None:
    ends = os.openpty()
    try:
        assert (read_pins(ends[1]), read_errors(ends[1])) == (None, None)
    finally:
        for end in ends:
            os.close(end)


def test_only_what_has_come_since_is_new() -> None:
    before, now = PortErrors(5, 1, 0, 2, 0), PortErrors(8, 1, 0, 3, 0)
    assert now.since(before) == {"framing_errors": 3, "breaks": 1}


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    assert PortErrors(2).since(PortErrors(500)) == {"framing_errors": 2}
