"""Texts that were long on their way: an old OK must not accept an alarm that came after it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_NAMES_A_PAGE = re.compile(r"#[0-9]|[0-9]{2}")  # #4711, JA 4711: it can only mean that page, however old it is


def dated(text: str, time: datetime | None, wall: float, limit: float) -> str:
    """Return a text as it is passed on: one older than `limit` seconds (0: no limit) says when it was sent.

    So it is no answer any more, unless it names its page, and goes to a person. `time` is the service centre's.
    """
    if not limit or time is None or wall - time.timestamp() <= limit or names_page(text):
        return text
    return f"(sent {time:%Y-%m-%d %H:%M}) {text}"


def names_page(text: str) -> bool:
    """Return whether a text has the code of a page, or something like it."""
    return _NAMES_A_PAGE.search(text) is not None
