"""Sites that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.drivers.scope.site import Site

Make = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    sites: list[Site] = []

    async def build(encoder: dict[str, Any] | None = None, **line: Any) -> Site:  # noqa: ANN401 - any setting
        site = Site(encoder, **line)
        sites.append(site)
        await site.start()
        return site

    yield build
    for site in sites:
        await site.stop()
