"""Records that take several lines: a first line that is known by its look, and the lines that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.ascii.framing import LONGEST
from drivers.ascii.patience import Patience

if TYPE_CHECKING:
    import re


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, or several joined to one; `complete` and `readable` as far as all of its parts are."""

    text: str
    complete: bool = True
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Assembly:
    """A record begins with a line that `first` finds; `following` lines belong to it, or None: until the next first."""

    first: re.Pattern[str] | None = None
    following: int | None = None
    join: str = " "


class Assembler:
    """Joins lines to records; a line that belongs to none is a record of its own."""

    def __init__(self, assembly: Assembly, patience: Patience | None = None) -> None:
        self._assembly = assembly
        self._ask = (patience or Patience()).ask
        self._lines: list[TextLine] = []

    @property
    def pending(self) -> bool:
        """Whether a record waits for more lines."""
        return bool(self._lines)

    def add(self, line: TextLine) -> list[TextLine]:
        """Take a line; return the records that are complete by it."""
        first = self._assembly.first
        if first is None:
            return [line]
        if self._ask("first_line", first.search, line.text) is not None:
            done = self.flush()
            self._lines.append(line)
            return done + (self.flush() if self._assembly.following == 0 else [])
        if not self._lines:
            return [line]
        done = self.flush() if self._size() + len(line.text) > LONGEST else []
        self._lines.append(line)
        return done + (self.flush() if len(self._lines) - 1 == self._assembly.following else [])

    def flush(self) -> list[TextLine]:
        """Return the record that waits; it lacks lines where their number is fixed."""
        if not self._lines:
            return []
        lines, self._lines = self._lines, []
        following = self._assembly.following
        whole = following is None or len(lines) > following
        text = self._assembly.join.join(line.text for line in lines)
        complete = whole and all(line.complete for line in lines)
        return [TextLine(text, complete, all(line.readable for line in lines))]

    def _size(self) -> int:
        return sum(len(line.text) + len(self._assembly.join) for line in self._lines)
