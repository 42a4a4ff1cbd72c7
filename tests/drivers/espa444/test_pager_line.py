import asyncio
import logging

import pytest

from drivers.espa444.simulator import SimulatedPanel
from gatewayd.clock import settle
from gatewayd.errors import DeliveryFailedForGood, DeliveryFailedForNow, LineDown
from gatewayd.model import AlarmActivated, AlarmReset, Priority, TextReceived
from gatewayd.transport.memory import Wire, connect
from tests.drivers.espa444.conftest import Site

WIRES = [Wire(), Wire(chunk=1), Wire(chunk=3, delay=0.01)]
FIRE = "FIRE ZONE 3"


async def activated(site: Site, panel: SimulatedPanel, text: str = FIRE, **records: str) -> None:
    await site.finish(site.start(panel.activate("2001", text, "1", **records)))


@pytest.mark.parametrize("wire", WIRES)
async def test_call_of_the_panel_becomes_an_alarm(site: Site, wire: Wire) -> None:
    panel = await site.panel(wire)
    await activated(site, panel, beep="5")
    assert site.gateway.alarms == [
        AlarmActivated(
            key="2001|FIRE ZONE 3",
            text=FIRE,
            address="2001",
            priority=Priority.EMERGENCY,
            fields={"beep": "5", "call_type": "3", "priority": "1"},
        )
    ]
    assert site.gateway.is_up


@pytest.mark.parametrize("wire", WIRES)
async def test_reset_ends_the_alarm_with_the_same_key(site: Site, wire: Wire) -> None:
    panel = await site.panel(wire)
    await activated(site, panel)
    await site.finish(site.start(panel.reset("2001", FIRE)))
    assert site.gateway.resets == [AlarmReset("2001|FIRE ZONE 3", "2001", FIRE)]


async def test_reset_without_text_ends_every_alarm_of_its_address(site: Site) -> None:
    panel = await site.panel()
    await site.finish(site.start(panel.reset("2001")))
    assert site.gateway.resets == [AlarmReset(None, "2001", "")]


async def test_key_may_be_the_address_alone(site: Site) -> None:
    panel = await site.panel(key="address")
    await activated(site, panel)
    await site.finish(site.start(panel.reset("2001")))
    assert site.gateway.alarms[0].key == "2001"
    assert site.gateway.resets == [AlarmReset("2001", "2001", "")]


async def test_no_acknowledgement_leaves_before_the_alarm_is_on_disk(site: Site) -> None:
    panel = await site.panel(options={"poll_interval": 0})
    site.gateway.store_is_free.clear()
    call = site.start(panel.activate("2001", FIRE))
    await settle()
    assert site.said == b"\x06"  # the answer to the select
    await site.clock.advance(1.9)
    assert site.said == b"\x06"
    site.gateway.store_is_free.set()
    await settle()
    assert site.said == b"\x06\x06"
    await site.finish(call)


async def test_bytes_are_read_while_the_store_is_slow(site: Site) -> None:
    panel = await site.panel(options={"poll_interval": 1, "attempts": 2})
    site.gateway.store_is_free.clear()
    call = site.start(panel.activate("2001", FIRE))
    await site.until(lambda: site.said.endswith(b"\x04"))  # the panel gave up, polls, and is answered
    site.gateway.store_is_free.set()
    await site.finish(call)
    assert len(site.gateway.alarms) == 1


async def test_call_is_refused_as_busy_while_the_store_is_unavailable(site: Site) -> None:
    panel = await site.panel(options={"retry_after": 5})
    site.gateway.failures = 1
    await activated(site, panel)
    assert b"2\x15" in site.said
    assert len(site.gateway.alarms) == 1
    assert [ending.value for ending in panel.endings] == ["busy", "taken"]


async def test_panel_that_is_always_told_busy_reports_it(site: Site) -> None:
    panel = await site.panel(options={"attempts": 2})
    site.gateway.failures = 9
    with pytest.raises(DeliveryFailedForNow, match="busy"):
        await activated(site, panel)


