"""The same line, once for every kind of encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.encoder.kinds import KINDS
from tests.encoder.site import sites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.encoder.site import Kind, Make


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
async def make(kind: Kind) -> AsyncIterator[Make]:
    async with sites(kind) as build:
        yield build
