"""Pages that come again because their sender did not hear the answer: they are known by the reference of the first.

Two equal pages are two pages where the sender heard that the first one was taken: a patient may ring twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

MOST_KEPT = 1_024
LATE = 8.0
"""Seconds after which a sender may have given up waiting for our answer (t3 is 10 s)."""
BROKEN_WITHIN = 120.0
"""Seconds within which a page that lost its session comes again: a hang-up, redialling, and a logon fit in."""


@dataclass(slots=True)
class _Submission:
    reference: str
    time: float
    heard: bool = False


class Repeats:
    """Names pages. `prefix` sets the names of this run of the line apart from those of every other."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._number = 0
        self._kept: OrderedDict[bytes, _Submission] = OrderedDict()

    def reference(self, source: str, pager_id: str, text: str, now: float) -> str:
        """Return the name of a page: that of the page before where this is the same one again."""
        key = hashlib.sha256(f"{source}\0{pager_id}\0{text}".encode()).digest()
        before = self._kept.pop(key, None)
        if before is None or before.heard or now - before.time > BROKEN_WITHIN:
            self._number += 1
            before = _Submission(f"{self._prefix}-{self._number}", now)
        self._kept[key] = before
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return before.reference

    def heard(self, reference: str, submitted: float, answered: float) -> None:
        """Take note that a sender went on after our answer; it may have gone on without it where that was late."""
        if answered - submitted > LATE:
            return
        for submission in reversed(self._kept.values()):
            if submission.reference == reference:
                submission.heard = True
                return
