"""Writing to a file descriptor that may not take everything at once, without blocking the loop."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class FdWriter:
    """Writes at once what the descriptor takes and the rest when it can; `on_error` hears of a device that is gone."""

    def __init__(self, fd: int, on_error: Callable[[OSError], None]) -> None:
        self._fd = fd
        self._on_error = on_error
        self._unsent = bytearray()
        self.taken = 0  # bytes in all, so that a standstill can be told
        self._loop = asyncio.get_running_loop()

    @property
    def unsent(self) -> int:
        """How many bytes wait."""
        return len(self._unsent)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write now what can be written now."""
        if self._unsent:
            self._unsent += data
            return
        taken = self._try(data)
        if taken < len(data):
            self._unsent += memoryview(data)[taken:]
            self._loop.add_writer(self._fd, self._resume)

    def stop(self) -> None:
        """Forget what waits; the descriptor may be closed after this."""
        if self._unsent:
            self._unsent.clear()
            self._loop.remove_writer(self._fd)

    def _resume(self) -> None:
        taken = self._try(self._unsent)
        del self._unsent[:taken]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _try(self, data: bytes | bytearray | memoryview) -> int:
        """Return how many bytes the descriptor took; of a lost device: all, because nothing is left to do with them."""
        try:
            taken = os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._on_error(error)
            return len(data)
        self.taken += taken
        return taken
