"""The other end of an ESPA 4.4.4 line: a panel that calls, and a paging transmitter that is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.espa444.simulated_pager import PagedCall, PagerSettings, SimulatedPager
from drivers.espa444.simulated_panel import PanelSettings, ScriptStep, SimulatedPanel

if TYPE_CHECKING:
    from gatewayd.simulator import Simulator

SIMULATORS: dict[str, type[Simulator]] = {"espa444-panel": SimulatedPanel, "espa444-pager": SimulatedPager}

__all__ = [
    "SIMULATORS",
    "PagedCall",
    "PagerSettings",
    "PanelSettings",
    "ScriptStep",
    "SimulatedPager",
    "SimulatedPanel",
]
