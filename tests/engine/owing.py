"""What a test expects while the disk takes nothing, and how it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.errors import NotDurable
from gatewayd.store.storage import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.conftest import Box


async def refused(work: Callable[[], object]) -> None:
    """Expect that something takes effect and is not acknowledged."""
    with pytest.raises(NotDurable):
        await work()  # type: ignore[misc]
    await settle()


async def back(box: Box, seconds: float = 61) -> None:
    """Repair the disk and wait until that is noticed."""
    box.disk.full = False
    await box.passes(seconds)
    assert box.store.storage.disk is Disk.SOUND
