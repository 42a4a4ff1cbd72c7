"""Pagers of POCSAG, as the encoders of every make know them: capcodes, and what numeric pagers show."""

from __future__ import annotations

from gatewayd.errors import Invalid

LONGEST_TEXT = 500  # characters: what fits into a frame beside its head
LOWEST_CAPCODE = 8
HIGHEST_CAPCODE = 2_007_663  # as the manuals have it; POCSAG itself goes on to POCSAG_CAPCODES
POCSAG_CAPCODES = 2_097_151
# These would put the idle codeword of POCSAG on the air.
IDLE_CAPCODES = (range(2_007_664, 2_007_672), range(2_045_056, 2_045_064))

_NUMERIC = frozenset("0123456789 -U[]")


def capcode(digits: str, highest: int = HIGHEST_CAPCODE) -> int:
    """Return the number of a capcode. Raises Invalid where no pager has it."""
    number = int(digits)
    if not LOWEST_CAPCODE <= number <= highest or any(number in idle for idle in IDLE_CAPCODES):
        raise Invalid("address", f"is no capcode from {LOWEST_CAPCODE} to {highest}")
    return number


def numeric(text: str) -> str:
    """Return a text as a numeric pager shows it. Raises Invalid where it cannot."""
    text = text.upper()
    if not _NUMERIC.issuperset(text):
        raise Invalid("text", "a numeric pager shows digits, blanks and - U [ ] only")
    return text
