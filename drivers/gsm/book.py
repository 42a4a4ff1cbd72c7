"""How people's numbers are written: networks say +49170..., sites often 0170..., and an answer has to find its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "number/"  # of what is remembered
MOST = 1_024  # numbers; the oldest are forgotten
LONGEST_COUNTRY = 3  # digits of a country code
SHORTEST = 7  # digits that have to agree: short numbers are nobody's abroad


class Book:
    """Remembers the numbers that were paged and are not written as networks write them.

    `centre` is the service centre's number, which begins with the country code of those numbers.
    """

    def __init__(self) -> None:
        self.centre = ""
        self._paged: dict[str, str] = {}  # national digits -> the number as the site writes it

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take up what was remembered before a restart."""
        for key, number in memory.items():
            if key.startswith(PREFIX):
                self._paged.setdefault(key.removeprefix(PREFIX), number)

    def paged(self, number: str) -> dict[str, Any]:
        """Take note of a number that is paged; return what has to be written down because of it."""
        digits = _national(number)
        if number.startswith("+") or len(digits) < SHORTEST or self._paged.get(digits) == number:
            return {}
        changes: dict[str, Any] = {PREFIX + digits: number}
        while len(self._paged) >= MOST:
            oldest = next(iter(self._paged))
            del self._paged[oldest]
            changes[PREFIX + oldest] = None
        self._paged[digits] = number
        return changes

    def spelled(self, sender: str) -> str:
        """Return a sender as the site writes the number, or as it came."""
        if not sender.startswith("+"):
            return sender
        digits = sender.removeprefix("+")
        for start in range(min(LONGEST_COUNTRY, len(digits) - SHORTEST) + 1):
            if digits[start:] in self._paged and self._is_home(digits[:start]):
                return self._paged[digits[start:]]
        return sender

    def _is_home(self, country: str) -> bool:
        """Whether a country code is ours; where the service centre is unknown, any could be."""
        return not self.centre or self.centre.removeprefix("+").startswith(country)


def _national(number: str) -> str:
    return number.lstrip("0") if number.isdecimal() else ""
