"""The entry device behind a modem: it calls when there is a page, and says honestly what became of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from drivers.tap.calling import Caller, _scaled
from drivers.tap.pins import CarrierWatch
from drivers.tap.settings import TapSettings
from drivers.tap.simulator import ModemSimulator
from drivers.tap.timing import Timing
from gatewayd.clock import ManualClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.hayes.dialling import Stage
from tests.drivers.tap.site import Site, page

if TYPE_CHECKING:
    from gatewayd.hayes.simulated import SimulatedModem


class Exchange(Site):
    """The driver under test, its modem, and a terminal at the other end of every call."""

    simulator_type = ModemSimulator

    def __init__(self, terminal: dict[str, Any] | None = None, **line: Any) -> None:  # noqa: ANN401 - any setting
        super().__init__(terminal, None, **{"modem": True, "number": "0301234"} | line)

    @property
    def modem(self) -> SimulatedModem:
        assert isinstance(self.simulator, ModemSimulator)
        return self.simulator.modem

    async def ready(self) -> Exchange:
        await self.start()
        await self.clock.advance(3)
        assert self.line.ups == 1
        return self


async def test_line_is_up_when_the_modem_answers_and_nobody_is_called() -> None:
    site = await Exchange().ready()
    await site.clock.advance(600)
    assert site.modem.dialled == []


async def test_page_is_called_through_and_the_call_ends() -> None:
    site = await Exchange().ready()
    receipt = await site.sends(within=2)
    assert (receipt.outcome, receipt.detail) == (Outcome.SENT, "211 Page accepted")
    assert (await site.simulator.expect("2001", "FIRE 3")).text == "FIRE 3"
    await site.clock.advance(10)
    assert site.modem.dialled == ["0301234"]
    assert not site.modem.in_call
    assert site.line.counts["calls"] == 1


async def test_pages_that_follow_at_once_share_a_call_and_later_ones_have_their_own() -> None:
    site = await Exchange().ready()
    for number in range(3):
        assert (await site.sends(page(f"FIRE {number}", number=number), within=0.1)).outcome is Outcome.SENT
    assert len(site.modem.dialled) == 1
    await site.clock.advance(10)
    assert (await site.sends(within=2)).outcome is Outcome.SENT
    assert len(site.modem.dialled) == 2


async def test_page_that_comes_while_the_call_ends_is_called_through_after_it() -> None:
    site = await Exchange().ready()
    await site.sends(within=0.1)
    site.simulator.faults.plan("dead")  # so that the goodbye is waited for in vain, and the other end stays
    await site.clock.advance(3.2)
    assert isinstance(site.driver._end, Caller)
    assert site.driver._end._dialup is not None
    assert site.driver._end._dialup._incall.phone.stage is Stage.LEAVING
    site.simulator.faults.repair("dead")
    assert (await site.sends(page("NEXT"), within=15)).outcome is Outcome.SENT
    assert len(site.modem.dialled) == 2


@pytest.mark.parametrize(
    ("fault", "said", "retry_after"),
    [
        ("busy", "BUSY", 15.0),
        ("no-carrier", "NO CARRIER", 15.0),
        ("no-answer", "NO ANSWER", 30.0),
        ("no-dialtone", "NO DIALTONE", 30.0),
    ],
)
async def test_failed_call_is_a_failed_page_that_may_be_tried_again(fault: str, said: str, retry_after: float) -> None:
    site = await Exchange().ready()
    site.simulator.faults.plan(fault)
    receipt = await site.sends(within=2)
    assert (receipt.outcome, receipt.retry_after) == (Outcome.FAILED, retry_after)
    assert receipt.detail == f"the call failed: {said}"
    assert site.line.weakness == ("no dial tone" if fault == "no-dialtone" else "")
    assert (await site.sends(within=2)).outcome is Outcome.SENT
    assert site.line.weakness == ""


async def test_lost_carrier_after_the_page_went_out_is_unknown() -> None:
    site = await Exchange(terminal={"faults": {"drop": 1}}).ready()
    task = await site.sending()
    await site.clock.advance(2)
    assert len(site.simulator.pages) == 1
    assert isinstance(site.simulator, ModemSimulator)
    site.simulator.lose_carrier()
    await site.clock.advance(5)
    receipt = task.result()
    assert (receipt.outcome, receipt.detail) == (
        Outcome.UNKNOWN,
        "the call broke off before the terminal answered",
    )
    assert (await site.sends(page("NEXT"), within=10)).outcome is Outcome.SENT


async def test_lost_carrier_before_the_page_went_out_is_a_failure() -> None:
    site = await Exchange().ready()
    site.simulator.faults.plan("carrier-loss")
    site.modem._lose_after = 10  # in the middle of the logon
    receipt = await site.sends(within=5)
    assert receipt.outcome is Outcome.FAILED
    assert site.simulator.pages == []
    assert (await site.sends(within=10)).outcome is Outcome.SENT


async def test_terminal_that_lets_nobody_in_fails_the_page_and_is_hung_up_on() -> None:
    site = await Exchange(terminal={"passwords": ("right",)}, password="wrong").ready()
    receipt = await site.sends(within=5)
    assert (receipt.outcome, "509" in receipt.detail) == (Outcome.FAILED, True)
    await site.clock.advance(10)
    assert not site.modem.in_call
    assert site.running is not None
    assert not site.running.done()


async def test_terminal_that_is_silent_fails_the_page_and_the_line_stays_up() -> None:
    site = await Exchange(terminal={"faults": {"dead": 1}}).ready()
    assert (await site.sends(within=12)).outcome is Outcome.FAILED
    await site.clock.advance(10)
    site.simulator.faults.repair("dead")
    assert (await site.sends(within=5)).outcome is Outcome.SENT


async def test_withdrawn_page_is_not_called_for() -> None:
    site = await Exchange().ready()
    site.modem._exchange.call = lambda modem, number, now: True  # type: ignore[method-assign] # nobody lifts the receiver
    task = await site.sending()
    await site.clock.advance(2)
    task.cancel()
    await asyncio.wait([task])
    await site.clock.advance(10)
    assert site.modem.commands[-1] == "ATH"
    assert b"FIRE" not in site.wrote


async def test_page_that_is_withdrawn_in_the_call_does_not_go_out() -> None:
    site = await Exchange(terminal={"faults": {"dead": 1}}).ready()
    task = await site.sending()
    await site.clock.advance(0.5)
    assert site.modem.in_call
    task.cancel()
    await asyncio.wait([task])
    site.simulator.faults.repair("dead")
    await site.clock.advance(20)
    assert b"FIRE" not in site.wrote
    assert not site.modem.in_call


async def test_modem_that_dies_takes_the_line_down_within_half_a_minute() -> None:
    site = await Exchange().ready()
    await site.clock.advance(100)
    site.simulator.faults.plan("dead-modem")
    await site.clock.advance(30)
    assert await site.down() == "the modem did not answer AT 6 times"


async def test_modem_that_is_silent_when_it_shall_dial_takes_the_line_down_with_its_page() -> None:
    site = await Exchange(dial_limit=30).ready()
    site.simulator.faults.plan("dead-modem")
    task = await site.sending()
    await site.clock.advance(40)
    with pytest.raises(LineDown, match="did not answer AT"):
        await task


async def test_stopping_in_a_call_drops_it() -> None:
    site = await Exchange(terminal={"faults": {"drop": 1}}).ready()
    wires = Wires()
    assert isinstance(site.driver._end, Caller)
    assert site.driver._end._dialup is not None
    site.driver._end._dialup._pins = wires
    task = await site.sending()
    await site.clock.advance(1)
    await site.stop()
    assert wires.dtr is False
    assert (await task).outcome is Outcome.UNKNOWN


async def test_settings_of_a_modem_are_checked() -> None:
    def made(**values: Any) -> TapSettings:  # noqa: ANN401 - any setting
        usual: dict[str, Any] = {"port": "/dev/ttyS0", "modem": True}
        return TapSettings(**usual | values)

    mistakes: tuple[dict[str, Any], ...] = (
        {},
        {"number": "1", "modem": False},
        {"number": "1;ATZ"},
        {"number": "1", "modem_init": ("ATZ\rATD112",)},
        {"role": "terminal", "port": "", "listen": "127.0.0.1:1"},
        {"role": "terminal", "silence": 0},
    )
    for wrong in mistakes:
        with pytest.raises(ValidationError):
            made(**wrong)
    assert made(number="0W030-1234,1").call_setup().answers is False
    assert made(role="terminal").call_setup().answers is True


@pytest.mark.parametrize(
    ("said", "byte_time"),
    [("CONNECT", 10 / 300), ("CONNECT 000", 10 / 110), ("CONNECT 1200/ARQ", 10 / 1200), ("CONNECT 115200", 10 / 9600)],
)
def test_slow_calls_get_the_time_that_their_characters_take(said: str, byte_time: float) -> None:
    assert _scaled(Timing(byte_time=10 / 9600), said).byte_time == byte_time


# --- modem lines ------------------------------------------------------------------------------------------------------


class Wires:
    """The modem lines of a port, as a test wants them."""

    def __init__(self, *on: str) -> None:
        self.on: frozenset[str] | None = frozenset(on)
        self.dtr = True
        self.error: OSError | None = None

    def pins(self) -> frozenset[str] | None:
        if self.error is not None:
            raise self.error
        return self.on

    def set_dtr(self, *, on: bool) -> None:
        self.dtr = on
        if not on:
            raise OSError("no such line")


async def test_carrier_that_DCD_shows_to_be_lost_ends_the_call() -> None:  # noqa: N802
    site = await Exchange(terminal={"faults": {"drop": 1}, "t4": 30}).ready()
    wires = Wires("dcd")
    assert isinstance(site.driver._end, Caller)
    assert site.driver._end._dialup is not None
    site.driver._end._dialup._pins = wires
    task = await site.sending()
    await site.clock.advance(3)
    assert not task.done()
    wires.on = frozenset()
    await site.clock.advance(1)
    assert task.result().outcome is Outcome.UNKNOWN


async def test_DCD_that_was_never_on_is_not_wired_and_means_nothing() -> None:  # noqa: N802
    clock, losses = ManualClock(), []
    watch = CarrierWatch(clock, lambda: losses.append(clock.now()))
    wires = Wires()
    watch.start(wires)
    await clock.advance(10)
    assert losses == []
    wires.on = frozenset({"dcd"})
    await clock.advance(2)
    wires.on = frozenset()
    await clock.advance(1)
    assert len(losses) == 1
    await clock.advance(10)
    assert len(losses) == 1


async def test_ports_without_modem_lines_are_not_watched() -> None:
    clock = ManualClock()
    watch = CarrierWatch(clock, lambda: None)
    wires = Wires()
    wires.on = None
    watch.start(wires)
    assert clock.next_due() is None
    wires.error = OSError("gone")
    watch.start(wires)
    assert clock.next_due() is None
    watch.start(Wires("dcd"))
    assert clock.next_due() == clock.now() + 1
    watch.stop()
    assert clock.next_due() is None
