"""Pages in the queues of their lines: order, dead lines, drivers that hang, and the faults of lines."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.linefault import MOST_REASONS
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import LineDown
from gatewayd.model import AlarmReset, Priority
from tests.engine.conftest import ADMIN, NURSE, PHONE_B, PHONE_C, WARD_PAGER, Box

if TYPE_CHECKING:
    import pytest


async def test_a_dead_line_never_blocks_another(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    assert box.phones.texts == ["ROOM 12 #2"]  # 1 is the message of the line's fault


async def test_a_retry_that_comes_due_on_a_dead_line_does_not_keep_the_box_busy(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.FAILED, "busy")]
    await box.activates("3-12")
    box.pager.unplug()
    await box.passes(3)
    await box.engine.report("ward-panel", AlarmReset("3-12"))
    assert box.clock.next_due() is None or box.clock.next_due() > box.clock.now()  # type: ignore[operator]


async def test_the_most_urgent_page_leaves_first(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    for key, priority in (
        ("low", Priority.LOW),
        ("fire", Priority.EMERGENCY),
        ("normal", None),
        ("high", Priority.HIGH),
    ):
        await box.activates(key, key, priority)
    box.pager.plug_in()
    await box.passes(5)
    assert box.pager.texts == ["fire", "high", "normal", "low"]


async def test_pages_to_a_busy_address_wait_while_others_leave(box: Box) -> None:
    hold = box.phones.hold_back()
    for name, contact in (("a", PHONE_B), ("b", PHONE_B), ("c", PHONE_C)):
        await box.engine.send(box.user(ADMIN), SendOrder(name, Priority.NORMAL, (contact,)))
    await settle()
    assert [page.text[:1] for page in box.phones.started] == ["a", "c"]
    hold.set()
    await settle()
    assert [page.text[:1] for page in box.phones.started] == ["a", "c", "b"]


async def test_a_page_behind_a_busy_address_can_be_withdrawn(box: Box) -> None:
    hold = box.phones.hold_back()
    await box.activates("3-11", "FIRST")
    await box.activates("3-12", "SECOND")
    await box.activates("3-13", "THIRD")
    await box.accepts(NURSE, 2)
    hold.set()
    await settle()
    assert [page.text for page in box.phones.pages] == ["FIRST #1", "THIRD #3"]


async def test_a_driver_that_hangs_does_not_hold_its_line_for_ever(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    box.pager.gate = None
    await box.passes(200)
    assert len(box.pager.pages) > 0


async def test_a_driver_that_hangs_when_its_device_is_lost_sends_again_after_the_return(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    box.pager.gate = None
    box.pager.unplug()
    await box.passes(1)
    box.pager.plug_in()
    await box.passes(10)
    assert box.pager.texts == ["ROOM 12"]
    assert [page.attempts for page in box.pages() if page.line == "pager"] == [2]


# --- faults -----------------------------------------------------------------------------------------------------------


async def test_a_fault_is_raised_once_per_outage_and_cleared(box: Box) -> None:
    for outage in (1, 2):
        box.phones.unplug()
        await box.passes(60)
        box.phones.plug_in()
        await box.passes(5)
        assert box.texts_of(ADMIN).count("phones: Line phones is down: unplugged") == outage
    assert not any(box.alarm(number).is_active for number in (1, 2))


async def test_a_fault_is_cleared_although_the_disk_was_full_when_the_line_returned(box: Box) -> None:
    box.phones.unplug()
    await box.passes(1)
    box.disk.full = True
    box.phones.plug_in()
    await box.passes(10)
    assert not box.alarm().is_active
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE id = 1 AND cleared_time IS NULL") == 1
    box.disk.full = False
    await box.passes(10)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE id = 1 AND cleared_time IS NULL") == 0
    assert box.alarm().repeats == 0


async def test_what_is_more_urgent_goes_first_when_a_device_may_send_again(box: Box) -> None:
    until = box.clock.now() + 60.0
    box.pager.held_back = lambda: max(0.0, until - box.clock.now())  # type: ignore[method-assign]
    for text, priority in (("lunch menu", Priority.LOW), ("FIRE", Priority.EMERGENCY)):
        await box.engine.send(box.user(ADMIN), SendOrder(text, priority, (WARD_PAGER,)))
    await box.passes(59)
    assert box.pager.started == []
    await box.passes(2)
    assert box.pager.texts == ["FIRE", "lunch menu"]


async def test_another_reason_of_the_same_outage_is_logged_once(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    reasons = iter(["no such device", "the SIM wants a PIN", *["no such device", "the SIM wants a PIN"] * 5])

    async def run() -> None:
        raise LineDown(next(reasons, "a new one every time"))

    box.phones.run = run  # type: ignore[method-assign]
    box.phones.unplug()
    await box.passes(60)
    assert caplog.text.count("line phones is down: unplugged") == 1
    assert caplog.text.count("line phones is still down: no such device") == 1
    assert caplog.text.count("line phones is still down: the SIM wants a PIN") == 1


async def test_reasons_that_change_without_end_do_not_fill_the_log(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    numbers = itertools.count()

    async def run() -> None:
        raise LineDown(f"error {next(numbers)}")

    box.phones.run = run  # type: ignore[method-assign]
    box.phones.unplug()
    await box.passes(300)
    assert caplog.text.count("is still down") == MOST_REASONS - 1
    del box.phones.run
    box.phones.plug_in()
    await box.passes(30)
    box.phones.unplug()
    await box.passes(1)
    assert caplog.text.count("line phones is down: unplugged") == 2
