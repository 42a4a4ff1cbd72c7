"""What a paging terminal answers: the table of `responses` in reverse. The control byte counts, the code explains."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from drivers.tap.responses import CODES


class Sign(Enum):
    """The control byte that ends an answer."""

    ACK = "\x06"
    NAK = "\x15"  # send the block again
    RS = "\x1e"  # give this page up, go on with the next
    HANG_UP = "\x1b\x04"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer."""

    code: int
    sign: Sign

    def to_bytes(self, *, codes: bool = True, most_chars: int = 0) -> bytes:
        """Return the answer as it goes on the wire; 214 and 517 begin with `most_chars`, the longest text."""
        if not codes:
            return f"\r{self.sign.value}\r".encode("ascii")
        words = _WORDS.get(self.code, CODES[self.code].meaning)
        if self.code in _WITH_LIMIT:
            words = f"{most_chars:03d} {words}"
        return f"{self.code} {words}\r{self.sign.value}\r".encode("ascii")


_WORDS = {110: "1.8", 115: "Bye", 211: "Page accepted"}
_WITH_LIMIT = frozenset((214, 517))

LOGGED_ON = Verdict(110, Sign.ACK)
MALFORMED_LOGON, UNKNOWN_SERVICE, BAD_PASSWORD = (Verdict(code, Sign.NAK) for code in (507, 508, 509))
TAKEN = Verdict(211, Sign.ACK)
CUT = Verdict(214, Sign.ACK)
STRAY = Verdict(502, Sign.NAK)
DAMAGED = Verdict(514, Sign.NAK)
TOO_MUCH_DAMAGE = Verdict(503, Sign.HANG_UP)
ILLEGAL_PAGER = Verdict(510, Sign.RS)
UNKNOWN_PAGER = Verdict(511, Sign.RS)
# RS would make a terminal's client give the page up, and a full disk or queue is no reason for that.
CANNOT_STORE = Verdict(512, Sign.NAK)
ENDLESS = Verdict(513, Sign.RS)
BAD_FORMAT = Verdict(515, Sign.RS)
TOO_LONG = Verdict(517, Sign.RS)
ENOUGH_PAGES = Verdict(112, Sign.HANG_UP)
SILENT = Verdict(501, Sign.HANG_UP)
GOODBYE = Verdict(115, Sign.HANG_UP)
WAIT = b"111 processing, wait\r"
