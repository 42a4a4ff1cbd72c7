"""Wires in memory."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown
from gatewayd.transport.memory import Wire, connect, drop_every, flip_bits
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import TimerHandle


def test_every_third_byte_is_lost_across_chunks() -> None:
    alter = drop_every(3)
    assert [alter(b"ab"), alter(b"cde"), alter(b"fg")] == [b"ab", b"de", b"g"]


def test_bits_flip_in_about_the_given_part_of_the_bytes_and_one_in_each() -> None:
    data = bytes(10_000)
    damaged = flip_bits(random.Random(1), rate=0.1)(data)
    ones = [byte.bit_count() for byte in damaged]
    assert set(ones) == {0, 1}
    assert 800 < sum(ones) < 1_200


def test_the_same_seed_gives_the_same_damage() -> None:
    once, again = (flip_bits(random.Random(7), rate=0.5)(b"some text") for _ in range(2))
    assert once == again != b"some text"


async def test_bytes_arrive_one_by_one_when_the_wire_says_so(clock: ManualClock) -> None:
    arrived: list[bytes] = []
    left, right = Talker(clock), Talker(clock, lambda _, data: arrived.append(data))
    connect(left, right, clock, Wire(chunk=1))
    left.say(b"abc\n")
    await right.hear()
    assert arrived == [b"a", b"b", b"c", b"\n"]


async def test_a_delayed_wire_delivers_later_and_each_direction_can_differ(clock: ManualClock) -> None:
    left, right = Talker(clock), Talker(clock)
    connect(left, right, clock, Wire(delay=2), Wire(delay=5))
    left.say(b"there\n")
    right.say(b"back\n")
    await clock.advance(1.9)
    assert not right._events
    await clock.advance(0.2)
    assert list(right._events) == [b"there"]
    assert not left._events
    await clock.advance(3)
    assert list(left._events) == [b"back"]


async def test_order_is_kept_even_when_timers_run_out_of_order() -> None:
    class LastFirstClock(ManualClock):
        """Runs timers that are due at the same time in the wrong order, as a heap may."""

        def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
            return super().call_at(when - len(self._timers) / 1_000, callback)

    clock = LastFirstClock()
    left, right = Talker(clock), Talker(clock)
    connect(left, right, clock, Wire(chunk=1, delay=1))
    left.say(b"abc\n")
    await clock.advance(2)
    assert list(right._events) == [b"abc"]


async def test_closing_delivers_what_is_on_the_wire_and_aborting_does_not(clock: ManualClock) -> None:
    for end, heard in ((Talker.close, [b"last words"]), (Talker.abort, [])):
        left, right = Talker(clock), Talker(clock)
        connect(left, right, clock, Wire(delay=1))
        left.say(b"last words\n")
        end(left)
        await clock.advance(2)
        assert list(right._events) == heard
        assert right.lost is not None


async def test_what_is_written_is_kept_for_the_test_to_see(clock: ManualClock) -> None:
    left, right = Talker(clock), Talker(clock)
    a, b = connect(left, right, clock, Wire(alter=lambda _: b""))
    left.say(b"lost\n")
    await settle()
    assert (bytes(a.written), bytes(b.written)) == (b"lost\n", b"")
    assert not right._events


async def test_a_cut_reaches_both_ends_with_its_reason(clock: ManualClock) -> None:
    left, right = Talker(clock), Talker(clock)
    a, _ = connect(left, right, clock)
    a.cut(OSError("pulled"))
    for end in (left, right):
        with pytest.raises(LineDown, match="pulled"):
            await end.next_event()
