"""The promise about silent devices, for every kind that can notice: by default a fault within half a minute."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayd import registry
from gatewayd.cli.player import Player
from gatewayd.cli.replay import checked
from gatewayd.transport.capture import Piece
from gatewayd.transport.capturefile import Capture

SILENT = 30.0  # seconds; the promise
NOTHING = Capture((Piece(0.0, "open", "-", b""), Piece(100.0, "open", "-", b"")))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("espa444", {"role": "pager"}),
        ("espa444", {"role": "panel"}),
        ("gsm", {}),
        ("tap", {}),
        ("tap", {"port": "socket://192.0.2.1:4001"}),
    ],
    ids=["panel", "transmitter", "modem", "terminal", "terminal behind a device server"],
)
async def test_a_device_that_says_nothing_is_a_fault_within_half_a_minute(kind: str, settings: dict[str, Any]) -> None:
    told: list[tuple[float, str]] = []
    made = registry.load(kind)
    await Player(made, checked(made, settings), NOTHING, lambda when, what: told.append((when, what))).play()
    faults = [when for when, what in told if what.startswith("down: ") or "fault=True" in what]
    assert faults[0] <= SILENT, told
