"""What the driver of one line wants remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.errors import NotDurable

if TYPE_CHECKING:
    from gatewayd.store import Store


class Memory:
    """What a line remembers, in the store (`gatewayd.driver.LineMemory`)."""

    def __init__(self, store: Store, line: str) -> None:
        self._store = store
        self._line = line
        self._items = store.line_memory(line)
        self.version = 0  # grows with every change

    def items(self) -> dict[str, Any]:
        """Return everything that is remembered."""
        return dict(self._items)

    async def save(self, changes: dict[str, Any]) -> None:
        """Record changes on disk, all or nothing; None forgets a key.

        Raises StoreUnavailable; NotDurable where they are remembered, but not on disk yet.
        """
        known = all(self._items.get(key) == value for key, value in changes.items())
        if known and self._store.writer.is_down:
            raise NotDurable("it is remembered already, and nothing can be stored")
        try:
            await self._store.save_line_memory(self._line, changes)
        except NotDurable:
            self._remember(changes)
            raise
        self._remember(changes)

    def _remember(self, changes: dict[str, Any]) -> None:
        self.version += 1
        for key, value in changes.items():
            if value is None:
                self._items.pop(key, None)
            else:
                self._items[key] = value
