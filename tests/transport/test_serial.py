"""Serial lines on real PTYs, with both libraries."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import termios
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown
from gatewayd.transport import ports
from gatewayd.transport.base import CLOSE_LIMIT
from gatewayd.transport.serial import DRAIN_LIMIT, OPEN_LIMIT, SerialSettings, open_serial
from gatewayd.transport.tcp import listen_tcp
from tests.transport.cores import Talker, close, plug_in

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.transport.pty import Pty


@pytest.fixture(autouse=True, params=["serial_asyncio_fast", "serial_asyncio"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test with either library: hiding the first makes the facade take the second."""
    if request.param == "serial_asyncio":
        monkeypatch.setitem(sys.modules, "serial_asyncio_fast", None)
    return str(request.param)


@pytest.fixture
def as_real_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a PTY pass for a device: it refuses what it cannot do, as cheap adapters do."""
    monkeypatch.setattr(ports, "PTY_MAJORS", ())


def modes(path: str) -> list[Any]:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        return termios.tcgetattr(fd)
    finally:
        os.close(fd)


async def test_the_chosen_library_carries_the_bytes(
    cable: Pty, device: Talker, clock: ManualClock, library: str
) -> None:
    gateway = await plug_in(cable, clock)
    below = gateway.transport.below  # type: ignore[union-attr]
    assert type(below).__module__ == library
    device.say(b"alarm\n")
    assert await gateway.hear() == [b"alarm"]
    gateway.say(b"page\n")
    assert await device.hear() == [b"page"]
    await close(gateway)


async def test_without_any_library_the_reason_is_plain(
    cable: Pty, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "serial_asyncio_fast", None)
    monkeypatch.setitem(sys.modules, "serial_asyncio", None)
    with pytest.raises(LineDown, match="neither serial_asyncio_fast nor serial_asyncio is installed"):
        await plug_in(cable, clock)
    monkeypatch.undo()
    await close(await plug_in(cable, clock))


async def test_more_than_the_kernel_takes_at_once_arrives_whole_and_in_order(
    cable: Pty, device: Talker, clock: ManualClock
) -> None:
    gateway = await plug_in(cable, clock)
    lines = [b"%06d" % number for number in range(30_000)]
    gateway.say(b"\n".join(lines) + b"\n")
    gateway.say(b"the end\n")
    assert await device.hear(30_001) == [*lines, b"the end"]
    await close(gateway)


async def test_a_second_opener_is_refused_with_the_reason(cable: Pty, device: Talker, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock)
    with pytest.raises(LineDown, match="in use by another line or program"):
        await plug_in(cable, clock)
    device.say(b"still mine\n")
    assert await gateway.hear() == [b"still mine"]
    await close(gateway)


async def test_a_port_that_is_not_exclusive_can_be_shared(cable: Pty, device: Talker, clock: ManualClock) -> None:
    first = await plug_in(cable, clock, exclusive=False)
    second = await plug_in(cable, clock, exclusive=False)
    second.say(b"hello\n")
    assert await device.hear() == [b"hello"]
    await close(first, second)


async def test_opening_again_right_after_closing_waits_for_the_port(cable: Pty, clock: ManualClock) -> None:
    for _ in range(5):
        (await plug_in(cable, clock)).close()
    await close(await plug_in(cable, clock))


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "is it plugged in"), ("file", "not a serial port"), (".", "cannot open")]
)
async def test_what_is_no_serial_device_is_refused_with_the_reason(
    tmp_path: Path, clock: ManualClock, name: str, reason: str
) -> None:
    (tmp_path / "file").write_text("text")
    adapter = Talker(clock)
    with pytest.raises(LineDown, match=reason):
        await open_serial(SerialSettings(port=str(tmp_path / name)), adapter)
    with pytest.raises(LineDown):
        await adapter.next_event()


@pytest.mark.parametrize("heard", range(5))
async def test_a_pulled_plug_is_noticed_at_any_byte_and_the_port_opens_again(
    cable: Pty, device: Talker, clock: ManualClock, heard: int
) -> None:
    gateway = await plug_in(cable, clock)
    device.say(b"FIRE\n"[:heard])
    await settle()
    cable.unplug()
    with pytest.raises(LineDown, match="hung up"):
        await asyncio.wait_for(gateway.next_event(), 5)
    with pytest.raises(LineDown):
        gateway.say(b"anybody there?\n")
    with pytest.raises(LineDown, match="plugged in"):
        await plug_in(cable, clock)
    cable.replug()
    gateway = await plug_in(cable, clock)
    device.say(b"FIRE\n")
    assert await gateway.hear() == [b"FIRE"]
    await close(gateway)


async def test_a_write_to_a_device_that_is_gone_ends_the_line_before_any_read(cable: Pty, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock)
    cable.unplug()
    gateway.say(b"page\n")
    with pytest.raises(LineDown):
        gateway.say(b"next page\n")
    with pytest.raises(LineDown, match="Input/output error"):
        await gateway.next_event()
    await gateway.wait_closed()


async def test_a_plug_pulled_while_bytes_wait_is_noticed_too(cable: Pty, device: Talker, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock)
    device.transport.pause_reading()  # type: ignore[union-attr]
    gateway.say(b"x" * 100_000)
    cable.unplug()
    with pytest.raises(LineDown):
        await asyncio.wait_for(gateway.next_event(), 5)
    await asyncio.wait_for(gateway.wait_closed(), 5)


async def test_closing_waits_for_what_was_written_to_leave(cable: Pty, device: Talker, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock)
    device.transport.pause_reading()  # type: ignore[union-attr]
    gateway.say(b"x" * 50_000 + b"\n")
    gateway.close()
    device.transport.resume_reading()  # type: ignore[union-attr]
    heard = asyncio.create_task(device.hear())
    while not heard.done():
        await clock.advance(0.005)
    assert await heard == [b"x" * 50_000]
    await clock.advance(0.05)
    await asyncio.wait_for(gateway.wait_closed(), 5)


async def test_closing_does_not_wait_longer_than_its_limit_for_a_device_that_takes_nothing(
    cable: Pty, device: Talker, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    discarded: list[str | None] = []
    monkeypatch.setattr(ports.Port, "discard", lambda port: discarded.append(port.port))
    gateway = await plug_in(cable, clock)
    device.transport.pause_reading()  # type: ignore[union-attr]
    gateway.say(b"x" * 50_000)
    gateway.close()
    await clock.advance(DRAIN_LIMIT - 0.1)
    assert not gateway._closed.is_set()
    assert not discarded
    await clock.advance(0.2)
    await asyncio.wait_for(gateway.wait_closed(), 5)
    assert discarded == [cable.path]  # what the kernel still holds would make its own close wait


async def test_a_close_that_hangs_in_the_kernel_is_over_after_its_limit(
    cable: Pty, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    if library == "serial_asyncio":
        pytest.skip("this library closes in the loop")
    release, closed = threading.Event(), ports.Port.close
    monkeypatch.setattr(ports.Port, "close", lambda port: (port.is_open and release.wait(30), closed(port)))
    gateway = await plug_in(cable, clock)
    gateway.close()
    await clock.advance(CLOSE_LIMIT - 0.1)
    assert not gateway._closed.is_set()
    await clock.advance(0.2)
    await asyncio.wait_for(gateway.wait_closed(), 5)
    release.set()


async def test_an_open_that_hangs_is_given_up_and_its_port_closed_when_it_comes(
    cable: Pty, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, release, really_open = threading.Event(), threading.Event(), ports.open_port

    def hang(settings: SerialSettings) -> ports.Opened:
        entered.set()
        release.wait(30)
        return really_open(settings)

    monkeypatch.setattr(ports, "open_port", hang)
    opening = asyncio.create_task(plug_in(cable, clock))
    await asyncio.to_thread(entered.wait, 5)
    with pytest.raises(LineDown, match="an earlier attempt still hangs"):
        await plug_in(cable, clock)
    await clock.advance(OPEN_LIMIT + 0.1)
    with pytest.raises(LineDown, match="does not answer"):
        await opening
    release.set()
    monkeypatch.undo()
    await asyncio.wait_for(opened_after_all(cable, clock), 5)


async def opened_after_all(cable: Pty, clock: ManualClock) -> None:
    """Open as soon as the late port of the hanging attempt is closed."""
    while True:
        try:
            gateway = await plug_in(cable, clock)
        except LineDown:
            await asyncio.sleep(0)
        else:
            return await close(gateway)


async def test_an_open_that_is_cancelled_leaves_the_port_free(cable: Pty, clock: ManualClock) -> None:
    for rounds in [*range(8), 20, 50, 100]:
        opening = asyncio.create_task(plug_in(cable, clock))
        await settle(rounds)
        opening.cancel()
        (result,) = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(result, Talker):
            await close(result)  # it was faster than the cancellation
        await asyncio.wait_for(opened_after_all(cable, clock), 5)


async def test_seven_bits_on_a_pty_are_plain_bytes_without_bit_7(
    cable: Pty, device: Talker, clock: ManualClock
) -> None:
    gateway = await plug_in(cable, clock, bytesize=7, parity="even")
    device.say(b"\xc1BC\n")
    assert await gateway.hear() == [b"ABC"]
    gateway.say(b"ABC\n")
    assert await device.hear() == [b"ABC"]
    assert gateway.traffic.parity_errors == 0
    await close(gateway)


async def test_software_parity_adds_and_checks_the_parity_bit(cable: Pty, device: Talker, clock: ManualClock) -> None:
    gateway = await plug_in(cable, clock, bytesize=7, parity="even", software_parity=True)
    gateway.say(b"ABC")
    gateway.say(b"\n")
    device.say(b"\xc1BC\n")
    assert await gateway.hear() == [b"ABC"]
    assert gateway.traffic.parity_errors == 2  # A has bit 7 set for nothing, C lacks it
    await settle()
    assert await device_heard(device) == b"AB\xc3"
    await close(gateway)


async def device_heard(device: Talker) -> bytes:
    return (await asyncio.wait_for(device.hear(), 5))[0]


@pytest.mark.usefixtures("as_real_device")
@pytest.mark.parametrize(
    ("character", "wire"),
    [
        ({"parity": "even"}, b"AB\xc3"),
        ({"parity": "even", "stopbits": 2}, b"AB\xc3"),
        ({"parity": "odd"}, b"\xc1\xc2C"),
        ({"parity": "none", "stopbits": 2}, b"\xc1\xc2\xc3"),
    ],
)
async def test_a_device_that_refuses_seven_bits_gets_them_in_software(
    cable: Pty, device: Talker, clock: ManualClock, character: dict[str, Any], wire: bytes
) -> None:
    gateway = await plug_in(cable, clock, bytesize=7, **character)
    device.core.receive_data = lambda data, now: device.core._events.append(data)  # type: ignore[method-assign]
    gateway.say(b"ABC")
    assert await device_heard(device) == wire
    await close(gateway)


@pytest.mark.usefixtures("as_real_device")
@pytest.mark.parametrize(
    ("character", "name"),
    [({"parity": "even"}, "8E1"), ({"bytesize": 7, "parity": "even", "flow": "xonxoff"}, "7E1")],
)
async def test_what_neither_the_device_nor_software_can_do_is_refused(
    cable: Pty, clock: ManualClock, character: dict[str, Any], name: str
) -> None:
    with pytest.raises(LineDown, match=f"does not do {name}"):
        await plug_in(cable, clock, **character)


@pytest.mark.parametrize(
    ("flow", "iflag", "cflag"),
    [
        ("none", 0, 0),
        ("rtscts", 0, termios.CRTSCTS),
        ("xonxoff", termios.IXON | termios.IXOFF, 0),
    ],
)
async def test_the_port_is_set_as_the_settings_say(
    cable: Pty, clock: ManualClock, flow: str, iflag: int, cflag: int
) -> None:
    gateway = await plug_in(cable, clock, flow=flow, baudrate=1200, stopbits=2)
    set_modes = modes(cable.path)
    assert set_modes[0] & (termios.IXON | termios.IXOFF) == iflag
    assert set_modes[2] & (termios.CRTSCTS | termios.CSTOPB | termios.HUPCL) == cflag | termios.CSTOPB
    assert set_modes[4:6] == [termios.B1200, termios.B1200]
    await close(gateway)


async def test_a_close_does_not_drop_dtr_which_would_reset_some_modems(cable: Pty, clock: ManualClock) -> None:
    fd = os.open(cable.path, os.O_RDWR | os.O_NOCTTY)
    before = termios.tcgetattr(fd)
    before[2] |= termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, before)
    gateway = await plug_in(cable, clock)
    assert not termios.tcgetattr(fd)[2] & termios.HUPCL
    os.close(fd)
    await close(gateway)


async def test_a_wake_up_without_data_is_not_taken_for_a_hang_up(cable: Pty) -> None:
    port, _ = ports.open_port(SerialSettings(port=cable.path))
    lost: list[str] = []
    port.on_loss = lost.append
    assert port.read(100) == b""
    assert lost == []
    cable.unplug()
    assert port.read(100) == b""
    assert lost == ["the device hung up"]
    port.close()


@pytest.fixture
def requests_to_kernel(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    """Note every ioctl that is made to a port, and let it have modem lines."""
    made: list[tuple[int, Any]] = []
    ioctl = fcntl.ioctl

    def note(fd: int, request: int, argument: bytes = b"") -> object:
        made.append((request, argument))
        return 0 if request == termios.TIOCMBIS else ioctl(fd, request, argument)

    monkeypatch.setattr(fcntl, "ioctl", note)
    return made


@pytest.mark.usefixtures("as_real_device")
async def test_a_real_device_gets_dtr_and_rts_and_is_locked_against_other_programs(
    cable: Pty, clock: ManualClock, requests_to_kernel: list[tuple[int, Any]]
) -> None:
    gateway = await plug_in(cable, clock)
    raised = [
        int.from_bytes(bits, sys.byteorder) for request, bits in requests_to_kernel if request == termios.TIOCMBIS
    ]
    assert raised == [termios.TIOCM_DTR, termios.TIOCM_RTS]
    assert termios.TIOCEXCL in dict(requests_to_kernel)
    await close(gateway)


TIOCGRS485, TIOCSRS485 = 0x542E, 0x542F  # linux/serial.h, as are the flags
SER_RS485_ENABLED, SER_RS485_RTS_ON_SEND, SER_RS485_RTS_AFTER_SEND = 1, 2, 4


@pytest.mark.usefixtures("as_real_device")
async def test_a_port_whose_rts_drives_a_bus_has_it_raised_by_the_kernel_while_we_send_and_never_by_us(
    cable: Pty, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, bytes]] = []
    ioctl = fcntl.ioctl

    def note(fd: int, request: int, argument: Any = b"") -> object:  # noqa: ANN401 - whatever the kernel takes
        made.append((request, bytes(argument) if not isinstance(argument, int) else b""))
        own = (TIOCGRS485, TIOCSRS485, termios.TIOCMBIS, termios.TIOCMBIC)
        return 0 if request in own else ioctl(fd, request, argument)

    monkeypatch.setattr(fcntl, "ioctl", note)
    gateway = await plug_in(cable, clock, rs485=True)
    await close(gateway)
    flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND
    asked = {int.from_bytes(data[:4], sys.byteorder) & flags for request, data in made if request == TIOCSRS485}
    assert asked == {SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND}
    raised = [int.from_bytes(data, sys.byteorder) for request, data in made if request == termios.TIOCMBIS]
    assert raised == [termios.TIOCM_DTR]


async def test_a_port_that_cannot_drive_a_bus_does_not_open_for_one(cable: Pty, clock: ManualClock) -> None:
    with pytest.raises(LineDown, match="RS485"):
        await plug_in(cable, clock, rs485=True)


async def test_a_device_server_is_reached_by_its_address(clock: ManualClock) -> None:
    server_side: list[Talker] = []

    def accept() -> Talker:
        server_side.append(Talker(clock))
        return server_side[-1]

    server = await listen_tcp("127.0.0.1", 0, accept)
    host, port = server.sockets[0].getsockname()
    plain, seven = Talker(clock), Talker(clock)
    await open_serial(SerialSettings(port=f"socket://{host}:{port}"), plain)
    await open_serial(SerialSettings(port=f"socket://{host}:{port}", bytesize=7, parity="even"), seven)
    plain.say(b"up\n")
    while len(server_side) < 2:
        await settle(1)
    assert await server_side[0].hear() == [b"up"]
    for end, heard in zip(server_side, (b"\xc1larm", b"Alarm"), strict=True):
        end.say(b"\xc1larm\n")
        assert await (plain if heard[0] > 127 else seven).hear() == [heard]
    await close(plain, seven, *server_side)
    server.close()
    with pytest.raises(LineDown, match="cannot connect"):
        await open_serial(SerialSettings(port=f"socket://{host}:{port}"), Talker(clock))
