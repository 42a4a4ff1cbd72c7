"""What became of pages that were sent in a storm, and which promises it breaks. Every text names its alarm: `<7>`."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from drivers.gsm import pdu
from drivers.gsm.pdu import Submit
from gatewayd.driver import Outcome
from gatewayd.model import PageState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivers.gsm.simulated import SentMessage
    from drivers.gsm.simulator import GsmSimulator
    from gatewayd.clock import ManualClock
    from gatewayd.engine.linequeue import LineQueue
    from gatewayd.model import Page
    from gatewayd.store import Store

MOST_PAGES = 500
_TAG = re.compile(r"<(\d+)>")


class History:
    """Watches pages leave; `wrongs` are the promises that were broken, `story` is what happened until then.

    `withdrawn` are the tags of which nothing may leave any more, `excused` the pages that were on their way when the
    gateway was killed.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.story: list[str] = []
        self.wrongs: list[str] = []
        self.withdrawn: set[int] = set()
        self.excused: set[int] = set()
        self._arrived: set[int] = set()
        self._left: Counter[int] = Counter()  # by page: how often it left since an outcome that calls for it
        self._took: Counter[int] = Counter()  # by page: how often the network took it since nobody knew
        self.store: Store

    def note(self, what: str) -> None:
        self.story.append(f"{self.clock.now() - 1_700_000_000:.4f} {what}")

    def wrong(self, what: str) -> None:
        self.note(f"WRONG: {what}")
        self.wrongs.append(what)

    def pages(self) -> Iterator[Page]:
        return (page for number in range(1, MOST_PAGES) if (page := self.store.paging.get(number)) is not None)

    def ended(self, page: Page, outcome: Outcome) -> None:
        """Take note of how an attempt of one modem ended."""
        self.note(f"page {page.id}: {outcome.value}")
        if outcome in {Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED}:
            self._left[page.id] = 0
        if outcome is Outcome.UNKNOWN:
            self._took[page.id] = 0

    def leaves(self, data: bytes, modem: GsmSimulator) -> None:
        """Look at what the gateway writes: texts end in SUB."""
        if not data.endswith(b"\x1a"):
            return
        number, text, last = _read(data[:-1].split(b"\r")[-1].decode("latin-1"), modem)
        for tag in _tags(text):
            self.note(f"{tag} leaves for {number}")
            if tag in self.withdrawn:
                self.wrong(f"{tag} leaves although it is withdrawn")
            for page in self._meant(tag, number) if last else ():
                self._left[page.id] += 1
                if self._left[page.id] > 1 and page.id not in self.excused:
                    self.wrong(f"page {page.id} leaves again")

    def arrives(self, message: SentMessage) -> None:
        """Take note of a text that the network has taken whole."""
        for tag in _tags(message.text):
            for page in self._meant(tag, message.number):
                self.note(f"the network takes page {page.id}")
                self._arrived.add(page.id)
                self._took[page.id] += 1
                if self._took[page.id] > 1 and page.id not in self.excused:
                    self.wrong(f"the network takes page {page.id} again")

    def watch(self, queue: LineQueue) -> None:
        """See to it that what is chosen is the first of all that could be."""
        right = queue.pop

        def pop() -> Page | None:
            now, waiting = self.clock.now(), [page for page in queue.pages() if page.id in queue._queue]
            ready = [page for page in waiting if page.due <= now and page.address not in queue._busy]
            first = min(((page.priority, page.created) for page in ready), default=None)
            found = right()
            if first is not None and (found is None or (found.priority, found.created) > first):
                self.wrong(f"{first} has to wait for page {found.id if found is not None else 'none'}")
            return found

        queue.pop = pop  # type: ignore[method-assign]

    def close(self) -> None:
        """Look at what became of every page."""
        for page in self.pages():
            if page.state is PageState.QUEUED:
                self.wrong(f"page {page.id} has no end")
            if page.state in {PageState.SENT, PageState.RECEIVED} and page.id not in self._arrived:
                self.wrong(f"page {page.id} is said to be {page.state}, but the network never took it")

    def _meant(self, tag: int, number: str) -> list[Page]:
        return [page for page in self.pages() if f"<{tag}>" in page.text and page.address == number]


def _tags(text: str) -> set[int]:
    return {int(tag) for tag in _TAG.findall(text)}


def _read(written: str, modem: GsmSimulator) -> tuple[str, str, bool]:
    """Return the number, the text of a part, and whether it is the last one; in text mode the number is not known."""
    if modem.state.text_mode:
        return "", bytes.fromhex(written).decode("utf-16-be"), True
    message = pdu.read(written)
    assert isinstance(message, Submit)
    place = message.user_data.concat
    return str(message.destination), message.user_data.text, place is None or place.part == place.total
