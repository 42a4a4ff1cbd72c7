"""What tests of several folders share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.smalldisk import MEBIBYTE, SmallDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a disk of a few MiB, which is easily filled."""
    mounted = SmallDisk(tmp_path / "disk", 8 * MEBIBYTE)
    yield mounted
    mounted.remove()
