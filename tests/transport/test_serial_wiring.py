"""What goes on beside the bytes of a serial line, on real PTYs: flow control, echoes, modem lines, by-id paths.

PTYs have no modem lines and no error counters; where a test needs them, the kernel's answers are replaced.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown
from gatewayd.transport import ports
from gatewayd.transport.capture import CURRENT, Recorder
from gatewayd.transport.pty import Pty, open_pty
from gatewayd.transport.serial import SerialSettings, open_serial
from gatewayd.transport.tcp import listen_tcp
from gatewayd.transport.wiring import PortErrors
from tests.transport.cores import Talker, close, plug_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

XON, XOFF = b"\x11", b"\x13"


@pytest.fixture
def recorder(clock: ManualClock) -> Iterator[Recorder]:
    """Be the line in whose context the ports of a test are opened."""
    made = Recorder(clock)
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give every port modem lines; the test moves them."""
    on = {"dsr", "cts", "dcd"}
    monkeypatch.setattr(ports, "read_pins", lambda _fd: frozenset(on))
    return on


# --- flow control -----------------------------------------------------------------------------------------------------


async def test_xoff_holds_our_bytes_back_and_xon_lets_them_go(cable: Pty, device: Talker, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock, flow="xonxoff")
    device.say(b"wait\n" + XOFF + b"!\n")
    assert await asyncio.wait_for(gateway.hear(2), 5) == [b"wait", b"!"]  # the kernel takes XOFF out, and obeys
    gateway.say(b"page\n")
    assert gateway.transport.get_write_buffer_size() == 5  # type: ignore[union-attr]
    device.say(XON)
    assert await asyncio.wait_for(device.hear(), 5) == [b"page"]
    await clock.advance(60)
    assert gateway.lost is None
    await close(gateway)


async def test_xoff_for_longer_than_the_limit_is_a_fault_with_its_reason(
    cable: Pty, device: Talker, clock: ManualClock
) -> None:
    gateway = await plug_in(cable, clock, flow="xonxoff", hold_limit=10)
    device.say(XOFF + b"!\n")
    await asyncio.wait_for(gateway.hear(), 5)
    gateway.say(b"page\n")
    await clock.advance(15)
    with pytest.raises(LineDown, match=r"taken nothing for 1\d s \(flow control: it has sent XOFF"):
        await gateway.next_event()
    await asyncio.wait_for(gateway.wait_closed(), 5)


async def test_a_device_that_reads_nothing_is_a_fault_without_flow_control_too(
    cable: Pty, device: Talker, clock: ManualClock
) -> None:
    gateway = await plug_in(cable, clock)
    device.transport.pause_reading()  # type: ignore[union-attr]
    gateway.say(b"x" * 100_000)
    await clock.advance(300)  # a hundred seconds of it is wire time
    with pytest.raises(LineDown, match="nothing leaves the port"):
        await gateway.next_event()
    await asyncio.wait_for(gateway.wait_closed(), 5)


# --- modem lines ------------------------------------------------------------------------------------------------------


async def test_a_device_that_is_switched_off_takes_the_line_down(
    cable: Pty, clock: ManualClock, pins: set[str]
) -> None:
    gateway = await plug_in(cable, clock, watch=["dsr"])
    await clock.advance(5)
    assert gateway.lost is None
    pins.discard("dsr")
    await clock.advance(5)
    with pytest.raises(LineDown, match="DSR is off: is the device switched on"):
        await gateway.next_event()
    await asyncio.wait_for(gateway.wait_closed(), 5)


async def test_the_line_does_not_open_before_the_device_is_switched_on(
    cable: Pty, clock: ManualClock, pins: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "PIN_WAIT", 0.0)
    pins.clear()
    with pytest.raises(LineDown, match="DSR and CTS are off"):
        await plug_in(cable, clock, watch=["dsr", "cts"])
    pins |= {"dsr", "cts"}
    await close(await plug_in(cable, clock, watch=["dsr", "cts"]))


