"""Transactions: RFC 3261 section 17 as amended by RFC 4320 and 6026.

client, not INVITE                      server, not INVITE           server, INVITE (only refused here)
TRYING      E resends, doubling to T2   TRYING     no answer yet     COMPLETED  G resends until ACK
PROCEEDING  E resends every T2          COMPLETED  repeats it, J     CONFIRMED  absorbs ACKs, I
COMPLETED   absorbs answers, K
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.message import Key, Request, Response
    from drivers.sip.timing import Agenda, Deadline, Timing


class State(Enum):
    """Where a transaction stands."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"


_TRYING, _PROCEEDING, _COMPLETED = State.TRYING, State.PROCEEDING, State.COMPLETED  # quicker than by their Enum


class Failure(Enum):
    """Why a client transaction ended without an answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


def client_key(response: Response) -> Key:
    """Return what identifies the transaction of a response (17.1.3)."""
    return (response.via.branch, response.cseq[1])


@dataclass(slots=True, eq=False)
class ServerTransaction:
    """A request that was taken on; `response` is what went out last."""

    number: int
    key: Key
    request: Request
    flow: Flow
    created: float
    state: State = _TRYING
    response: bytes = b""
    timers: list[Deadline] = field(default_factory=list)

    def stop_timers(self) -> None:
        """Forget every timer."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()


@dataclass(slots=True)
class Means:
    """What a client transaction works with.

    `send(flow, data)` is False if the flow is gone. `end(client, until)` forgets it; its answer is absorbed `until`.
    """

    send: Callable[[Flow, bytes], bool]
    end: Callable[[ClientTransaction, float | None], None]
    agenda: Agenda
    timing: Timing


class ClientTransaction:
    """A request of ours other than INVITE. `on_result` is called once, with the final response or the failure."""

    def __init__(
        self, key: Key, data: bytes, flow: Flow, means: Means, on_result: Callable[[Response | Failure, float], None]
    ) -> None:
        self.key = key
        self.flow = flow
        self.state = _TRYING
        self._data = data
        self._means = means
        self._on_result = on_result
        self._interval = means.timing.t1
        self._ends = 0.0
        self._silent = flow.is_stream
        self._timer: Deadline | None = None

    def start(self, now: float) -> None:
        """Send the request for the first time."""
        timing = self._means.timing
        self._ends = now + timing.limit
        if not self._means.send(self.flow, self._data):
            self.fail(Failure.UNREACHABLE, now)
        else:
            self._wait(now)

    def _wait(self, now: float) -> None:
        """Timers E and F are one: whichever is due first."""
        due = self._ends if self._silent else min(now + self._interval, self._ends)
        self._timer = self._means.agenda.at(due, self._handle_timer)

    def _handle_timer(self, now: float) -> None:
        """17.1.2.2: double up to T2; every T2 once a provisional response has come."""
        if now >= self._ends:
            self.fail(Failure.TIMEOUT, now)
            return
        if not self._silent:
            self._means.send(self.flow, self._data)
            t2 = self._means.timing.t2
            self._interval = t2 if self.state is _PROCEEDING else min(2 * self._interval, t2)
        self._wait(now)

    def silence(self) -> None:
        """Send nothing more; a late answer is still understood until timer F."""
        self._silent = True

    def receive(self, response: Response, now: float) -> None:
        """Take a response."""
        if self.state is _COMPLETED:
            return
        if response.status < 200:  # noqa: PLR2004 - the class of provisional responses
            self.state = _PROCEEDING
            return
        self._complete()
        self._means.end(self, None if self.flow.is_stream else now + self._means.timing.t4)
        self._on_result(response, now)

    def fail(self, failure: Failure, now: float) -> None:
        """End without an answer."""
        if self.state is not _COMPLETED:
            self._complete()
            self._means.end(self, None)
            self._on_result(failure, now)

    def _complete(self) -> None:
        self.state = _COMPLETED
        if self._timer is not None:
            self._timer.cancel()
