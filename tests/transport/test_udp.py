"""UDP on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.clock import settle
from gatewayd.errors import LineDown
from gatewayd.transport.base import EVENTS_HIGH
from gatewayd.transport.capture import CURRENT, Recorder
from gatewayd.transport.datagrams import _readable
from gatewayd.transport.udp import BATCH, _waiting, open_udp
from tests.transport.cores import Sender

if TYPE_CHECKING:
    from gatewayd.clock import ManualClock


async def close(*adapters: Sender) -> None:
    for adapter in adapters:
        adapter.close()
        await asyncio.wait_for(adapter.wait_closed(), 5)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_datagrams_go_both_ways_and_carry_their_source(clock: ManualClock, host: str) -> None:
    left, right = Sender(clock), Sender(clock)
    here, there = await open_udp(host, 0, left), await open_udp(host, 0, right)
    left.say(b"one", there)
    assert await right.next_event() == (b"one", here)
    right.say(b"two", here)
    assert await left.next_event() == (b"two", there)
    await close(left, right)


async def test_a_burst_fits_into_the_kernel_while_the_loop_is_busy(clock: ManualClock) -> None:
    adapter = Sender(clock)
    target = await open_udp("127.0.0.1", 0, adapter)
    assert adapter.transport is not None
    size = adapter.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        default = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert size >= default
        for number in range(50):
            plain.sendto(b"%d" % number, target)
    assert [(await adapter.next_event())[0] for _ in range(50)] == [b"%d" % number for number in range(50)]
    await close(adapter)


async def test_what_arrived_together_is_taken_in_one_turn_of_the_loop_but_not_without_end(clock: ManualClock) -> None:
    if not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        pytest.skip("this event loop reads many by itself")
    adapter = Sender(clock)
    target = await open_udp("127.0.0.1", 0, adapter)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for number in range(BATCH + 10):
            plain.sendto(b"%d" % number, target)
    assert (await adapter.next_event())[0] == b"0"
    assert len(adapter._events) == BATCH - 1
    assert [(await adapter.next_event())[0] for _ in range(BATCH + 9)][-1] == b"%d" % (BATCH + 9)
    await close(adapter)


async def test_an_error_of_the_socket_is_left_to_the_loop() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    assert list(_waiting(sock)) == []


async def test_an_address_that_is_not_ours_or_taken_is_line_down(clock: ManualClock) -> None:
    adapter = Sender(clock)
    host, port = await open_udp("127.0.0.1", 0, adapter)
    for wrong in ((host, port), ("192.0.2.1", 0), (host, 70_000)):
        with pytest.raises(LineDown, match="cannot open udp:"):
            await open_udp(*wrong, Sender(clock))
    await close(adapter)


async def test_a_datagram_after_the_end_raises(clock: ManualClock) -> None:
    adapter = Sender(clock)
    target = await open_udp("127.0.0.1", 0, adapter)
    await close(adapter)
    with pytest.raises(LineDown, match="socket closed"):
        adapter.say(b"late", target)


@pytest.mark.parametrize("target", [("example.invalid", 5060), ("127.0.0.1", 0), ("127.0.0.1", 70_000), ("", 5060)])
async def test_a_target_that_cannot_be_sent_to_costs_its_datagram_and_not_the_line(
    clock: ManualClock, target: tuple[str, int]
) -> None:
    adapter = Sender(clock)
    here = await open_udp("127.0.0.1", 0, adapter)
    adapter.say(b"nowhere", target)
    assert adapter.traffic.dropped == 1
    adapter.say(b"here", here)
    assert await adapter.next_event() == (b"here", here)
    await close(adapter)


async def test_nobody_listening_there_is_left_to_the_timers_of_the_core(clock: ManualClock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        target = nobody.getsockname()
    adapter = Sender(clock)
    here = await open_udp("127.0.0.1", 0, adapter)
    for data in (b"hello?", b"hello??", b"x" * 70_000):
        adapter.say(data, target)
        await settle()
    adapter.say(b"still fine", here)
    assert await adapter.next_event() == (b"still fine", here)
    await close(adapter)


async def test_a_driver_that_is_behind_drops_what_comes_and_counts_it(clock: ManualClock) -> None:
    adapter = Sender(clock)
    for number in range(EVENTS_HIGH + 7):
        adapter.datagram_received(b"%d" % number, ("127.0.0.1", 1))
    assert (len(adapter._events), adapter.traffic.dropped) == (EVENTS_HIGH, 7)
    assert (await adapter.next_event())[0] == b"0"
    adapter.datagram_received(b"again", ("127.0.0.1", 1))
    assert adapter._events[-1][0] == b"again"


async def test_the_trace_sees_every_datagram(clock: ManualClock) -> None:
    seen: list[Any] = []
    adapter = Sender(clock, lambda way, data, address: seen.append((way, data, address)))
    here = await open_udp("127.0.0.1", 0, adapter)
    adapter.say(b"hello", here)
    await adapter.next_event()
    assert seen == [("out", b"hello", here), ("in", b"hello", here)]
    assert (adapter.traffic.bytes_out, adapter.traffic.bytes_in) == (5, 5)
    await close(adapter)


async def test_a_core_that_raises_loses_the_socket(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    adapter = Sender(clock)
    here = await open_udp("127.0.0.1", 0, adapter)

    def fail(data: bytes, source: object, now: float) -> None:
        raise ZeroDivisionError("a defect")

    adapter.core.receive_datagram = fail  # type: ignore[method-assign]
    adapter.say(b"hello", here)
    with pytest.raises(LineDown, match="ZeroDivisionError"):
        await asyncio.wait_for(adapter.next_event(), 5)
    assert "a protocol failed" in caplog.text
    await asyncio.wait_for(adapter.wait_closed(), 5)


def test_a_link_local_address_keeps_its_scope() -> None:
    assert _readable(("fe80::1", 5060, 0, 3)) == ("fe80::1%3", 5060)
    assert _readable(("2001:db8::1", 5060, 0, 0)) == ("2001:db8::1", 5060)
    assert _readable(("10.0.0.1", 5060)) == ("10.0.0.1", 5060)


async def test_a_datagram_that_is_dropped_is_a_statistic_of_the_line(clock: ManualClock) -> None:
    recorder = Recorder(clock)
    token = CURRENT.set(recorder)
    sender = Sender(clock)
    CURRENT.reset(token)
    await open_udp("127.0.0.1", 0, sender)
    sender.say(b"hello", ("no-address", 5060))
    assert recorder.tallies == {"dropped_datagrams": 1}
    sender.close()
    await sender.wait_closed()
