"""Making the parts of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from drivers.gsm.address import NUMBER, Address
from drivers.gsm.pdu import Submit
from drivers.gsm.userdata import CLASS_0, Coding, UserData, split

if TYPE_CHECKING:
    from drivers.gsm.settings import GsmSettings

TEXT_MODE_CHARACTERS = 70
_HIGHEST_REFERENCE = 0xFFFF


@dataclass(frozen=True, slots=True)
class Composed:
    """The parts of a page; `note` says what was done to its text."""

    parts: tuple[Submit, ...]
    note: str = ""


class Composer:
    """Writes messages as the settings want them; counts the references of long ones."""

    def __init__(self, settings: GsmSettings) -> None:
        self._settings = settings
        self._reference = 0

    def compose(self, number: str, text: str, lifetime: float, *, text_mode: bool) -> Composed:
        """Return the parts for a number, to be kept for `lifetime` seconds. Raises ValueError for what is no number."""
        if not NUMBER.fullmatch(number):
            raise ValueError(f"{number[:20]!r} is no telephone number: digits, +, * and # only")
        settings, destination = self._settings, Address.parse(number)
        if text_mode:
            return self._compose_pieces(destination, text)
        self._reference = (self._reference + 1) & _HIGHEST_REFERENCE
        reference = self._reference if settings.wide_references else self._reference & 0xFF
        dcs_class = CLASS_0 if settings.flash else 0
        cut = split(text, settings.max_parts, reference, wide=settings.wide_references, dcs_class=dcs_class)
        validity = timedelta(seconds=max(0.0, min(lifetime, settings.validity)))
        parts = [Submit(destination, part, validity, report=settings.delivery_reports) for part in cut.parts]
        return Composed(tuple(parts), _note(cut.left_out, text))

    def _compose_pieces(self, destination: Address, text: str) -> Composed:
        """Text mode has no long messages: every piece is a message of its own."""
        longest = self._settings.max_parts * TEXT_MODE_CHARACTERS
        kept = text[:longest]
        pieces = [kept[at : at + TEXT_MODE_CHARACTERS] for at in range(0, len(kept), TEXT_MODE_CHARACTERS)] or [""]
        datas = [UserData(Coding.UCS2, piece.encode("utf-16-be", "replace")) for piece in pieces]
        return Composed(tuple(Submit(destination, data) for data in datas), _note(len(text) - len(kept), text))


def _note(left_out: int, text: str) -> str:
    return f"text cut to {len(text) - left_out} of {len(text)} characters" if left_out > 0 else ""
