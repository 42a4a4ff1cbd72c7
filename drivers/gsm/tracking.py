"""Finding the page that a delivery report means (TS 23.040, clause 9.2.3.6).

References have 8 bits: they wrap around and start anew with the modem, so the newest message that has one owns it.
The reference of a page spells what its reports will name, so that the report of a short message needs no memory. Of
long ones it has to be remembered which parts were reported: `changes` go to disk before a report counts as taken.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drivers.gsm.address import tail
from drivers.gsm.pdu import Fate
from gatewayd.model import PageConfirmed, PageState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.gsm.pdu import StatusReport

Key = tuple[str, int]

MAX_TRACKED = 2_048  # parts
MAX_REMEMBERED = 256  # long messages on disk
LATE = 3_600.0  # seconds that a report may come after the service centre has given up
ALIKE = 2  # equal references one after the other: this modem has only one
PREFIX = "long/"  # of what is remembered


@dataclass(slots=True)
class _Sent:
    """A message whose parts may be reported; `reference` is empty while parts of it are still to be sent."""

    at: float
    reference: str = ""
    waiting: set[Key] = field(default_factory=set)
    failed: bool = False
    told: bool = False


class Tracker:
    """Knows which parts of which message were sent under which reference; `validity` in seconds."""

    def __init__(self, validity: float = 86_400.0) -> None:
        self._horizon = validity + LATE
        self._by_key: dict[Key, _Sent] = {}
        self._under_way: dict[str, _Sent] = {}
        self._recent: deque[int] = deque(maxlen=ALIKE)
        self._remembered: dict[str, _Sent] = {}
        self._changes: dict[str, Any] = {}

    @property
    def is_blind(self) -> bool:
        """Whether the modem repeats one reference for ever, so that it names nothing."""
        return len(self._recent) == ALIKE and len(set(self._recent)) == 1

    # --- what survives a restart --------------------------------------------------------------------------------------

    def load(self, memory: Mapping[str, Any], now: float) -> None:
        """Take up the long messages of before a restart; what is known already, or too old, is left."""
        found = [(entry, key) for key, entry in memory.items() if key.startswith(PREFIX)]
        for (at, references, failed), key in sorted(found, key=lambda item: item[0][0]):
            page_reference = key.removeprefix(PREFIX)
            if page_reference in self._remembered:
                continue
            if at <= now - self._horizon:
                self._changes[key] = None
                continue
            waiting = {(page_reference.rpartition("/")[2], reference) for reference in references}
            message = self._remembered[page_reference] = _Sent(at, page_reference, waiting, failed)
            for part in waiting:
                self._by_key.setdefault(part, message)

    def changes(self) -> dict[str, Any]:
        """Return, and forget, what has to be written down."""
        changes, self._changes = self._changes, {}
        return changes

    def _remember(self, message: _Sent) -> None:
        while len(self._remembered) >= MAX_REMEMBERED:
            self._forget(next(iter(self._remembered.values())))
        self._remembered[message.reference] = message
        self._note(message)

    def _note(self, message: _Sent) -> None:
        if message.reference in self._remembered:
            references = sorted(reference for _, reference in message.waiting)
            self._changes[PREFIX + message.reference] = [message.at, references, message.failed]

    def _forget(self, message: _Sent) -> None:
        if self._remembered.pop(message.reference, None) is not None:
            self._changes[PREFIX + message.reference] = None

    # --- what is sent -------------------------------------------------------------------------------------------------

    def part_sent(self, ref: str, number: str, reference: int | None, now: float) -> None:
        """Take note of one part of the message that the driver calls `ref`."""
        message = self._under_way.setdefault(ref, _Sent(now))
        if reference is None:
            return
        self._recent.append(reference)
        self._forget_old(now)
        key = (tail(number), reference)
        message.waiting.add(key)
        former = self._by_key.pop(key, None)
        if former is not None:
            self._forget(former)  # a report could mean either: after a restart it must not mean the older one
        self._by_key[key] = message

    def settled(self, ref: str, number: str, references: tuple[int | None, ...], *, sent: bool) -> str:
        """Take note that no part follows; return the reference of the page, empty when no report can name it."""
        message = self._under_way.pop(ref, None)
        known = [reference for reference in references if reference is not None]
        if message is None or not sent or not known or len(known) != len(references) or self.is_blind:
            return ""
        message.reference = _spell(number, known)
        if len(known) > 1:
            self._remember(message)
        return message.reference

    def late(self, number: str, reference: int, page_reference: str, now: float) -> None:
        """Take note that a message whose answer was missing has a reference after all."""
        key = (tail(number), reference)
        self._by_key[key] = _Sent(now, page_reference, {key})

    # --- what is reported ---------------------------------------------------------------------------------------------

    def knows(self, report: StatusReport) -> bool:
        """Return whether a report names a part that is known to have been sent."""
        return (tail(str(report.recipient)), report.reference) in self._by_key

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

    def _verdict(self, message: _Sent, detail: str) -> PageConfirmed | None:
        """Judge a message: one part that failed fails it at once, it is delivered when all parts are."""
        if not message.reference or message.told:
            return None
        if message.waiting and not message.failed:
            self._note(message)
            return None
        message.told = True
        self._forget(message)
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
            if len(self._by_key) < MAX_TRACKED and self._by_key[key].at > now - self._horizon:
                return
            self._forget(self._by_key.pop(key))


_STATES = {Fate.DELIVERED: PageState.RECEIVED, Fate.FAILED: PageState.FAILED}


def _spell(number: str, references: list[int]) -> str:
    return f"{'-'.join(map(str, references))}/{tail(number)}"
