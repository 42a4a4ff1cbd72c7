"""The pages of one line that wait: by priority, then age, and never two to one address at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.engine.queue import PriorityQueue

if TYPE_CHECKING:
    from dataclasses import replace

    from gatewayd.clock import Clock
    from gatewayd.model import Page
else:
    from gatewayd.values import replace


class LineQueue:
    """The queue of a line; a page whose address is under way is parked until `free` is called.

    Only the first of the parked pages returns to the queue at a time, so a burst to one address costs no more than
    one to many.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: PriorityQueue[int] = PriorityQueue()
        self._pages: dict[int, Page] = {}
        self._busy: set[str] = set()
        self._hurried: set[str] = set()
        self._parked: dict[str, PriorityQueue[int]] = {}

    def __len__(self) -> int:
        """Return how many pages wait (held ones too)."""
        return len(self._pages)

    def __contains__(self, page_id: int) -> bool:
        """Return whether a page waits."""
        return page_id in self._pages

    def pages(self) -> list[Page]:
        """Return every page that waits."""
        return list(self._pages.values())

    def push(self, page: Page) -> None:
        """Queue a page, or its newest version."""
        self._unpark(page.id, page.address)
        self._pages[page.id] = page
        self._queue.push(page.id, page.priority, page.created, page.due, self._clock.now())

    def pop(self) -> Page | None:
        """Take the first page that is ready and whose address is free, which is then under way; None when none is."""
        now = self._clock.now()
        while (page_id := self._queue.pop(now)) is not None:
            page = self._pages[page_id]
            if page.address not in self._busy:
                del self._pages[page_id]
                self._busy.add(page.address)
                return page
            self._park(page)
        return None

    def peek(self) -> Page | None:
        """Return the page that `pop` would take now, and leave it where it is."""
        now = self._clock.now()
        while (page_id := self._queue.peek(now)) is not None:
            page = self._pages[page_id]
            if page.address not in self._busy:
                return page
            self._queue.pop(now)
            self._park(page)
        return None

    def free(self, address: str) -> None:
        """Let the next page go to an address."""
        self._busy.discard(address)
        if address in self._hurried:
            self._hurried.discard(address)
            self.hurry(address)
        self._next_of(address)

    def hurry(self, address: str) -> None:
        """Make the pages to an address due now that were tried before; what waits for its first time keeps it.

        While a page is under way there, its own fate is not known yet: the address is hurried again when it is free.
        """
        now = self._clock.now()
        if address in self._busy:
            self._hurried.add(address)
        for page in self.pages():
            if page.address == address and page.attempts and not page.held and page.due > now:
                self._bring_forward(page, now)

    def resume(self, page_id: int) -> None:
        """Make a page due now whose attempt was cut short by the loss of the line: its turn has come already."""
        page, now = self._pages.get(page_id), self._clock.now()
        if page is not None and not page.held and page.due > now:
            self._bring_forward(page, now)

    def _bring_forward(self, page: Page, now: float) -> None:
        self._pages[page.id] = sooner = replace(page, due=now)
        if self._queue.withdraw(page.id):  # not while it is held back: releasing it queues it
            self.push(sooner)

    def hold(self, page_id: int) -> bool:
        """Take a page out until it is released or dropped; return whether it waited."""
        page = self._pages.get(page_id)
        if page is None:
            return False
        if self._unpark(page_id, page.address):
            return True
        if self._queue.withdraw(page_id):
            self._next_of(page.address)
            return True
        return False

    def release(self, page_id: int) -> None:
        """Put a held page back."""
        page = self._pages.get(page_id)
        if page is not None:
            self.push(page)

    def drop(self, page_id: int) -> None:
        """Forget a page."""
        self.hold(page_id)
        self._pages.pop(page_id, None)

    def next_due(self) -> float | None:
        """Return when the next page that waits for its time becomes ready."""
        return self._queue.next_due()

    def _park(self, page: Page) -> None:
        parked = self._parked.setdefault(page.address, PriorityQueue())
        parked.push(page.id, page.priority, page.created)

    def _unpark(self, page_id: int, address: str) -> bool:
        parked = self._parked.get(address)
        found = parked is not None and parked.withdraw(page_id)
        if parked is not None and not parked:
            del self._parked[address]
        return found

    def _next_of(self, address: str) -> None:
        """Bring the first parked page of a free address back into the queue."""
        parked = self._parked.get(address)
        page_id = parked.pop(self._clock.now()) if parked is not None and address not in self._busy else None
        if page_id is not None:
            self._unpark(page_id, address)
            page = self._pages[page_id]
            self._queue.push(page_id, page.priority, page.created)
