"""The fault of a console that cannot be reached: told once, kept over a restart, cleared once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.engine.apifault import ApiFault
from gatewayd.errors import StoreUnavailable

if TYPE_CHECKING:
    import pytest

    from tests.engine.conftest import Box

REASON = "cannot listen on 192.0.2.1, port 443: Cannot assign requested address"
FALLBACK = 6


async def test_people_are_told_once_and_once_that_it_is_over(box: Box) -> None:
    fault = ApiFault(box.engine)
    for reason in ("", REASON, REASON):
        await fault.tell(reason)
    await settle()
    text = f"gatewayd: The console and the interfaces of the gateway {REASON}. Alarms are paged all the same"
    assert box.texts_of(FALLBACK) == [text]
    assert box.alarm().cleared_time is None
    await box.restart()
    fault = ApiFault(box.engine)
    assert fault.stands
    await fault.tell("")
    await settle()
    assert box.alarm().cleared_time is not None
    assert not ApiFault(box.engine).stands


async def test_what_cannot_be_recorded_is_told_later(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = ApiFault(box.engine)

    async def fails(*_: object) -> None:
        raise StoreUnavailable("the disk says no")

    with monkeypatch.context() as patched:
        patched.setattr(box.engine, "report", fails)
        await fault.tell(REASON)
    assert not fault.stands
    await fault.tell(REASON)
    assert fault.stands
