"""A PBX that dies: noticed in time, the next address takes over, and when there is none that is an alarm."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from drivers.sip.events import PbxLost, PbxState
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.model import AlarmActivated, AlarmReset
from tests.drivers.sip.net import FakeLine, Site
from tests.drivers.sip.test_line_on_sockets import gateway
from tests.drivers.sip.test_pbx import PbxSite


def closed_port() -> int:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.fixture
def site() -> PbxSite:
    """A gateway that is registered at the first address."""
    site = PbxSite()
    site.start()
    return site


def test_a_pbx_that_dies_is_noticed_within_19_seconds_and_the_other_address_takes_over(site: PbxSite) -> None:
    site.first.dead = True
    site.net.advance(18.9)
    assert site.states()[1:] == []
    site.net.advance(0.2)
    assert site.states()[1:] == [("sip:10.0.0.2", False), ("sip:10.0.0.3", True)]
    assert site.of(PbxLost) == []


def test_the_gateway_goes_home_to_the_first_address_when_that_is_back(site: PbxSite) -> None:
    site.first.dead = True
    site.net.advance(20)
    site.first.dead = False
    site.net.advance(51)
    assert site.states()[2:] == [("sip:10.0.0.3", True), ("sip:10.0.0.2", True)]
    assert [event.preferred for event in site.of(PbxState)][2:] == [False, True]
    assert site.pages("777").outcome is Outcome.RECEIVED
    assert len(site.first.of("MESSAGE")) == 1


def test_a_first_address_that_stays_dead_costs_the_second_nothing(site: PbxSite) -> None:
    site.first.dead = True
    site.net.advance(400)
    assert site.states()[1:] == [("sip:10.0.0.2", False), ("sip:10.0.0.3", True)]
    assert site.of(PbxLost) == []
    assert site.pages("777").outcome is Outcome.RECEIVED


def test_a_pbx_without_any_address_left_is_told_once_within_thirty_seconds_and_when_it_is_back(site: PbxSite) -> None:
    site.first.dead = site.second.dead = True
    site.net.advance(30)
    assert site.of(PbxLost) == [PbxLost(lost=True, why="no answer")]
    site.net.advance(300)
    site.second.dead = False
    site.net.advance(70)
    assert site.of(PbxLost)[1:] == [PbxLost(lost=False)]


def test_a_pbx_that_never_was_there_is_told_too() -> None:
    site = PbxSite()
    site.first.answers = site.second.answers = [(403, {})] * 2
    site.start()
    assert site.of(PbxLost) == [PbxLost(lost=True, why="refused with 403")]


@pytest.mark.parametrize(
    ("status", "lost"), [(404, False), (405, False), (200, False), (503, True), (408, True), (504, True)]
)
def test_any_answer_is_a_sign_of_life_but_one_that_serves_nobody(site: PbxSite, status: int, lost: bool) -> None:  # noqa: FBT001
    site.first.answers = [(status, {})]
    site.net.advance(15.1)
    assert [each.method for each in site.first.taken] == ["REGISTER", "OPTIONS"]
    assert (site.states()[1:] != []) is lost


def test_the_alarm_of_a_lost_pbx_from_before_a_restart_is_cleared_when_it_is_there() -> None:
    site = PbxSite()
    site.gateway.start(site.net.now, pbx_lost=True)
    site.net.run()
    assert site.of(PbxLost) == [PbxLost(lost=False)]


def test_the_alarm_of_a_pbx_that_is_configured_no_more_is_cleared() -> None:
    site = Site()
    site.gateway.start(site.net.now, pbx_lost=True)
    assert site.gateway.next_event() == PbxLost(lost=False)


async def test_a_lost_pbx_is_an_alarm_that_ends_when_it_is_back() -> None:
    """Two gateways on loopback: the second is a registrar, which is all that the first wants of its PBX."""
    line, beyond = FakeLine(), FakeLine()
    port = closed_port()
    pbx = {"servers": (f"sip:127.0.0.1:{port};transport=tcp",), "user": "alarms", "password": "pw"}
    async with gateway(line, pbx=pbx):
        await asyncio.wait_for(line.reported.wait(), 5)
        line.reported.clear()
        assert line.memory.saved["lost-pbx"] is True
        [lost] = line.reports
        assert isinstance(lost, AlarmActivated)
        assert (lost.key, lost.fault) == ("pbx-lost", True)
    async with gateway(beyond, port=port, accounts={"alarms": {"password": "pw"}}):
        again = FakeLine(memory=line.memory)
        async with gateway(again, pbx=pbx):
            await asyncio.wait_for(again.reported.wait(), 5)
            await settle()
            [back] = again.reports
            assert isinstance(back, AlarmReset)
            assert back.key == "pbx-lost"
            assert "lost-pbx" not in line.memory.saved


async def test_the_line_works_badly_while_its_first_pbx_address_is_away() -> None:
    line, beyond = FakeLine(), FakeLine()
    async with gateway(beyond, accounts={"alarms": {"password": "pw"}}) as far:
        assert far.bound is not None
        second = f"sip:127.0.0.1:{far.bound[1]}"
        servers = (f"sip:127.0.0.1:{closed_port()};transport=tcp", second)
        async with gateway(line, pbx={"servers": servers, "user": "alarms", "password": "pw"}) as near:
            for _ in range(500):
                if line.degraded_reason:
                    break
                await asyncio.sleep(0.01)
            assert line.degraded_reason == f"the PBX is reached at {second} only"
            assert near._session is not None
            near._session._handle(PbxState(second, reached=False, why="no answer"))
            assert line.degraded_reason == f"the PBX at {second} is lost: no answer"
            near._session._handle(PbxState(servers[0], reached=True))
            assert line.degraded_reason == ""
