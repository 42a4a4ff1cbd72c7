"""Putting the parts of long messages together again (3GPP TS 23.040, clause 9.2.3.24.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from drivers.gsm.pdu import Deliver

TokenT = TypeVar("TokenT")
Key = tuple[str, int, int, bool]

MAX_SETS = 64  # incomplete messages kept; more are a flood, and the oldest is given out as it is
MISSING = "[...]"


@dataclass(frozen=True, slots=True)
class Text(Generic[TokenT]):
    """A whole message; `tokens` say where its parts came from, `complete` whether any part is missing.

    `time` is when the service centre got its first part, None where that is not known.
    """

    sender: str
    text: str
    tokens: tuple[TokenT, ...]
    complete: bool = True
    time: datetime | None = None


@dataclass(slots=True)
class _Set(Generic[TokenT]):
    """The parts of one message that have come so far."""

    sender: str
    total: int
    due: float
    parts: dict[int, str] = field(default_factory=dict)
    tokens: list[TokenT] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    def whole(self, *, complete: bool) -> Text[TokenT]:
        time = min(self.times, default=None, key=datetime.timestamp)
        return Text(self.sender, self.text(), tuple(self.tokens), complete, time)

    def text(self) -> str:
        pieces, gap = [], False
        for part in range(1, self.total + 1):
            if part in self.parts:
                pieces.append(self.parts[part])
                gap = False
            elif not gap:
                pieces.append(MISSING)
                gap = True
        return "".join(pieces)


class Reassembly(Generic[TokenT]):
    """Collects parts by sender, reference, total and width of the reference; what stays incomplete is given out so."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._sets: dict[Key, _Set[TokenT]] = {}

    def add(self, message: Deliver, token: TokenT, now: float) -> list[Text[TokenT]]:
        """Take one message and return what is whole now, or has to be given out to make room."""
        sender, text, place = str(message.sender), message.user_data.text, message.user_data.concat
        if place is None or place.total == 1:
            return [Text(sender, text, (token,), time=message.time)]
        key = (sender, place.reference, place.total, place.wide)
        forced = self._make_room() if key not in self._sets else []
        parts = self._sets.setdefault(key, _Set(sender, place.total, now + self._timeout))
        parts.parts[place.part] = text
        parts.tokens.append(token)
        parts.times += [message.time] if message.time is not None else []
        if len(parts.parts) < place.total:
            return forced
        del self._sets[key]
        return [*forced, parts.whole(complete=True)]

    @property
    def kept(self) -> int:
        """How many messages wait for other parts."""
        return sum(len(parts.tokens) for parts in self._sets.values())

    def due(self) -> float | None:
        """Return when the oldest incomplete message is given out."""
        return min((parts.due for parts in self._sets.values()), default=None)

    def expire(self, now: float) -> list[Text[TokenT]]:
        """Give out what has waited too long."""
        late = [key for key, parts in self._sets.items() if parts.due <= now]
        return [self._give_out(key) for key in late]

    def give_up(self) -> list[Text[TokenT]]:
        """Give out everything: its place is needed."""
        return [self._give_out(key) for key in tuple(self._sets)]

    def _make_room(self) -> list[Text[TokenT]]:
        return [self._give_out(next(iter(self._sets)))] if len(self._sets) >= MAX_SETS else []

    def _give_out(self, key: Key) -> Text[TokenT]:
        return self._sets.pop(key).whole(complete=False)