@pytest.mark.parametrize("fault", ["garble", "bcc", "drop", "duplicate"])
@pytest.mark.parametrize("wire", WIRES)
async def test_call_on_a_bad_line_becomes_exactly_one_alarm(site: Site, fault: str, wire: Wire) -> None:
    panel = await site.panel(wire)
    panel.faults.plan(fault)
    await activated(site, panel)
    assert len(site.gateway.alarms) == 1
    assert panel.endings[-1].value == "taken"
    assert not panel.faults.standing(fault)


async def test_blocks_that_are_refused_are_counted_and_the_log_is_left_to_the_gateway(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    panel = await site.panel()
    panel.faults.plan("bcc", 2)
    await activated(site, panel)
    assert (site.gateway.counts["naks"], site.gateway.counts["refused_transmission"]) == (2, 2)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_call_that_leaves_the_panel_late_is_still_taken(site: Site) -> None:
    panel = await site.panel(options={"late_by": 1})
    panel.faults.plan("late")
    await activated(site, panel)
    assert len(site.gateway.alarms) == 1


async def test_dead_panel_is_a_fault_until_it_speaks_again(site: Site) -> None:
    panel = await site.panel(link_silent_after=30)
    await site.clock.advance(5)
    panel.faults.plan("dead")
    await site.clock.advance(35)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    panel.faults.repair("dead")
    await site.clock.advance(5)
    assert site.gateway.resets == [AlarmReset("link-silent")]


async def test_dead_panel_is_a_fault_in_time_and_once_although_nothing_can_be_stored(site: Site) -> None:
    panel = await site.panel(link_silent_after=30)
    site.gateway.memory.disk_is_down = True
    panel.faults.plan("dead")
    await site.clock.advance(40)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    assert site.gateway.memory.items() == {"silent 1": True}
    panel.faults.repair("dead")
    await site.clock.advance(10)
    assert site.gateway.resets == [AlarmReset("link-silent")]
    assert site.gateway.memory.items() == {}


async def test_fault_of_silence_is_reported_again_after_the_store_was_unavailable(site: Site) -> None:
    panel = await site.panel(link_silent_after=30)
    panel.faults.plan("dead")
    site.gateway.failures = 1
    await site.clock.advance(50)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]


async def test_fault_of_silence_ends_although_the_gateway_was_restarted_meanwhile(site: Site) -> None:
    site.gateway.memory.kept["silent 1"] = True
    await site.panel()
    await site.clock.advance(5)
    assert site.gateway.resets == [AlarmReset("link-silent")]
    assert "silent 1" not in site.gateway.memory.items()


async def test_fault_of_a_silent_panel_is_remembered_before_it_is_raised_and_until_it_is_cleared(site: Site) -> None:
    remembered: list[bool] = []
    site.gateway.on_report = lambda _: remembered.append("silent 1" in site.gateway.memory.items())
    panel = await site.panel()
    panel.faults.plan("dead")
    site.gateway.memory.failures = 1
    await site.clock.advance(45)
    panel.faults.repair("dead")
    await site.clock.advance(10)
    assert [type(report) for report in site.gateway.reports] == [AlarmActivated, AlarmReset]
    assert remembered == [True, True]
    assert site.gateway.memory.items() == {}


async def test_fault_that_a_kill_left_half_raised_is_cleared_by_the_next_start(site: Site) -> None:
    site.gateway.memory.kept["silent 1"] = "raising"
    await site.panel()
    await site.clock.advance(10)
    assert site.gateway.resets == [AlarmReset("link-silent")]
    assert site.gateway.memory.items() == {}


async def test_fault_that_a_kill_left_half_raised_is_raised_where_the_panel_is_still_silent(site: Site) -> None:
    site.gateway.memory.kept["silent 1"] = "raising"
    await site.panel(options={"faults": {"dead": 1}})
    await site.clock.advance(45)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    assert site.gateway.resets == []
    assert site.gateway.memory.items() == {"silent 1": True}


