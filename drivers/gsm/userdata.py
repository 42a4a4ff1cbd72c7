"""The text of a short message: coding, header, and splitting over several messages (TS 23.040, clause 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from drivers.gsm import alphabet
from drivers.gsm.octets import Malformed, Octets

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_OCTETS = 140
MAX_SEPTETS = 160
_IE_CONCAT_8, _IE_CONCAT_16 = 0x00, 0x08
_CONCAT_LENGTHS = {_IE_CONCAT_8: 3, _IE_CONCAT_16: 4}
_HIGH_SURROGATES = range(0xD800, 0xDC00)


class Coding(Enum):
    """How text becomes octets; the value is the data coding scheme octet (TS 23.038, clause 4)."""

    GSM7 = 0x00
    EIGHT_BIT = 0x04
    UCS2 = 0x08

    @classmethod
    def of(cls, dcs: int) -> Coding:
        """Return what a data coding scheme means; reserved ones mean the default alphabet."""
        group = dcs >> 4
        if group == 0xF:  # noqa: PLR2004 - coding groups are rows of the table in clause 4
            return cls.EIGHT_BIT if dcs & 0x04 else cls.GSM7
        if group == 0xE:  # noqa: PLR2004
            return cls.UCS2
        if group < 0x8:  # noqa: PLR2004
            compressed = dcs & 0x20
            return cls.EIGHT_BIT if compressed else _GENERAL.get(dcs & 0x0C, cls.GSM7)
        return cls.GSM7


_GENERAL = {coding.value: coding for coding in Coding}
CLASS_0 = 0x10  # added to a coding: shown at once, not stored (flash)


@dataclass(frozen=True, slots=True)
class Concat:
    """The place of a part in a longer message; `part` counts from 1, `wide` says that the reference has 16 bits."""

    reference: int
    total: int
    part: int
    wide: bool = False

    def to_bytes(self) -> bytes:
        """Return the information element, without the header's length."""
        reference = self.reference.to_bytes(2 if self.wide else 1, "big")
        body = reference + bytes((self.total, self.part))
        return bytes((_IE_CONCAT_16 if self.wide else _IE_CONCAT_8, len(body))) + body


@dataclass(frozen=True, slots=True)
class UserData:
    """One part of text.

    `data` has one septet per byte in the default alphabet, octets otherwise; `header` comes without its length.
    """

    coding: Coding
    data: bytes
    header: bytes = b""
    dcs: int | None = None

    @property
    def scheme(self) -> int:
        """The data coding scheme octet."""
        return self.coding.value if self.dcs is None else self.dcs

    @property
    def text(self) -> str:
        """The text; octets that are no text come out as Latin-1, broken UCS-2 with replacement characters."""
        if self.coding is Coding.GSM7:
            return alphabet.from_septets(self.data)
        if self.coding is Coding.UCS2:
            return self.data.decode("utf-16-be", "replace")
        return self.data.decode("latin-1")

    @property
    def concat(self) -> Concat | None:
        """The place in a longer message, or None for a message of its own; nonsense counts as none."""
        for kind, body in self._elements():
            if _CONCAT_LENGTHS.get(kind) == len(body):
                *reference, total, part = body
                if 0 < part <= total:
                    return Concat(int.from_bytes(reference, "big"), total, part, wide=kind == _IE_CONCAT_16)
        return None

    def _elements(self) -> Iterator[tuple[int, bytes]]:
        octets = Octets(self.header)
        while octets.left > 1:
            kind, length = octets.octet(), octets.octet()
            if length > octets.left:
                return
            yield kind, octets.take(length)

    def to_bytes(self) -> bytes:
        """Return user data length and user data."""
        header = bytes((len(self.header),)) + self.header if self.header else b""
        if self.coding is not Coding.GSM7:
            return bytes((len(header) + len(self.data),)) + header + self.data
        fill = _fill(header)
        length = (len(header) * 8 + fill) // alphabet.SEPTET + len(self.data)
        return bytes((length,)) + header + alphabet.pack(self.data, fill)

    @classmethod
    def read(cls, octets: Octets, dcs: int, *, has_header: bool) -> UserData:
        """Read length and data. Raises Malformed; a message that is shorter than its length is taken as it is."""
        coding = Coding.of(dcs)
        length, body = octets.octet(), octets.rest()
        header = b""
        if has_header:
            if not body or body[0] + 1 > len(body):
                raise Malformed("the user data header is cut off")
            header, body = body[1 : body[0] + 1], body[body[0] + 1 :]
        taken = len(header) + 1 if has_header else 0
        if coding is Coding.GSM7:
            fill = -taken * 8 % alphabet.SEPTET
            data = alphabet.unpack(body, length - (taken * 8 + fill) // alphabet.SEPTET, fill)
        else:
            data = body[: max(0, length - taken)]
        return cls(coding, data, header, dcs)


def _fill(header: bytes) -> int:
    """Return the bits between a header and the next septet boundary."""
    return -len(header) * 8 % alphabet.SEPTET


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts of a text; `left_out` is how many characters did not fit."""

    parts: tuple[UserData, ...]
    left_out: int = 0


def split(text: str, max_parts: int, reference: int, *, wide: bool = False, dcs_class: int = 0) -> Cut:
    """Divide a text into at most `max_parts` messages, never inside an escape pair or a surrogate pair.

    What would be too long is tried once more with lookalikes for characters that the default alphabet lacks.
    """
    coding, units = _encode(text)
    chunks = _chunks(coding, units, wide=wide)
    if len(chunks) > max_parts and coding is Coding.UCS2:
        simpler, simpler_units = _encode(alphabet.simplify(text))
        if simpler is Coding.GSM7:
            coding, chunks = simpler, _chunks(simpler, simpler_units, wide=wide)
    dropped = chunks[max_parts:]
    chunks = chunks[:max_parts]
    left_out = sum(len(UserData(coding, chunk).text) for chunk in dropped)
    dcs = coding.value | dcs_class if dcs_class else None
    if len(chunks) == 1:
        return Cut((UserData(coding, chunks[0], dcs=dcs),), left_out)
    places = (Concat(reference, len(chunks), part, wide) for part in range(1, len(chunks) + 1))
    parts = (UserData(coding, chunk, place.to_bytes(), dcs) for chunk, place in zip(chunks, places, strict=True))
    return Cut(tuple(parts), left_out)


def _encode(text: str) -> tuple[Coding, bytes]:
    septets = alphabet.to_septets(text)
    if septets is not None:
        return Coding.GSM7, septets
    return Coding.UCS2, text.encode("utf-16-be", "replace")


def _chunks(coding: Coding, units: bytes, *, wide: bool) -> list[bytes]:
    single = MAX_SEPTETS if coding is Coding.GSM7 else MAX_OCTETS
    if len(units) <= single:
        return [units]
    room = MAX_OCTETS - (7 if wide else 6)  # the header of a part, with its length
    size = room * 8 // alphabet.SEPTET if coding is Coding.GSM7 else room // 2 * 2
    chunks, start = [], 0
    while start < len(units):
        end = start + size
        if end < len(units):
            end -= _overhang(coding, units[:end])
        chunks.append(units[start:end])
        start = end
    return chunks


def _overhang(coding: Coding, units: bytes) -> int:
    """Return how many units at the end belong together with what follows."""
    if coding is Coding.GSM7:
        return 1 if units[-1] == alphabet.ESCAPE else 0
    return 2 if int.from_bytes(units[-2:], "big") in _HIGH_SURROGATES else 0
