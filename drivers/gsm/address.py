"""Addresses in PDUs: telephone numbers and names (3GPP TS 23.040, clause 9.1.2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.gsm import alphabet
from drivers.gsm.octets import Malformed

if TYPE_CHECKING:
    from drivers.gsm.octets import Octets

NUMBER = re.compile(r"[+0-9*#]{1,20}")
INTERNATIONAL, UNKNOWN, ALPHANUMERIC = 0x91, 0x81, 0xD0
MAX_DIGITS = 20
MAX_NAME = 11  # characters

_DIGITS = "0123456789*#abc"
_FILLER = 0x0F
_TYPE = 0x70  # type of number: the bits that tell names and international numbers from others
_SIGNIFICANT = 7  # digits at the end of a number that stay the same however its beginning is written


@dataclass(frozen=True, slots=True)
class Address:
    """Digits without `+`, or a name; `type` is the type-of-address octet."""

    value: str
    type: int = UNKNOWN

    def __str__(self) -> str:
        """Return the number as people dial it, or the name; a name that has control codes has blanks instead."""
        if self.is_international:
            return f"+{self.value}"
        return "".join(character if character.isprintable() else " " for character in self.value)

    @classmethod
    def parse(cls, number: str) -> Address:
        """Read a number as people write it: `+` makes it international. Raises ValueError for anything else."""
        digits = number.removeprefix("+")
        if not NUMBER.fullmatch(number) or "+" in digits or not digits:
            raise ValueError(f"{number[:MAX_DIGITS]!r} is no telephone number")
        return cls(digits, INTERNATIONAL if number.startswith("+") else UNKNOWN)

    @property
    def is_name(self) -> bool:
        """Whether this is a name: nobody can answer it."""
        return self.type & _TYPE == ALPHANUMERIC & _TYPE

    @property
    def is_international(self) -> bool:
        """Whether the digits begin with a country code."""
        return self.type & _TYPE == INTERNATIONAL & _TYPE

    def to_bytes(self) -> bytes:
        """Return length, type and value; the length counts half octets."""
        if self.is_name:
            septets = alphabet.to_septets(self.value)
            if septets is None or len(septets) > MAX_NAME:
                raise ValueError("a name has at most 11 characters of the default alphabet")
            return bytes(((len(septets) * 7 + 3) // 4, self.type)) + alphabet.pack(septets)
        return bytes((len(self.value), self.type)) + half_octets(self.value)

    @classmethod
    def read(cls, octets: Octets) -> Address:
        """Read an address. Raises Malformed when it is cut off or longer than an address can be."""
        length, kind = octets.octet(), octets.octet()
        if length > MAX_DIGITS:
            raise Malformed(f"an address of {length} half octets")
        data = octets.take((length + 1) // 2)
        if kind & _TYPE == ALPHANUMERIC & _TYPE:
            name = alphabet.from_septets(alphabet.unpack(data, length * 4 // 7))
            return cls(name, kind)
        return cls(_digits(data)[:length], kind)


def half_octets(digits: str) -> bytes:
    """Return digits in swapped half octets, filled up with F."""
    codes = [_DIGITS.index(digit) for digit in digits]
    codes += [_FILLER] * (len(codes) % 2)
    return bytes(high << 4 | low for low, high in zip(codes[::2], codes[1::2], strict=True))


def read_service_centre(octets: Octets) -> str:
    """Read the service centre that modems put before a PDU; its length counts octets (TS 27.005, clause 3.1)."""
    length = octets.octet()
    if not length:
        return ""
    kind, *data = octets.take(length)
    return str(Address(_digits(bytes(data)), kind))


def same_subscriber(one: str, other: str) -> bool:
    """Compare numbers by their last digits: a report may say +49 170 where the page said 0170."""
    return tail(one) == tail(other)


def tail(number: str) -> str:
    """Return the digits that identify a subscriber whatever the prefix."""
    return number.removeprefix("+")[-_SIGNIFICANT:]


def _digits(data: bytes) -> str:
    codes = [code for octet in data for code in (octet & _FILLER, octet >> 4)]
    return "".join(_DIGITS[code] for code in codes if code != _FILLER)
