"""Random bytes as hex, for branches, tags, nonces and references: the kernel is asked once for many of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 4096  # bytes asked for at once; a page takes about thirty, and each question costs some three microseconds


class Tokens:
    """Gives out what `source(n)` returns, every byte of it once; as good as the kernel's own random bytes."""

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        self._source = source
        self._hex = ""
        self._used = 0

    def __call__(self, size: int) -> str:
        """Return `size` bytes as hex, at most `BLOCK`."""
        begin, end = self._used, self._used + 2 * size
        if end > len(self._hex):
            self._hex, begin, end = self._source(BLOCK).hex(), 0, 2 * size
        self._used = end
        return self._hex[begin:end]
