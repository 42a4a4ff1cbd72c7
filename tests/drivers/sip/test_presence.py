"""Phones that are lost: noticed in time, told once, taken back when they return, also over a restart."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from drivers.sip.events import PhonePresence
from drivers.sip.flow import Flow
from drivers.sip.lost import Losses
from drivers.sip.lost import phone as phone_of
from drivers.sip.registrar import Binding
from gatewayd.clock import ManualClock
from gatewayd.model import AlarmActivated, AlarmReset
from tests.drivers.sip.net import PHONE, START, FakeLine, Memory, Site, settings
from tests.drivers.sip.test_line_on_sockets import gateway, phone

WATCHED: dict[str, object] = {"alarm_when_lost": ("2001",), "lost_after": 15, "options_interval": 60}


def watched(*lost: str, **changes: object) -> Site:
    site = Site(**{**WATCHED, **changes})
    site.gateway.watch_presence(lost, site.net.now)
    return site


def told(site: Site) -> list[tuple[str, bool]]:
    return [(event.user, event.lost) for event in site.of(PhonePresence)]


def test_a_phone_that_never_comes_is_lost_after_the_moment_allowed() -> None:
    site = watched()
    site.net.advance(14)
    assert told(site) == []
    site.net.advance(6)
    assert told(site) == [("2001", True)]
    site.net.advance(600)
    assert told(site) == [("2001", True)]


def test_a_phone_that_registers_is_back_at_once() -> None:
    site = watched()
    site.net.advance(30)
    site.register()
    assert told(site) == [("2001", True), ("2001", False)]


def test_a_silent_phone_is_noticed_within_a_hundred_seconds() -> None:
    """EN 54-21 allows 100 s until a fault of the way to people is shown."""
    site = watched()
    site.register()
    site.faults.plan("dead")
    site.net.advance(100)
    assert told(site) == [("2001", True)]
    site.faults.repair("dead")
    site.net.advance(70)
    assert told(site)[-1] == ("2001", False)


def test_a_phone_that_is_there_is_never_told() -> None:
    site = watched()
    site.register()
    site.net.advance(140)
    assert told(site) == []


def test_a_registration_that_ends_is_noticed_when_it_ends_and_nothing_is_looked_at_before() -> None:
    site = watched(options_interval=0)
    site.register()
    [binding] = site.gateway.registrar.current("2001", site.net.now)
    site.faults.plan("dead")
    assert site.gateway.get_timer() is not None
    site.net.cores.pop(PHONE)  # switched off: it will not register again
    site.net.advance(40)  # what is left of the transactions
    assert site.gateway.get_timer() == binding.expires
    site.net.advance(binding.expires - site.net.now + 14.9)
    assert told(site) == []
    site.net.advance(0.2)
    assert told(site) == [("2001", True)]
    assert site.gateway.get_timer() is None


def test_a_phone_with_another_device_that_answers_is_not_lost() -> None:
    site = watched()
    site.register()
    site.register(site.add_phone(("10.0.0.6", 5062), "2001"))
    site.faults.plan("dead")
    site.net.advance(140)
    assert told(site) == []


def test_nobody_watches_phones_that_are_not_named() -> None:
    site = watched(alarm_when_lost=())
    site.net.advance(100)
    assert told(site) == []
    assert site.gateway.get_timer() is None


def test_an_alarm_from_before_a_restart_is_cleared_when_the_phone_is_there() -> None:
    site = Site(**WATCHED)
    site.register()
    site.gateway.watch_presence(["2001"], site.net.now)
    site.net.run()
    assert told(site) == [("2001", False)]


def test_an_alarm_of_a_phone_that_nobody_watches_any_more_is_cleared() -> None:
    site = watched("2002")
    site.net.run()
    assert told(site) == [("2002", False)]


def test_after_a_restart_phones_are_not_asked_all_in_one_moment() -> None:
    users = ("2001", "2002", "2003", "2004")
    where = {user: ("10.0.1.1", 5000 + place) for place, user in enumerate(users)}
    found = [
        Binding(f"sip:{user}@10.0.1.1:{where[user][1]}", START + 3600, "c", 1, Flow("UDP", where[user]))
        for user in users
    ]
    remembered = {f"bindings/{user}": [each.to_json()] for user, each in zip(users, found, strict=True)}
    site = Site(accounts={user: {"password": "s3cret"} for user in users}, options_interval=60)
    site.gateway.restore(remembered, site.net.now)
    site.net.advance(61)
    first = [site.net.times(where[user], "OPTIONS")[0] for user in users]
    assert first == [15.0, 30.0, 45.0, 60.0]


def test_only_accounts_can_be_watched() -> None:
    assert settings(alarm_when_lost=("*",)).watched == ("2001", "2002")
    with pytest.raises(ValidationError, match="there is no account 2999"):
        settings(alarm_when_lost=("2999",))


async def test_the_alarm_is_raised_remembered_and_cleared_on_return() -> None:
    line = FakeLine(memory=Memory())
    async with gateway(line, alarm_when_lost=("2001",), lost_after=0) as driver:
        await asyncio.wait_for(line.reported.wait(), 5)
        line.reported.clear()
        assert line.memory.saved["lost/2001"] is True
        async with phone(driver):
            await asyncio.wait_for(line.reported.wait(), 5)
            await asyncio.sleep(0.01)
    activated, reset = line.reports
    assert isinstance(activated, AlarmActivated)
    assert (activated.key, activated.address, activated.fault) == ("phone-lost/2001", "2001", True)
    assert isinstance(reset, AlarmReset)
    assert reset.key == "phone-lost/2001"
    assert "lost/2001" not in line.memory.saved


async def test_a_phone_is_told_to_be_lost_and_back_at_once_although_nothing_can_be_stored() -> None:
    line = FakeLine(clock=ManualClock())
    line.memory.disk_is_down = True
    lost = Losses(line)
    async with asyncio.timeout(5):
        await lost.tell(phone_of("2001"), lost=True)
        assert lost.phones() == ["2001"]
        await lost.tell(phone_of("2001"), lost=False)
    assert [type(report) for report in line.reports] == [AlarmActivated, AlarmReset]
    assert lost.phones() == []


async def test_a_full_disk_delays_the_alarm_and_the_last_word_counts() -> None:
    clock = ManualClock()
    line = FakeLine(clock=clock)
    line.memory.broken = True
    lost = Losses(line)
    telling = asyncio.create_task(lost.tell(phone_of("2001"), lost=True))
    await clock.advance(0.5)
    await lost.tell(phone_of("2001"), lost=False)
    await clock.advance(3)
    assert [type(report) for report in line.reports] == [AlarmReset] * 3
    line.memory.broken = False
    await clock.advance(1)
    assert telling.done()
    assert lost.phones() == []
