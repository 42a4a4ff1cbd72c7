"""The queue of a line against a naive model: a list that is looked through from the beginning every time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.clock import ManualClock
from gatewayd.engine.linequeue import LineQueue
from gatewayd.model import Page, Priority

ADDRESSES = ("2001", "2002", "2003")
PAGES = st.integers(1, 8)
STEPS = st.one_of(
    st.tuples(st.just("push"), PAGES, st.sampled_from(list(Priority)), st.integers(0, 9)),
    st.tuples(st.sampled_from(["hold", "release", "drop", "resume"]), PAGES, st.none(), st.just(0)),
    st.tuples(st.sampled_from(["free", "hurry"]), st.integers(0, 2), st.none(), st.just(0)),
    st.tuples(st.sampled_from(["pop", "pop", "peek", "pass"]), st.just(0), st.none(), st.integers(1, 4)),
)
Step = tuple[str, int, Priority | None, int]


class Model:
    """The same promises, kept in the dullest way. Pages are told apart by their time: no two are of equal rank."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.pages: dict[int, Page] = {}
        self.out: set[int] = set()  # held back
        self.busy: set[str] = set()
        self.hurried: set[str] = set()

    def next(self) -> Page | None:
        """Return the most urgent, then oldest page that is ready and whose address is free."""
        ready = [page for page in self.waiting() if page.due <= self.clock.time and page.address not in self.busy]
        return min(ready, key=lambda page: (page.priority, page.created), default=None)

    def waiting(self) -> list[Page]:
        """Return the pages that are not held back."""
        return [page for page in self.pages.values() if page.id not in self.out]

    def hurry(self, address: str) -> None:
        """Make due what was tried before; once more when the page that is under way has come back."""
        if address in self.busy:
            self.hurried.add(address)
        for page in list(self.pages.values()):
            if page.address == address and page.attempts:
                self.bring_forward(page)

    def bring_forward(self, page: Page) -> None:
        """Make a page due, unless it waits for another way to fail."""
        if not page.held:
            self.pages[page.id] = replace(page, due=min(page.due, self.clock.time))

    def free(self, address: str) -> None:
        """End what is under way."""
        self.busy.discard(address)
        if address in self.hurried:
            self.hurried.discard(address)
            self.hurry(address)


def _page(number: int, priority: Priority, due: float) -> Page:
    """Return a page; the odd ones were tried before, the last ones are a person's later way."""
    address = ADDRESSES[number % len(ADDRESSES)]
    held = number > 6
    page = Page(number, number, "pager", address, "T", priority, float(number), due, 1e9, 0.0)
    return replace(page, attempts=number % 2, held=held)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, min_size=30, max_size=60))  # short ones would be drawn otherwise, and seldom park anything
def test_the_queue_of_a_line_does_what_a_list_does(steps: list[Step]) -> None:
    clock = ManualClock()
    queue, model = LineQueue(clock), Model(clock)
    for what, number, priority, amount in steps:
        if what == "pass":
            clock.time += amount
        elif priority is not None:
            page = _page(number, priority, clock.time + max(0, amount - 4))
            queue.push(page)
            model.pages[number] = page
            model.out.discard(number)
        else:
            _do(queue, model, what, number)
        assert sorted(page.id for page in queue.pages()) == sorted(model.pages)
        assert len(queue) == len(model.pages)
        future = [page.due for page in model.waiting() if page.due > clock.time]
        due = queue.next_due()
        assert not future or (due is not None and due <= min(future))
        assert all(queue._parked.values()), "an address without parked pages is forgotten"


def _do(queue: LineQueue, model: Model, what: str, number: int) -> None:
    if what in ("pop", "peek"):
        expected = model.next()
        found = queue.peek() if what == "peek" else queue.pop()
        assert (found and found.id) == (expected and expected.id)
        if what == "pop" and expected is not None:
            del model.pages[expected.id]
            model.busy.add(expected.address)
    elif what == "hold":
        assert queue.hold(number) == (number in model.pages and number not in model.out)
        model.out |= {number} & model.pages.keys()
    elif what == "release":
        queue.release(number)
        model.out.discard(number)
    elif what == "drop":
        queue.drop(number)
        model.pages.pop(number, None)
        model.out.discard(number)
    elif what == "resume":
        queue.resume(number)
        if number in model.pages:
            model.bring_forward(model.pages[number])
    elif what == "free":
        queue.free(ADDRESSES[number])
        model.free(ADDRESSES[number])
    else:
        queue.hurry(ADDRESSES[number])
        model.hurry(ADDRESSES[number])
