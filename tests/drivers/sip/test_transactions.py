"""Client transactions to the millisecond (RFC 3261 17.1.2): what is repeated when, and what is absorbed how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.sip.flow import UDP, Flow
from drivers.sip.message import Response, parse_message
from drivers.sip.timing import Agenda, Timing
from drivers.sip.transactions import ClientTransaction, Failure, Means

if TYPE_CHECKING:
    from collections.abc import Iterator

PEER = ("10.0.0.5", 5062)
DATAGRAM, STREAM = Flow(UDP, PEER), Flow("TCP", PEER, 1)


class Bench:
    """One client transaction from moment 0 on, and all that it does."""

    def __init__(self, flow: Flow, *, alive: bool = True) -> None:
        self.agenda = Agenda()
        self.now = 0.0
        self.sent: list[float] = []
        self.results: list[tuple[float, Response | Failure]] = []
        self.ends: list[float | None] = []
        self._alive = alive
        means = Means(self._send, lambda _client, until: self.ends.append(until), self.agenda, Timing())
        self.client = ClientTransaction(("b", "OPTIONS"), b"", flow, means, self._take)
        self.client.start(0.0)

    def _send(self, _flow: Flow, _data: bytes) -> bool:
        self.sent.append(self.now)
        return self._alive

    def _take(self, result: Response | Failure, now: float) -> None:
        self.results.append((now, result))

    def _dues(self, until: float) -> Iterator[float]:
        while (due := self.agenda.next_due()) is not None and due <= until:
            yield due

    def advance(self, until: float) -> None:
        for due in self._dues(until):
            self.now = due
            self.agenda.run(due)
        self.now = until

    def answer(self, status: int) -> None:
        message = parse_message(f"SIP/2.0 {status} x\r\nCall-ID: 1\r\n\r\n".encode())
        assert isinstance(message, Response)
        self.client.receive(message, self.now)


def test_after_a_provisional_answer_a_datagram_is_repeated_every_t2() -> None:
    bench = Bench(DATAGRAM)
    bench.advance(0.1)
    bench.answer(100)
    bench.advance(40)
    assert bench.sent == [0.0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert bench.results == [(32.0, Failure.TIMEOUT)]


def test_what_goes_over_a_connection_is_never_repeated_and_ends_with_timer_f_too() -> None:
    bench = Bench(STREAM)
    bench.advance(31.9)
    assert (bench.sent, bench.results) == ([0.0], [])
    bench.advance(32)
    assert bench.results == [(32.0, Failure.TIMEOUT)]


@pytest.mark.parametrize(("flow", "until"), [(DATAGRAM, 6.0), (STREAM, None)], ids=["datagram", "stream"])
def test_repeated_answers_are_absorbed_for_timer_k_which_is_zero_on_a_connection(
    flow: Flow, until: float | None
) -> None:
    bench = Bench(flow)
    bench.advance(1)
    bench.answer(200)
    bench.answer(200)
    bench.advance(40)
    assert bench.ends == [until]
    assert [at for at, _ in bench.results] == [1.0]
    assert len(bench.agenda) == 0


def test_a_transaction_that_was_silenced_repeats_nothing_and_still_hears_a_late_answer() -> None:
    bench = Bench(DATAGRAM)
    bench.advance(1)
    bench.client.silence()
    bench.advance(31)
    bench.answer(202)
    assert bench.sent == [0.0, 0.5]
    assert [at for at, _ in bench.results] == [31.0]


def test_a_connection_that_is_gone_is_told_at_once() -> None:
    bench = Bench(STREAM, alive=False)
    assert bench.results == [(0.0, Failure.UNREACHABLE)]
    assert (bench.ends, len(bench.agenda)) == ([None], 0)
