"""Sites that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.drivers.ascii.site import Site

Make = Callable[..., Any]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    sites: list[Site] = []

    async def build(*layers: dict[str, Any], **more: Any) -> Site:  # noqa: ANN401 - any setting
        site = Site(*layers, **more)
        sites.append(site)
        await site.start()
        return site

    yield build
    for site in sites:
        await site.stop()
