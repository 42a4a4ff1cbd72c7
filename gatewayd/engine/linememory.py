"""What the driver of one line wants remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        """Record changes on disk, all or nothing; None forgets a key. Raises StoreUnavailable."""
        await self._store.save_line_memory(self._line, changes)
        self.version += 1
        for key, value in changes.items():
            if value is None:
                self._items.pop(key, None)
            else:
                self._items[key] = value
