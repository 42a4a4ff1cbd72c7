"""How long patterns may take: whoever asks one is told when it was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

AnswerT = TypeVar("AnswerT")

MOST_GIVEN_UP = 2  # patterns of one piece of work; then no further one is asked


class TooSlowError(Exception):
    """A pattern is given up; raised into its search."""


class Patience:
    """Asks patterns, endlessly patient; `drivers.ascii.limit` has the one that is not.

    `with` surrounds one piece of work: a record, or the bytes of one read. `given_up` names the patterns that took too
    long since it was cleared.
    """

    def __init__(self) -> None:
        self.asking = False
        self.asked = 0  # patterns so far
        self.given_up: list[str] = []
        self._failures = 0

    def __enter__(self) -> Self:
        self._failures = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.asking = False

    @property
    def exhausted(self) -> bool:
        """Whether patterns of the last piece of work were given up, so that its text is for a person to judge."""
        return self._failures > 0

    def ask(self, name: str, search: Callable[[str], AnswerT | None], text: str) -> AnswerT | None:
        """Return what `search` finds in a text; None as well when it is given up, or is not asked any more.

        `search` is a pattern's own method: a limit interrupts nothing but the engine of `re`.
        """
        if self._failures >= MOST_GIVEN_UP:
            return None
        self.asked += 1
        try:
            self.asking = True
            found = search(text)
            self.asking = False
        except TooSlowError:
            self.asking = False
            self._failures += 1
            self.given_up.append(name)
            return None
        return found
