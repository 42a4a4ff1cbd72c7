"""What the tests of the transports share: the clock, and a device at the other end of a PTY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock
from gatewayd.transport.pty import Pty, open_pty
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def device(clock: ManualClock) -> Talker:
    return Talker(clock)


@pytest.fixture
async def cable(device: Talker, tmp_path: Path) -> AsyncIterator[Pty]:
    pty = open_pty(device, tmp_path / "port")
    yield pty
    pty.close()
    await device.wait_closed()
