"""Keeping machines that answer by themselves, and strangers, from setting off pages without end.

A person who was paged may answer as often as they like. A long text that comes again and again is a machine's, and so
are many texts, however they differ, that are no answers: "I am on holiday" to somebody whose telephone answers, too,
goes to and fro without end. A stranger has a limit, and so have all strangers together.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TypeVar

from drivers.gsm.address import tail
from drivers.gsm.age import names_page

T = TypeVar("T")

MAX_SENDERS = 1_024  # numbers remembered of each sort; the oldest are forgotten
KNOWN_FOR = 7 * 86_400.0  # seconds for which somebody who was paged is no stranger
WINDOW = 3_600.0  # seconds over which strangers' texts are counted
LOOP_WINDOW = 600.0  # seconds over which repeated texts are counted
LOOP_LENGTH = 20  # characters from which a repeated text is a machine's: people repeat "OK #4711"
LOOP_TIMES = 3
MANY = 20  # texts within that time that are no short answers: nobody writes so fast
SHORT = 6  # characters below which a text is an answer in any language; machines say more
STRANGERS = 5  # times the limit of one stranger is that of all together


@dataclass(slots=True)
class _Recent:
    """What one sender has written of late: (time, text)."""

    texts: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=64))


class Guard:
    """Decides which texts go on. `per_hour` 0: no limit for strangers."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._known: OrderedDict[str, float] = OrderedDict()
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self._strangers: deque[float] = deque(maxlen=max(1, per_hour * STRANGERS))

    def paged(self, number: str, now: float) -> None:
        """Take note that somebody is paged: they are no stranger."""
        _touch(self._known, tail(number), now)

    def objection(self, sender: str, text: str, now: float) -> str:
        """Return why a text must not go on, or nothing; either way it is counted."""
        recent = self._recent.get(sender) or _Recent()
        _touch(self._recent, sender, recent)
        alike = sum(said == text and now - at < LOOP_WINDOW for at, said in recent.texts)
        in_window = sum(now - at < WINDOW for at, _ in recent.texts)
        many = sum(now - at < LOOP_WINDOW and not is_answer(said) for at, said in recent.texts)
        recent.texts.append((now, text))
        if len(text) >= LOOP_LENGTH and alike >= LOOP_TIMES:
            return "the same text again and again: a machine answers"
        if many >= MANY and not is_answer(text):
            return f"more than {MANY} texts in {LOOP_WINDOW / 60:.0f} minutes: a machine answers"
        if self._per_hour and not self._is_known(sender, now):
            return self._stranger(in_window, now)
        return ""

    def _is_known(self, sender: str, now: float) -> bool:
        return now - self._known.get(tail(sender), float("-inf")) < KNOWN_FOR

    def _stranger(self, in_window: int, now: float) -> str:
        crowded = len(self._strangers) == self._strangers.maxlen and now - self._strangers[0] < WINDOW
        if in_window >= self._per_hour or crowded:
            return f"more than {self._per_hour} texts an hour from a stranger"
        self._strangers.append(now)
        return ""


def is_answer(text: str) -> bool:
    """Return whether a text looks like a person's answer to a page: a word, or short and with the page's code."""
    text = text.strip()
    return len(text) < SHORT or (len(text) < LOOP_LENGTH and names_page(text))


def _touch(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MAX_SENDERS:
        memory.popitem(last=False)
