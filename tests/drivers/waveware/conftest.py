"""Sites that end with their test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.encoder.kinds import WAVEWARE
from tests.encoder.site import sites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.encoder.site import Make


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with sites(WAVEWARE) as build:
        yield build
