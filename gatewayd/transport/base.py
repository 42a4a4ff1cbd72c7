"""What every adapter shares: the timer of the core, the queue of its events, the end of the connection."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.driver import DatagramProtocol, StreamProtocol

EventT = TypeVar("EventT")

EVENTS_HIGH = 1_024  # the driver is this far behind: the other end has to wait (stream) or to repeat (datagrams)
EVENTS_LOW = 256  # the driver has caught up
MAX_EVENTS = 65_536  # one read is at most 256 KiB: more than this is a core that runs away, not a burst
CLOSE_LIMIT = 5.0  # seconds until a close that hangs in the kernel or at the peer counts as done
TIMER_FLOOR = 0.001  # seconds; a core whose deadline does not move must not spin the loop

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Traffic:
    """What went over one connection: bytes, datagrams that were dropped, bytes whose parity bit was wrong."""

    bytes_in: int = 0
    bytes_out: int = 0
    dropped: int = 0
    parity_errors: int = 0


class Adapter(ABC, Generic[EventT]):
    """Runs one core on one connection; see `gatewayd.transport.adapter` for the two kinds."""

    def __init__(self, core: StreamProtocol[EventT] | DatagramProtocol[EventT], clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self._timer: TimerHandle | None = None
        self._timer_due: float | None = None
        self._close_guard: TimerHandle | None = None
        self._events: deque[EventT] = deque()
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._closing = False
        self.lost: LineDown | None = None
        self.traffic = Traffic()

    @property
    def clock(self) -> Clock:
        """The clock that the core runs on."""
        return self._clock

    # --- for the driver ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Carry out what the core decided: events out, bytes out, timer set.

        Raises LineDown when there is something to send and the connection is lost, or is lost by this.
        """
        if self.lost is not None:
            failed = self._discard_pending()
        else:
            self._run(_nothing)
            failed = self.lost is not None
        if failed:
            raise LineDown(str(self.lost)) from self.lost

    async def next_event(self) -> EventT:
        """Wait for the next event. Raises LineDown when the connection is lost and all earlier events were taken."""
        while not self._events:
            if self.lost is not None:
                raise LineDown(str(self.lost)) from self.lost
            self._wake.clear()
            await self._wake.wait()
        return self._first_event()

    async def events(self) -> AsyncIterator[EventT]:
        """Yield events for ever; ends only by LineDown."""
        while True:
            yield self._first_event() if self._events else await self.next_event()

    def _first_event(self) -> EventT:
        event = self._events.popleft()
        if len(self._events) == EVENTS_LOW:
            self._caught_up()
        return event

    async def wait_closed(self) -> None:
        """Wait until the device or socket is free to be opened again: at most CLOSE_LIMIT after `close`."""
        await self._closed.wait()

    def fail(self, reason: LineDown) -> None:
        """End the adapter and drop the connection: no timer any more, and `next_event` raises `reason`."""
        if self.lost is not None:
            return
        self.lost = reason
        self._set_timer(None)
        self._wake.set()
        if not self._closed.is_set():
            self._guard_close()
            self._abort()

    # --- for asyncio ------------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio calls this once: the device or the peer is gone."""
        self._closed.set()
        if self._close_guard is not None:
            self._close_guard.cancel()
        if exc is not None:
            self.fail(LineDown(f"connection lost: {exc}"))
        else:
            self.fail(LineDown("connection closed" if self._closing else "connection closed by the other end"))

    # --- what the two kinds do in their own way ---------------------------------------------------------------------

    @abstractmethod
    def _abort(self) -> None:
        """Drop the connection at once; without one there is nothing to wait for."""

    @abstractmethod
    def _send_pending(self) -> None:
        """Write what the core wants written."""

    @abstractmethod
    def _discard_pending(self) -> bool:
        """Forget what the core wants written; return whether there was anything."""

    def _fell_behind(self) -> None:
        """Act on EVENTS_HIGH events waiting for the driver."""

    def _caught_up(self) -> None:
        """Act on the driver having caught up."""

    # --- inside -----------------------------------------------------------------------------------------------------

    def _run(self, action: Callable[[], None]) -> None:
        """Let the core act and carry out what it decided. A defect of the core ends the connection, never the loop."""
        try:
            action()
            self._queue_events()
            self._send_pending()
            self._set_timer(self._core.get_timer())
        except Exception as error:
            log.exception("a protocol failed")
            self.fail(LineDown(f"internal error in the protocol: {type(error).__name__}"))

    def _queue_events(self) -> None:
        events, before = self._events, len(self._events)
        while (event := self._core.next_event()) is not None:
            events.append(event)
            if len(events) > MAX_EVENTS:
                self.fail(LineDown("the protocol produced too many events"))
                return
        if len(events) > before:
            self._wake.set()
            if len(events) >= EVENTS_HIGH > before:
                self._fell_behind()

    def _guard_close(self) -> None:
        """See to it that a close that has begun ends."""
        if self._close_guard is None:
            self._close_guard = self._clock.call_at(self._clock.now() + CLOSE_LIMIT, self._on_close_hangs)

    def _on_close_hangs(self) -> None:
        self._abort()
        self.connection_lost(TimeoutError("closing took too long"))

    def _set_timer(self, due: float | None) -> None:
        if self.lost is not None or self._closing:
            due = None
        if self._timer is not None and due is not None and self._timer_due is not None and self._timer_due <= due:
            return  # it rings before that, and then looks again: deadlines that come and go cost the loop nothing
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else self._clock.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        # The loop may wake a fraction of a microsecond early; the core must still see its deadline as passed.
        now = max(self._clock.now(), self._timer_due or 0.0)
        self._timer = None
        self._run(lambda: self._ring(now))
        self._slow_down(now)

    def _ring(self, now: float) -> None:
        """Tell the core that its deadline has passed, unless it has meanwhile moved on."""
        due = self._core.get_timer()
        if due is not None and due <= now:
            self._core.handle_timer(now)

    def _slow_down(self, now: float) -> None:
        if self._timer is not None and self._timer_due is not None and self._timer_due <= now:
            self._set_timer(None)
            self._set_timer(now + TIMER_FLOOR)


def _nothing() -> None:
    """Do nothing: the driver has already called the core."""
