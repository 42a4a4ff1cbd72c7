"""Calls whose panel hears what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivers.espa444.simulator import SimulatedPanel
    from tests.drivers.espa444.conftest import Site

FIRE = "FIRE ZONE 3"


async def alarmed(site: Site, **settings: Any) -> SimulatedPanel:  # noqa: ANN401 - those of the line
    """Join a panel and let it call; return it."""
    panel = await site.panel(**settings)
    await site.finish(site.start(panel.activate("2001", FIRE, "1", beep="5")))
    return panel


def told(panel: SimulatedPanel) -> list[str]:
    """Return the call statuses that the panel was told."""
    return [status.get("7") for status in panel.statuses]
