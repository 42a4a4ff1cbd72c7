"""A line without a simulator."""

from __future__ import annotations

from gatewayd.driver import LineSettings
from tests.registry.kinds.horn import HornDriver


class LampSettings(LineSettings):
    port: int = 0


DRIVER = HornDriver
SETTINGS = LampSettings
