"""The clock of the tests of the transports."""

from __future__ import annotations

import pytest

from gatewayd.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