async def test_nothing_is_reported_on_a_quiet_healthy_line(site: Site) -> None:
    await site.panel()
    await site.clock.advance(300)
    assert site.gateway.reports == []


async def test_device_that_says_every_call_was_paged_does_so_when_polled(site: Site) -> None:
    panel = await site.panel(status_after_call="3")
    await activated(site, panel)
    await site.until(lambda: bool(panel.statuses))
    assert [(record.id, record.data) for record in panel.statuses[0].records] == [
        ("1", "2001"),
        ("2", FIRE),
        ("7", "3"),
    ]


async def test_status_that_the_panel_refuses_once_is_returned_again(site: Site) -> None:
    panel = await site.panel(status_after_call="3")
    panel.faults.plan("nak")
    await activated(site, panel)
    await site.until(lambda: bool(panel.statuses))
    assert len(panel.statuses) == 1


async def test_panel_that_polls_another_address_shows_the_line_as_weak(site: Site) -> None:
    await site.panel(own_address="3")
    await site.clock.advance(40)
    assert "station '2' and never for 3" in site.gateway.weakness
    assert site.gateway.faults == []


async def test_line_says_all_that_is_wrong_with_it_and_nothing_of_its_last_connection(site: Site) -> None:
    panel = await site.panel(own_address="3")
    await site.clock.advance(40)
    panel.faults.plan("dead")
    await site.clock.advance(40)
    assert "never for 3" in site.gateway.weakness
    assert "nothing was heard from ESPA station 1" in site.gateway.weakness
    assert site.wire is not None
    site.wire.cut(OSError("unplugged"))
    with pytest.raises(LineDown):
        await site.finish(site.tasks[0])
    await site.reconnect()
    assert site.gateway.weakness == ""


async def test_lost_connection_ends_the_line(site: Site) -> None:
    await site.panel()
    assert site.wire is not None
    site.wire.cut(OSError("unplugged"))
    with pytest.raises(LineDown, match="unplugged"):
        await site.finish(site.tasks[0])


async def test_connection_lost_while_the_store_is_slow_leaves_the_call_unanswered(site: Site) -> None:
    panel = await site.panel(options={"poll_interval": 0})
    site.gateway.store_is_free.clear()
    site.start(panel.activate("2001", FIRE))
    await settle()
    assert site.wire is not None
    site.wire.cut(None)
    with pytest.raises(LineDown):
        await site.finish(site.tasks[0])
    assert site.said == b"\x06"


async def test_a_line_of_this_role_sends_nothing(site: Site) -> None:
    await site.panel()
    assert (await site.sends()).outcome.value == "refused"
    assert site.driver.capabilities.receives
    assert not site.driver.capabilities.sends


async def test_call_that_a_gateway_refuses_for_good_is_not_tried_again(site: Site) -> None:
    panel = SimulatedPanel(site.clock)
    said: list[bytes] = []

    class Refusing(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            said.append(data)
            self.transport.write(b"3\x15" if b"\x01" in data else b"\x06" if data.endswith(b"1\x052\x05") else b"")

    connect(panel.adapter, Refusing(), site.clock)
    site.start(panel.serve())
    with pytest.raises(DeliveryFailedForGood):
        await activated(site, panel)
    assert sum(b"\x01" in data for data in said) == 1


async def test_script_shows_life_without_hands(site: Site) -> None:
    script = [
        {"after": 2, "activate": "2001", "text": FIRE, "priority": "1"},
        {"after": 3, "reset": "2001", "text": FIRE},
    ]
    await site.panel(options={"script": script, "repeat": True})
    await site.clock.advance(11)
    assert [type(report) for report in site.gateway.reports] == [AlarmActivated, AlarmReset] * 2


async def test_text_that_has_no_meaning_of_its_own_goes_to_a_person(site: Site) -> None:
    panel = await site.panel()
    await site.finish(site.start(panel.activate("", "")))
    (report,) = site.gateway.reports
    assert isinstance(report, TextReceived)
    assert "call_type: 3" in report.text
