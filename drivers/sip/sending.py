"""Pages that wait for their receipts, and users who were not reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.names import Names
    from drivers.sip.protocol import Endpoint
    from gatewayd.clock import TimerHandle
    from gatewayd.driver import ForwardingLine
    from gatewayd.model import Page

_NOT_REACHED = (Outcome.FAILED, Outcome.UNKNOWN)
# Users whose missed addresses are kept; more of them are still reached under their plain names, the rest when due.
MAX_MISSED = 1_000


class Sending:
    """Gives pages to the endpoint and waits for what becomes of them; a user may be waited for `patience` seconds."""

    def __init__(
        self, line: ForwardingLine, endpoint: Endpoint, names: Names, flush: Callable[[], None], patience: float
    ) -> None:
        self._line = line
        self._endpoint = endpoint
        self._names = names
        self._flush = flush
        self._patience = patience
        self._missed: dict[str, set[str]] = {}  # by user: the addresses under which a page did not reach them
        self._pages: dict[int, asyncio.Future[Receipt]] = {}
        self._arrivals: set[asyncio.Future[None]] = set()

    async def send(self, page: Page) -> Receipt:
        """Make one attempt; a user who is not registered is waited for as long as the settings say.

        Whom it does not reach is remembered: their return is told to the engine.
        """
        clock = self._line.clock
        now = clock.now()
        until = now + self._patience
        while isinstance(started := self._endpoint.send_page(page, now), Receipt):
            if started.outcome is not Outcome.FAILED or not await self._arrival(until):
                break
            now = clock.now()
        receipt = started if isinstance(started, Receipt) else await self._finish(started)
        if receipt.outcome in _NOT_REACHED and len(self._missed) < MAX_MISSED:
            self._missed.setdefault(self._endpoint.user_of(page.address), set()).add(page.address)
        return receipt

    async def _finish(self, handle: int) -> Receipt:
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._pages[handle] = done
        self._flush()
        try:
            return await done
        except asyncio.CancelledError:
            self._endpoint.cancel_page(handle, self._line.clock.now())
            self._flush()
            raise
        finally:
            del self._pages[handle]

    async def _arrival(self, until: float) -> bool:
        """Wait for the next registration; False when `until` comes first."""
        clock = self._line.clock
        if clock.now() >= until:
            return False
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.add(arrival)

        def give_up() -> None:
            arrival.cancel()

        timer: TimerHandle = clock.call_at(until, give_up)
        try:
            await asyncio.wait([arrival])
            return not arrival.cancelled()
        finally:
            timer.cancel()
            self._arrivals.discard(arrival)

    def done(self, handle: int, receipt: Receipt) -> None:
        """Take the end of a page."""
        page = self._pages.get(handle)
        if page is not None and not page.done():
            page.set_result(receipt)

    def somebody_arrived(self) -> None:
        """Try the pages again that wait for their phones."""
        for arrival in self._arrivals:
            if not arrival.done():
                arrival.set_result(None)

    def is_back(self, user: str) -> None:
        """Have the engine send at once what this user has missed, and what waits since before the last start."""
        for address in self._missed.pop(user, set()) | {user, self._names.address_of(user)}:
            self._line.reachable(address)

    def all_are_back(self) -> None:
        """Have the engine send at once what anybody has missed."""
        for user in tuple(self._missed):
            self.is_back(user)

    def close(self) -> None:
        """End whoever still waits."""
        for page in self._pages.values():
            if not page.done():
                page.set_exception(LineDown("the SIP port was closed"))