async def test_a_device_may_take_a_moment_to_answer_our_dtr(
    cable: Pty, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([frozenset[str](), frozenset[str](), frozenset({"dsr"})])
    monkeypatch.setattr(ports, "read_pins", lambda _fd: next(answers, frozenset({"dsr"})))
    await close(await plug_in(cable, clock, watch=["dsr"]))


async def test_a_port_without_modem_lines_cannot_be_watched_and_says_so(cable: Pty, clock: ManualClock) -> None:
    with pytest.raises(LineDown, match="it has no modem lines that could be watched"):
        await plug_in(cable, clock, watch=["dsr"])
    await close(await plug_in(cable, clock))


RAISE, DROP = termios.TIOCMBIS, termios.TIOCMBIC
DTR, RTS = termios.TIOCM_DTR, termios.TIOCM_RTS


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note how DTR and RTS are moved, as (RAISE or DROP, DTR or RTS)."""
    made: list[tuple[int, int]] = []
    ioctl = fcntl.ioctl

    def note(fd: int, request: int, argument: bytes = b"") -> object:
        if request not in {RAISE, DROP}:
            return ioctl(fd, request, argument)
        made.append((request, int.from_bytes(argument, sys.byteorder)))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", note)
    return made


@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        ({}, {(RAISE, DTR), (RAISE, RTS)}),
        ({"dtr": False}, {(DROP, DTR), (RAISE, RTS)}),
        ({"rts": False}, {(RAISE, DTR), (DROP, RTS)}),
        ({"flow": "rtscts"}, {(RAISE, DTR)}),  # RTS is the kernel's
    ],
)
async def test_dtr_and_rts_are_held_as_the_settings_say_and_a_close_moves_neither(
    cable: Pty, clock: ManualClock, moves: list[tuple[int, int]], settings: dict[str, Any], moved: set[tuple[int, int]]
) -> None:
    gateway = await plug_in(cable, clock, **settings)
    assert set(moves) == moved
    moves.clear()
    await close(gateway)
    assert moves == []


async def test_the_modem_lines_of_the_open_port_can_be_asked_for_at_any_time(
    cable: Pty, clock: ManualClock, pins: set[str], recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorder.pins() is None
    gateway = await plug_in(cable, clock)
    assert recorder.pins() == frozenset({"dsr", "cts", "dcd"})
    pins.discard("cts")
    assert recorder.pins() == frozenset({"dsr", "dcd"})

    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(ports, "read_pins", fail)
    assert recorder.pins() is None
    await close(gateway)
    assert recorder.ask_pins is None


# --- statistics -------------------------------------------------------------------------------------------------------


async def test_errors_that_the_kernel_counts_are_statistics_of_the_line(
    cable: Pty, device: Talker, clock: ManualClock, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [PortErrors(framing_errors=7)]
    monkeypatch.setattr(ports, "read_errors", lambda _fd: counted[-1])
    gateway = await plug_in(cable, clock)
    counted.append(PortErrors(framing_errors=9, breaks=1))
    device.say(b"noise\n")
    await gateway.hear()
    await clock.advance(1)
    assert {"framing_errors": 2, "breaks": 1}.items() <= recorder.tallies.items()
    await close(gateway)


async def test_wrong_parity_in_software_is_a_statistic_of_the_line(
    cable: Pty, device: Talker, clock: ManualClock, recorder: Recorder
) -> None:
    gateway = await plug_in(cable, clock, bytesize=7, parity="even", software_parity=True)
    for text in (b"\xc1BC\n", b"\xc1BC\n"):
        device.say(text)
        await gateway.hear()
    assert recorder.tallies["parity_errors"] == 4
    await close(gateway)


async def test_bytes_are_counted_in_both_directions(
    cable: Pty, device: Talker, clock: ManualClock, recorder: Recorder
) -> None:
    gateway = await plug_in(cable, clock)
    gateway.say(b"page\n")
    device.say(b"ok\n")
    await gateway.hear()
    assert (recorder.tallies["bytes_out"], recorder.tallies["bytes_in"]) == (5, 3)
    await close(gateway)


@pytest.mark.parametrize(("parity", "wire"), [("even", b"AB\xc3\n"), ("odd", b"\xc1\xc2C\x8a")])
async def test_a_device_server_that_knows_eight_bits_only_gets_seven_and_parity_from_us(
    clock: ManualClock, recorder: Recorder, parity: str, wire: bytes
) -> None:
    made: list[Talker] = []

    def accept() -> Talker:
        made.append(Talker(clock))
        return made[-1]

    server = await listen_tcp("127.0.0.1", 0, accept)
    host, port = server.sockets[0].getsockname()
    settings = {"port": f"socket://{host}:{port}", "bytesize": 7, "parity": parity, "software_parity": True}
    gateway = Talker(clock)
    await open_serial(SerialSettings.model_validate(settings), gateway)
    while not made:
        await settle(1)
    made[0].say(wire)
    assert await asyncio.wait_for(gateway.hear(), 5) == [b"ABC"]
    assert recorder.tallies["parity_errors"] == 0
    made[0].core.receive_data = lambda data, now: made[0].core._events.append(data)  # type: ignore[method-assign]
    gateway.say(b"ABC\n")
    assert await asyncio.wait_for(made[0].hear(), 5) == [wire]
    await close(gateway, *made)
    server.close()


# --- two-wire buses ---------------------------------------------------------------------------------------------------


class Bus(Talker):
    """A device on a two-wire bus: whatever is sent comes back before the device can answer."""

    echoes = True
    answer = b""

    def data_received(self, data: bytes) -> None:
        if self.echoes and self.transport is not None:
            self.transport.write(data)
            if data[-1] & 0x7F == ord("\n"):
                self.transport.write(self.answer)
        super().data_received(data)


@pytest.fixture
async def bus(clock: ManualClock, tmp_path: Path) -> AsyncIterator[tuple[Bus, Pty]]:
    made = Bus(clock)
    pty = open_pty(made, tmp_path / "bus")
    yield made, pty
    pty.close()
    await made.wait_closed()


@pytest.mark.parametrize("settings", [{}, {"bytesize": 7, "parity": "odd", "software_parity": True}])
async def test_our_echo_on_a_two_wire_bus_is_swallowed(
    bus: tuple[Bus, Pty], clock: ManualClock, recorder: Recorder, settings: dict[str, Any]
) -> None:
    device, pty = bus
    device.answer = b"\xc1nswer\n" if settings else b"Answer\n"
    gateway = await plug_in(pty, clock, echo=True, **settings)
    for number in range(5):
        gateway.say(b"poll %d\n" % number)
        assert await asyncio.wait_for(gateway.hear(), 5) == [b"Answer"]
    assert recorder.tallies["echo_errors"] == 0
    assert gateway.traffic.bytes_in == 5 * len(b"Answer\n")
    await close(gateway)


async def test_a_bus_from_which_nothing_comes_back_is_a_fault(
    bus: tuple[Bus, Pty], clock: ManualClock, recorder: Recorder
) -> None:
    device, pty = bus
    device.echoes = False
    gateway = await plug_in(pty, clock, echo=True)
    for _ in range(4):
        gateway.say(b"poll\n")
        await clock.advance(2)
    with pytest.raises(LineDown, match="nothing of what we send comes back"):
        await gateway.next_event()
    assert recorder.tallies["echo_errors"] == 15
    await asyncio.wait_for(gateway.wait_closed(), 5)


async def test_the_echo_of_a_bus_behind_a_device_server_is_swallowed_too(clock: ManualClock) -> None:
    made: list[Bus] = []

    def accept() -> Bus:
        made.append(Bus(clock))
        return made[-1]

    server = await listen_tcp("127.0.0.1", 0, accept)
    host, port = server.sockets[0].getsockname()
    gateway = Talker(clock)
    await open_serial(SerialSettings(port=f"socket://{host}:{port}", echo=True), gateway)
    gateway.say(b"poll\n")
    while not made:
        await settle(1)
    assert await asyncio.wait_for(made[0].hear(), 5) == [b"poll"]
    made[0].say(b"answer\n")
    assert await asyncio.wait_for(gateway.hear(), 5) == [b"answer"]
    await close(gateway, *made)
    server.close()


# --- by-id paths ------------------------------------------------------------------------------------------------------


async def test_a_path_by_id_is_followed_to_whatever_port_the_device_is_plugged_into(
    device: Talker, clock: ManualClock, tmp_path: Path
) -> None:
    by_id = tmp_path / "usb-FTDI_FT232R_A1B2C3-if00-port0"
    first = open_pty(device, by_id)
    gateway = await plug_in(first, clock)
    node = await asyncio.to_thread(by_id.resolve)
    held = os.open(node, os.O_RDWR | os.O_NOCTTY)  # its number is taken as long as anybody has it open
    first.unplug()
    with pytest.raises(LineDown):
        await asyncio.wait_for(gateway.next_event(), 5)
    await asyncio.wait_for(gateway.wait_closed(), 5)
    first.replug()
    assert await asyncio.to_thread(by_id.resolve) != node
    gateway = await plug_in(first, clock)
    device.say(b"FIRE\n")
    assert await asyncio.wait_for(gateway.hear(), 5) == [b"FIRE"]
    os.close(held)
    await close(gateway)
    first.close()


async def test_two_paths_to_one_device_are_one_port(cable: Pty, clock: ManualClock, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(cable.path)
    gateway = await plug_in(cable, clock)
    with pytest.raises(LineDown, match="in use by another line"):
        await open_serial(SerialSettings(port=str(alias)), Talker(clock))
    await close(gateway)


async def test_a_port_that_is_just_closing_is_waited_for_under_whatever_path(
    cable: Pty, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias, really_open = tmp_path / "alias", ports.open_port
    alias.symlink_to(cable.path)
    gateway = await plug_in(cable, clock)
    free: list[bool] = []

    def note(settings: SerialSettings) -> ports.Opened:
        free.append(gateway._closed.is_set())
        return really_open(settings)

    monkeypatch.setattr(ports, "open_port", note)
    gateway.close()
    again = Talker(clock)
    await open_serial(SerialSettings(port=str(alias)), again)
    assert free == [True]
    await close(again)


def test_a_lost_device_is_told_in_the_words_of_the_system() -> None:
    assert ports.reason_of(OSError(errno.EACCES, "Permission denied")).startswith("permission denied; is the service")
