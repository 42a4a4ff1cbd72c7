"""The loop that runs a core: events, bytes, timers, and every way in which a connection ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown
from gatewayd.transport.adapter import MAX_UNSENT
from gatewayd.transport.base import CLOSE_LIMIT, EVENTS_HIGH, MAX_EVENTS
from gatewayd.transport.memory import MemoryTransport, Wire, connect
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import Callable


class StuckTransport(MemoryTransport):
    """A transport whose device never finishes to close."""

    waiting = 0
    aborted = False

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.waiting


def stuck(adapter: Talker) -> StuckTransport:
    transport = StuckTransport(adapter.clock, Wire())
    transport.attach(adapter, transport)
    adapter.connection_made(transport)
    return transport


@pytest.fixture
def pair(clock: ManualClock) -> tuple[Talker, Talker, MemoryTransport]:
    left, right = Talker(clock), Talker(clock)
    wire, _ = connect(left, right, clock)
    return left, right, wire


Pair = tuple[Talker, Talker, MemoryTransport]


async def test_events_come_in_order_and_all_of_them_before_the_loss(pair: Pair) -> None:
    left, right, _ = pair
    left.say(b"one\ntwo\n")
    left.say(b"three\n")
    left.close()
    assert await right.hear(3) == [b"one", b"two", b"three"]
    with pytest.raises(LineDown, match="closed by the other end"):
        await right.next_event()
    with pytest.raises(LineDown):
        await right.next_event()


async def test_events_end_with_the_reason_of_the_loss(pair: Pair) -> None:
    left, right, wire = pair
    left.say(b"one\n")
    await settle()
    wire.cut(OSError("cable pulled"))
    events = right.events()
    assert await anext(events) == b"one"
    with pytest.raises(LineDown, match="cable pulled"):
        await anext(events)


async def test_whoever_waits_for_an_event_is_told_of_the_loss(pair: Pair) -> None:
    left, right, wire = pair
    waiting = [asyncio.create_task(end.next_event()) for end in (left, right, right)]
    await settle()
    wire.cut(None)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [LineDown] * 3


async def test_a_write_after_the_loss_raises(pair: Pair) -> None:
    left, _, wire = pair
    wire.cut(None)
    await settle()
    with pytest.raises(LineDown):
        left.say(b"nobody hears this")


async def test_a_write_raises_when_the_transport_is_closing_but_has_not_said_so(pair: Pair) -> None:
    left, _, wire = pair
    wire.cut(None)
    with pytest.raises(LineDown, match="closing"):
        left.say(b"nobody hears this")


async def test_a_flush_after_the_loss_with_nothing_to_send_is_harmless(pair: Pair) -> None:
    left, _, wire = pair
    wire.cut(None)
    await settle()
    left.flush()
    assert left.lost is not None


async def test_what_the_core_wants_to_say_before_the_connection_goes_out_first(clock: ManualClock) -> None:
    left, right = Talker(clock), Talker(clock)
    left.say(b"hello\n")
    connect(left, right, clock)
    assert await right.hear() == [b"hello"]


async def test_a_core_that_raises_loses_the_line_and_says_so(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    left, right, _ = pair
    left.say(b"fine\nboom\n")
    with pytest.raises(LineDown, match="internal error in the protocol: ZeroDivisionError"):
        await right.next_event()
    assert "a protocol failed" in caplog.text
    with pytest.raises(LineDown):
        await left.next_event()


async def test_a_core_that_raises_in_its_timer_loses_the_line(pair: Pair, clock: ManualClock) -> None:
    left, _, _ = pair

    def fail(now: float) -> None:
        raise KeyError("a defect")

    left.core.handle_timer = fail  # type: ignore[method-assign]
    left.core.wake_at = clock.now() + 1
    left.flush()
    await clock.advance(1)
    assert "KeyError" in str(left.lost)


async def test_a_core_that_raises_while_the_driver_flushes_raises_line_down(pair: Pair) -> None:
    left, _, _ = pair

    def fail() -> bytes:
        raise KeyError("a defect")

    left.core.data_to_send = fail  # type: ignore[method-assign]
    with pytest.raises(LineDown, match="KeyError"):
        left.flush()


async def test_the_timer_rings_when_it_is_due(pair: Pair, clock: ManualClock) -> None:
    left, _, _ = pair
    due = left.core.wake_at = clock.now() + 10
    left.flush()
    await clock.advance(9.9)
    assert left.core.woken == []
    await clock.advance(0.2)
    assert left.core.woken == [due]


async def test_a_timer_that_moved_or_was_withdrawn_does_not_ring(pair: Pair, clock: ManualClock) -> None:
    left, _, _ = pair
    start = clock.now()
    for due in (start + 10, start + 20, None):
        left.core.wake_at = due
        left.flush()
    await clock.advance(30)
    assert left.core.woken == []
    assert clock.next_due() is None


async def test_a_deadline_that_is_put_off_again_and_again_costs_the_loop_one_timer(
    pair: Pair, clock: ManualClock
) -> None:
    left, _, _ = pair
    start = clock.now()
    for put_off in range(100):
        left.core.wake_at = start + 10 + put_off
        left.flush()
    assert len(clock._timers) == 1
    await clock.advance(108)
    assert left.core.woken == []
    await clock.advance(2)
    assert left.core.woken == [start + 109]


async def test_a_deadline_that_comes_forward_rings_when_it_is_due(pair: Pair, clock: ManualClock) -> None:
    left, _, _ = pair
    start = clock.now()
    for due in (start + 20, start + 10):
        left.core.wake_at = due
        left.flush()
    await clock.advance(11)
    assert left.core.woken == [start + 10]


async def test_no_timer_rings_after_the_connection_is_lost_or_closed(clock: ManualClock) -> None:
    for end in (Talker.close, Talker.abort):
        left, right = Talker(clock), Talker(clock)
        connect(left, right, clock)
        left.core.wake_at = clock.now() + 10
        left.flush()
        end(left)
        await clock.advance(20)
        assert left.core.woken == []


async def test_a_deadline_that_does_not_move_does_not_spin_the_loop(pair: Pair, clock: ManualClock) -> None:
    left, _, _ = pair
    left.core.stubborn = True
    left.core.wake_at = clock.now()
    left.flush()
    await clock.advance(0.05)
    assert 10 <= len(left.core.woken) <= 51


async def test_the_core_sees_its_deadline_as_passed_even_when_the_loop_wakes_early(clock: ManualClock) -> None:
    class EarlyClock(ManualClock):
        def now(self) -> float:
            return self.time - 2e-7

    early = EarlyClock()
    left, right = Talker(early), Talker(early)
    connect(left, right, early)
    left.core.wake_at = early.time + 1
    left.flush()
    await early.advance(1)
    assert len(left.core.woken) == 1


async def test_a_core_that_runs_away_is_stopped(pair: Pair) -> None:
    left, _, _ = pair
    left.core.next_event = lambda: b"again"  # type: ignore[method-assign]
    with pytest.raises(LineDown, match="too many events"):
        left.flush()
    assert len(left._events) == MAX_EVENTS + 1


async def test_a_driver_that_is_behind_makes_the_other_end_wait_and_loses_nothing(pair: Pair) -> None:
    left, right, wire = pair
    lines = [b"%d" % number for number in range(3 * EVENTS_HIGH)]
    for line in lines:
        left.say(line + b"\n")
    await settle()
    assert len(right._events) == EVENTS_HIGH
    assert await right.hear(len(lines)) == lines
    assert not wire.is_closing()


@settings(max_examples=60, deadline=None)
@given(
    text=st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line and line != b"boom"), max_size=20),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    chunk=st.integers(0, 5),
    delay=st.sampled_from([0.0, 0.5]),
)
def test_any_chunking_gives_the_same_events(text: list[bytes], cuts: list[int], chunk: int, delay: float) -> None:
    async def play() -> list[bytes]:
        clock = ManualClock()
        left, right = Talker(clock), Talker(clock)
        connect(left, right, clock, Wire(chunk=chunk, delay=delay))
        data, turn = b"".join(line + b"\n" for line in text), 0
        while data:
            size = cuts[turn % len(cuts)]
            left.say(data[:size])
            data, turn = data[size:], turn + 1
        while len(right._events) < len(text):
            await clock.advance(delay)
        return await right.hear(len(text))

    assert asyncio.run(play()) == text


async def test_the_trace_sees_every_byte_in_order(clock: ManualClock) -> None:
    seen: list[tuple[str, bytes]] = []
    left, right = Talker(clock, lambda way, data: seen.append((way, data))), Talker(clock)
    connect(left, right, clock)
    left.say(b"question\n")
    await right.hear()
    right.say(b"answer\n")
    await left.hear()
    assert seen == [("out", b"question\n"), ("in", b"answer\n")]
    assert (left.traffic.bytes_out, left.traffic.bytes_in) == (9, 7)


async def test_a_trace_that_makes_the_core_say_more_keeps_the_order_on_the_wire(clock: ManualClock) -> None:
    def trace(way: str, data: bytes) -> None:
        if (way, data) == ("out", b"first\n"):
            left.say(b"second\n")

    left, right = Talker(clock, trace), Talker(clock)
    connect(left, right, clock)
    left.say(b"first\n")
    assert await right.hear(2) == [b"first", b"second"]


@pytest.mark.parametrize("end", [Talker.close, Talker.abort])
async def test_a_close_that_hangs_is_over_after_its_limit(clock: ManualClock, end: Callable[[Talker], None]) -> None:
    adapter = Talker(clock)
    transport = stuck(adapter)
    end(adapter)
    closed = asyncio.create_task(adapter.wait_closed())
    await clock.advance(CLOSE_LIMIT - 0.1)
    assert not closed.done()
    await clock.advance(0.2)
    assert closed.done()
    assert transport.aborted
    with pytest.raises(LineDown):
        await adapter.next_event()


async def test_a_close_that_works_is_over_at_once_and_leaves_no_timer(pair: Pair, clock: ManualClock) -> None:
    left, right, _ = pair
    right.close_when_idle(60)
    left.close()
    await asyncio.wait_for(asyncio.gather(left.wait_closed(), right.wait_closed()), 1)
    assert str(left.lost) == "connection closed"
    assert clock.next_due() is None


async def test_a_peer_that_takes_nothing_any_more_is_given_up(clock: ManualClock) -> None:
    adapter = Talker(clock)
    transport = stuck(adapter)
    transport.waiting = MAX_UNSENT + 1
    with pytest.raises(LineDown, match="stopped taking data"):
        adapter.say(b"more")
    assert transport.aborted


async def test_an_idle_connection_ends_and_a_busy_one_does_not(pair: Pair, clock: ManualClock) -> None:
    left, right, _ = pair
    right.close_when_idle(60)
    for _ in range(5):
        await clock.advance(50)
        left.say(b"still here\n")
    await clock.advance(59)
    assert right.lost is None
    await clock.advance(2)
    assert str(right.lost) == "nothing was received for 60 s"


async def test_an_adapter_that_was_given_up_before_it_connected_drops_the_connection(clock: ManualClock) -> None:
    left, right = Talker(clock), Talker(clock)
    left.abort()
    await left.wait_closed()
    connect(left, right, clock)
    with pytest.raises(LineDown):
        await right.next_event()


async def test_input_after_our_own_close_is_ignored(pair: Pair) -> None:
    left, _, _ = pair
    left.close()
    left.data_received(b"late\n")
    with pytest.raises(LineDown):
        await left.next_event()
