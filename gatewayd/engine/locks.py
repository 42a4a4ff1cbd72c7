"""Locks by key: decisions about one case are taken one after the other, those about different cases side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

Waiting = deque["asyncio.Future[None]"]


class KeyedLocks:
    """A lock for every key; it exists only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._held: dict[Hashable, Waiting] = {}  # who waits for each key that is held, first come first served

    def __len__(self) -> int:
        """Return how many keys are held at the moment."""
        return len(self._held)

    def __call__(self, key: Hashable) -> Turn:
        """Return what holds the lock of `key` inside an `async with`."""
        return Turn(self._held, key)


class Turn:
    """One hold of one key. A free one is taken without a task, a future or a turn of the loop: nearly all are free."""

    __slots__ = ("_held", "_key")

    def __init__(self, held: dict[Hashable, Waiting], key: Hashable) -> None:
        self._held = held
        self._key = key

    async def __aenter__(self) -> None:
        """Take the key, or wait for it."""
        waiting = self._held.get(self._key)
        if waiting is None:
            self._held[self._key] = deque()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()  # it was ours already
            elif turn in waiting:  # whoever passed the key on meanwhile has dropped it
                waiting.remove(turn)
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give the key to who waits longest."""
        self._pass_on()

    def _pass_on(self) -> None:
        waiting = self._held[self._key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._held[self._key]
