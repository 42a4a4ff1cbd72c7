"""What a whole transaction says, and whether a paging terminal takes it (step 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.tap import verdicts
from drivers.tap.blocks import unescape

if TYPE_CHECKING:
    from drivers.tap.submissions import TerminalRules
    from drivers.tap.verdicts import Verdict

MAX_CALLED_ID = 64
"""Characters of a pager ID that clients may use; it becomes a recipient."""


def read(info: bytes) -> tuple[str, str]:
    """Return the pager ID and the text of a transaction; further fields are further lines of the text.

    A line feed left at a CR is nothing. The checksum was right, so nothing was lost: whoever leaves out the last CR, or
    the text, is understood.
    """
    fields = info.replace(b"\r\n", b"\r").replace(b"\n\r", b"\r").removesuffix(b"\r").split(b"\r")
    pager_id, *lines = (unescape(field).decode("ascii") for field in fields)
    return pager_id.strip(), "\n".join(lines)


def fault_of_page(pager_id: str, text: str, rules: TerminalRules) -> Verdict | None:
    """Return what is wrong with a page, None for one that is taken."""
    if len(pager_id) > MAX_CALLED_ID or (pager_id and not pager_id.isprintable()):
        return verdicts.ILLEGAL_PAGER
    if rules.pagers and pager_id not in rules.pagers:
        return verdicts.UNKNOWN_PAGER
    return verdicts.TOO_LONG if rules.refuse_long and 0 < rules.max_chars < len(text) else None
