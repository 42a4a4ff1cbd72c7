"""Finding the page that a delivery report means (TS 23.040, clause 9.2.3.6).

References have 8 bits: they wrap around and start anew with the modem, so the newest message that has one owns it.
Nothing is kept on disk: the reference of a page spells what its reports will name, and is found by it after a restart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.gsm.address import tail
from drivers.gsm.pdu import Fate
from gatewayd.model import PageConfirmed, PageState

if TYPE_CHECKING:
    from drivers.gsm.pdu import StatusReport

Key = tuple[str, int]

MAX_TRACKED = 2_048  # parts; a service centre keeps nothing longer than a few days
HORIZON = 90_000.0  # seconds: a day, and an hour for a report that is late
ALIKE = 3  # equal references one after the other: this modem has only one


@dataclass(slots=True)
class _Sent:
    """A message whose parts may be reported; `reference` is empty while parts of it are still to be sent."""

    at: float
    reference: str = ""
    waiting: set[Key] = field(default_factory=set)
    failed: bool = False
    told: bool = False


class Tracker:
    """Knows which parts of which message were sent under which reference."""

    def __init__(self) -> None:
        self._by_key: dict[Key, _Sent] = {}
        self._under_way: dict[str, _Sent] = {}
        self._recent: deque[int] = deque(maxlen=ALIKE)

    @property
    def is_blind(self) -> bool:
        """Whether the modem repeats one reference for ever, so that it names nothing."""
        return len(self._recent) == ALIKE and len(set(self._recent)) == 1

    def part_sent(self, ref: str, number: str, reference: int | None, now: float) -> None:
        """Take note of one part of the message that the driver calls `ref`."""
        message = self._under_way.setdefault(ref, _Sent(now))
        if reference is None:
            return
        self._recent.append(reference)
        self._forget_old(now)
        key = (tail(number), reference)
        message.waiting.add(key)
        self._by_key.pop(key, None)
        self._by_key[key] = message

    def settled(self, ref: str, number: str, references: tuple[int | None, ...], *, sent: bool) -> str:
        """Take note that no part follows; return the reference of the page, empty when no report can name it."""
        message = self._under_way.pop(ref, None)
        known = [reference for reference in references if reference is not None]
        if message is None or not sent or not known or len(known) != len(references):
            return ""
        message.reference = _spell(number, known)
        return message.reference

    def late(self, number: str, reference: int, page_reference: str, now: float) -> None:
        """Take note that a message whose answer was missing has a reference after all."""
        key = (tail(number), reference)
        self._by_key[key] = _Sent(now, page_reference, {key})

    def reported(self, report: StatusReport) -> PageConfirmed | None:
        """Return what a report says of a page, None while it says nothing final or fits none."""
        if report.fate is Fate.PENDING or self.is_blind:
            return None
        number = str(report.recipient)
        key = (tail(number), report.reference)
        message = self._by_key.pop(key, None) or self._by_reference(report)
        detail = f"delivery report: status {report.status:02X}"
        if message is None:
            return PageConfirmed(_spell(number, [report.reference]), _STATES[report.fate], detail)
        message.waiting.discard(key)
        message.failed |= report.fate is Fate.FAILED
        return self._verdict(message, detail)

    @staticmethod
    def _verdict(message: _Sent, detail: str) -> PageConfirmed | None:
        """Judge a message: one part that failed fails it at once, it is delivered when all parts are."""
        if not message.reference or message.told or (message.waiting and not message.failed):
            return None
        message.told = True
        state = PageState.FAILED if message.failed else PageState.RECEIVED
        return PageConfirmed(message.reference, state, detail)

    def _by_reference(self, report: StatusReport) -> _Sent | None:
        """Find a message by its reference alone, where only one has it: some modems damage the number of a report."""
        if len(tail(str(report.recipient))) == len(tail("0" * 20)) and str(report.recipient).lstrip("+").isdecimal():
            return None
        keys = [key for key in self._by_key if key[1] == report.reference]
        if len(keys) != 1:
            return None
        message = self._by_key.pop(keys[0])
        message.waiting.discard(keys[0])
        return message

    def _forget_old(self, now: float) -> None:
        while self._by_key:
            key = next(iter(self._by_key))
            if len(self._by_key) < MAX_TRACKED and self._by_key[key].at > now - HORIZON:
                return
            del self._by_key[key]


_STATES = {Fate.DELIVERED: PageState.RECEIVED, Fate.FAILED: PageState.FAILED}


def _spell(number: str, references: list[int]) -> str:
    return f"{'-'.join(map(str, references))}/{tail(number)}"
