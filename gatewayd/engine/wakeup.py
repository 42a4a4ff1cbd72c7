"""The one timer of the engine: it sleeps until the earliest due time, and nothing polls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock, TimerHandle


class WakeUp:
    """Calls `ring` when the earliest of the wanted times is reached."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._handle: TimerHandle | None = None
        self._due: float | None = None
        self._stopped = False

    def at(self, when: float | None) -> None:
        """Want to be woken at `when` at the latest; None wants nothing."""
        if self._stopped or when is None or (self._due is not None and self._due <= when):
            return
        if self._handle is not None:
            self._handle.cancel()
        self._due = when
        self._handle = self._clock.call_at(when, self._wake)

    def stop(self) -> None:
        """Never ring again."""
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._due = None

    def _wake(self) -> None:
        self._handle = self._due = None
        self._ring()
