"""What a modem's error means for a message: the codes of 3GPP TS 24.011 (1-127), 23.040 (128-255) and 27.005 (300-)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gatewayd.hayes.results import Result

if TYPE_CHECKING:
    from gatewayd.hayes.script import Reply

MAX_WORDS = 80
"""Characters kept of what a modem says about an error."""

_ERROR = re.compile(r"\+(CM[SE]) ERROR: ?(\d{1,5})")


class Disposition(Enum):
    """What to do about an error."""

    PERMANENT = "this number or text will never be taken"
    RETRY = "later may help"
    DEVICE = "the modem or its SIM needs somebody"
    STORAGE = "the modem's memory for messages is full"


_PERMANENT = (
    {1, 8, 10, 21, 28, 29, 30, 50, 69, 81, 95, 96, 97, 98, 99, 111, 127} | set(range(128, 177)) | {193, 195, 196, 197}
) | {304, 305}
_DEVICE = {300, 302, 303, 310, 311, 312, 313, 315, 316, 317, 318, 330}
_STORAGE = {208, 211, 320, 321, 322}
_DEVICE_CME = {10, 11, 12, 13, 15, 16, 17, 18, 30, 31, 32}
_UNKNOWN = 500
_SUSPECT = {300, _UNKNOWN}

_MEANINGS = {
    1: "unassigned number",
    8: "operator determined barring",
    10: "call barred",
    17: "network failure",
    21: "rejected",
    22: "congestion",
    27: "destination out of service",
    28: "unidentified subscriber",
    29: "facility rejected",
    30: "unknown subscriber",
    38: "network out of order",
    41: "temporary failure",
    42: "congestion",
    47: "resources unavailable",
    50: "not subscribed",
    192: "service centre busy",
    193: "no service centre subscription",
    194: "service centre failure",
    195: "invalid destination",
    196: "destination barred",
    197: "duplicate rejected",
    300: "modem failure",
    304: "invalid PDU",
    305: "invalid text",
    310: "no SIM",
    311: "SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    316: "SIM PUK required",
    320: "memory failure",
    321: "no such place in the memory",
    322: "memory full",
    330: "service centre number unknown",
    331: "no network",
    332: "network time-out",
    500: "unknown error",
}
_MEANINGS_CME = {10: "no SIM", 11: "SIM PIN required", 12: "SIM PUK required", 13: "SIM failure", 14: "SIM busy"}


@dataclass(frozen=True, slots=True)
class ModemError:
    """A final result other than OK; `code` is None for a plain ERROR."""

    words: str
    family: str = ""
    code: int | None = None

    @classmethod
    def parse(cls, line: str) -> ModemError:
        """Read `+CMS ERROR: 38`, `+CME ERROR: 10`, `ERROR`, or the same in words."""
        found = _ERROR.match(line)
        if found is None:
            return cls(line[:MAX_WORDS])
        return cls(line[:MAX_WORDS], found[1], int(found[2]))

    def __str__(self) -> str:
        """Return the modem's words and what they mean."""
        meanings = _MEANINGS if self.family == "CMS" else _MEANINGS_CME
        meaning = meanings.get(self.code) if self.code is not None else None
        return f"{self.words} ({meaning})" if meaning else self.words

    @property
    def disposition(self) -> Disposition:
        """What to do about it."""
        if self.family == "CME":
            return Disposition.DEVICE if self.code in _DEVICE_CME else Disposition.RETRY
        for codes, disposition in (
            (_PERMANENT, Disposition.PERMANENT),
            (_DEVICE, Disposition.DEVICE),
            (_STORAGE, Disposition.STORAGE),
        ):
            if self.code in codes:
                return disposition
        return Disposition.RETRY

    @property
    def is_unexplained(self) -> bool:
        """Whether this is what most modems say when the chosen kind of network carries no messages."""
        return self.family == "CMS" and self.code == _UNKNOWN

    @property
    def is_suspect(self) -> bool:
        """Whether several of these in a row mean that the modem itself is stuck."""
        return self.code is None or self.code in _SUSPECT or self.disposition is Disposition.DEVICE


def error_of(reply: Reply) -> ModemError | None:
    """Return the error that ended a command, None where none did."""
    return ModemError.parse(reply.final) if reply.result is Result.ERROR else None
