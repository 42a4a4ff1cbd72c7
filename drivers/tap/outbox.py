"""The pages of an entry device: those that wait, the one under way, and what is told of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from drivers.tap.blocks import compose
from drivers.tap.pages import PageSettled, PageUnderWay, SessionDoubted, TapEvent
from drivers.tap.responses import GIVEN_UP, Disposition
from gatewayd.driver import Outcome
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from drivers.tap.profile import Profile
    from drivers.tap.scanner import Answer


class Outbox:
    """Every page goes in once and comes out in one `PageSettled`, unless it is withdrawn.

    `unsent` is the block that waits to be fetched, kept apart so that a withdrawal can take it back.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._queue: deque[PageUnderWay] = deque()
        self._taken: list[str] = []  # pages that the terminal acknowledged in this session
        self.page: PageUnderWay | None = None  # under way
        self.unsent = b""
        self.events: deque[TapEvent] = deque()

    @property
    def waiting(self) -> bool:
        """Whether a page waits."""
        return bool(self._queue)

    def add(self, page_ref: str, pager_id: str, text: str) -> bool:
        """Put a page behind the others; return whether TAP can carry it."""
        try:
            transaction = compose(pager_id, text, self._profile)
        except Invalid as error:
            self.events.append(PageSettled(page_ref, Outcome.REFUSED, error.reason))
            return False
        self._queue.append(PageUnderWay(page_ref, transaction.blocks, transaction.note))
        return True

    def withdraw(self, page_ref: str) -> bool:
        """Let no further byte of a page out; return whether its block was still here, so that its turn is over."""
        page = self.page
        if page is None or page.ref != page_ref:
            self._queue = deque(waiting for waiting in self._queue if waiting.ref != page_ref)
            return False
        page.withdrawn = True
        held, self.unsent = bool(self.unsent), b""
        return held

    def begin(self) -> PageUnderWay:
        """Take the page whose turn it is."""
        self.page = self._queue.popleft()
        return self.page

    def end(self) -> PageUnderWay | None:
        """Return the page that was under way; now none is."""
        page, self.page = self.page, None
        return page

    def take_back(self, most_restarts: int) -> None:
        """Put the page that is under way in front of the others, to be sent again from its first block."""
        page = self.end()
        self.unsent = b""
        if page is None or page.withdrawn:
            return
        page.rewind()
        if page.restarts <= most_restarts:
            self._queue.appendleft(page)
        else:
            self.settle(page, GIVEN_UP, "the terminal began anew instead of answering the page")

    def taken(self, page: PageUnderWay, answer: Answer) -> None:
        """Settle a page that the terminal acknowledged."""
        if not page.withdrawn:
            self._taken.append(page.ref)
        self.settle(page, Disposition(Outcome.SENT), answer.said, answer.code)

    def settle(self, page: PageUnderWay, disposition: Disposition, said: str, code: int | None = None) -> None:
        """Tell what became of a page."""
        if not page.withdrawn:
            outcome = disposition.outcome or Outcome.FAILED
            self.events.append(PageSettled(page.ref, outcome, page.detail(said), code, disposition.retry_after))

    def settle_waiting(self, disposition: Disposition, said: str) -> None:
        """Settle every page that waits: nobody can be paged now."""
        while self._queue:
            self.settle(self._queue.popleft(), disposition, said)

    def break_off(self, reason: str) -> None:
        """Settle every page: the connection is gone. A page that went out whole may have been taken."""
        unsent = bool(self.unsent)
        page = self.end()
        if page is not None:
            gone = page.complete and not unsent
            self.settle(page, Disposition(Outcome.UNKNOWN) if gone else GIVEN_UP, reason)
        self.settle_waiting(GIVEN_UP, reason)
        self.clear()

    def doubt(self, said: str) -> None:
        """Tell that an acknowledgement of this session was taken back: nobody knows which."""
        if self._taken:
            self.events.append(SessionDoubted(tuple(self._taken), said))
            self._taken.clear()

    def close_session(self) -> None:
        """Let what was acknowledged stand: the session is over."""
        self._taken.clear()

    def clear(self) -> None:
        """Forget every page, whatever is under way."""
        self._queue.clear()
        self.unsent = b""
        self.page = None
