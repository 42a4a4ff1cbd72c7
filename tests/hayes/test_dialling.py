"""Calls: dialling, answering, losing and ending them, on modems that do what real ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.hayes.calls import (
    CallFailed,
    CallSetup,
    CarrierLost,
    Connected,
    DataReceived,
    DtrWanted,
    HungUp,
    ModemReady,
    ModemSilent,
)
from gatewayd.hayes.dialling import LINGER, LossFinder, Phone, Stage
from gatewayd.hayes.network import AnsweringModem, PhoneNetwork
from gatewayd.hayes.results import Result
from gatewayd.simulator import Faults
from tests.hayes.phones import Pairs

if TYPE_CHECKING:
    from gatewayd.hayes.simulated import SimulatedModem


class Parrot:
    """The other end of a call: it says everything again, and hangs up when it is told to."""

    def __init__(self, now: float = 0.0) -> None:
        self._out = bytearray(b"HELLO")

    def receive_data(self, data: bytes, now: float) -> None:
        self._out += data

    def data_to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> None:
        return None

    def get_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """Do nothing: a parrot waits for nothing."""


class Desk:
    """A telephone modem whose every call is answered by a parrot."""

    def __init__(self, setup: CallSetup | None = None, **faults: int) -> None:
        self.faults = Faults({name.replace("_", "-"): count for name, count in faults.items()})
        self.phone = Phone(setup)
        self.other = AnsweringModem(Parrot, self.faults)
        self.pairs = Pairs((self.phone, self.other))

    @property
    def modem(self) -> SimulatedModem:
        return self.other.modem

    def opened(self) -> Desk:
        self.phone.open(self.pairs.now)
        self.pairs.waits(3)
        assert self.pairs.told() == [ModemReady()]
        return self

    def dials(self, seconds: float = 3.0) -> list[Any]:
        self.phone.dial("0301234", self.pairs.now)
        self.pairs.waits(seconds)
        return self.pairs.told()

    def in_call(self) -> Desk:
        assert self.opened().dials() == [Connected("CONNECT 1200"), DataReceived(b"HELLO")]
        return self

    def says(self, data: bytes) -> list[Any]:
        self.phone.send(data)
        self.pairs.waits(0)
        return self.pairs.told()

    def hangs_up(self) -> list[Any]:
        self.phone.hang_up(self.pairs.now)
        self.pairs.waits(10)
        return self.pairs.told()


def test_modem_is_initialised_as_the_setup_says() -> None:
    desk = Desk(CallSetup(init=("ATZ", "ATE0V1Q0", "AT+MS=V21"))).opened()
    assert desk.modem.commands == ["AT", "ATZ", "ATE0V1Q0", "AT+MS=V21"]
    assert desk.phone.stage is Stage.IDLE


def test_silent_modem_is_told() -> None:
    desk = Desk(dead_modem=1)
    desk.phone.open(desk.pairs.now)
    desk.pairs.waits(20)
    (event,) = desk.pairs.told()
    assert isinstance(event, ModemSilent)


def test_modem_that_misses_a_command_is_called_and_goes_on() -> None:
    desk = Desk()
    desk.phone.open(desk.pairs.now)
    desk.pairs.pump()
    desk.faults.plan("deaf")
    desk.pairs.waits(10)
    assert desk.pairs.told() == [ModemReady(("ATZ",))]


def test_call_stands_and_carries_bytes_both_ways() -> None:
    desk = Desk().in_call()
    assert desk.modem.dialled == ["0301234"]
    assert desk.says(b"\x02FIRE\r\x03") == [DataReceived(b"\x02FIRE\r\x03")]


def test_pulse_dialling_is_told_to_the_modem() -> None:
    desk = Desk(CallSetup(pulse=True)).opened()
    desk.dials()
    assert desk.modem.commands[-1] == "ATDP0301234"


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ("busy", Result.BUSY),
        ("no-carrier", Result.NO_CARRIER),
        ("no-dialtone", Result.NO_DIALTONE),
        ("no-answer", Result.NO_ANSWER),
    ],
)
@pytest.mark.parametrize("words", [True, False])
def test_failed_call_says_why_in_words_and_digits(fault: str, result: Result, words: bool) -> None:  # noqa: FBT001
    desk = Desk(CallSetup() if words else CallSetup(init=("ATE0V0",)))
    desk.phone._channel.numeric = not words
    desk.opened()
    desk.faults.plan(fault)
    (event,) = desk.dials()
    assert isinstance(event, CallFailed)
    assert event.result is result
    assert desk.dials()[0] == Connected("CONNECT 1200" if words else "1")


def test_modem_that_never_ends_dialling_is_stopped() -> None:
    desk = Desk(CallSetup(dial_limit=30)).opened()
    desk.other.call = lambda modem, number, now: True  # type: ignore[method-assign] # nobody lifts the receiver
    events = desk.dials(seconds=40)
    assert events == [CallFailed(Result.TIMEOUT, "no answer")]
    assert desk.phone.stage is Stage.IDLE


def test_number_that_is_dialled_while_the_modem_is_busy_waits() -> None:
    desk = Desk().opened()
    desk.phone.probe(desk.pairs.now)
    assert desk.dials() == [ModemReady(), Connected("CONNECT 1200"), DataReceived(b"HELLO")]


def test_probe_shows_whether_the_modem_lives() -> None:
    desk = Desk().opened()
    desk.phone.probe(desk.pairs.now)
    desk.pairs.waits(3)
    assert desk.pairs.told() == [ModemReady()]
    desk.faults.plan("dead-modem")
    desk.phone.probe(desk.pairs.now)
    desk.pairs.waits(20)
    assert [type(event) for event in desk.pairs.told()] == [ModemSilent]


def test_lost_carrier_is_told_and_the_modem_serves_the_next_call() -> None:
    desk = Desk().in_call()
    desk.modem.lose_carrier()
    desk.pairs.waits(5)
    assert desk.pairs.told() == [DataReceived(b"\r\n"), CarrierLost(), HungUp()]
    assert desk.dials()[0] == Connected("CONNECT 1200")


def test_carrier_that_only_DCD_knows_to_be_lost_is_believed() -> None:  # noqa: N802
    desk = Desk().in_call()
    desk.phone.carrier_dropped(desk.pairs.now)
    desk.pairs.waits(10)
    assert desk.pairs.told() == [CarrierLost(), HungUp()]
    assert desk.modem.in_call is False


def test_hanging_up_drops_DTR() -> None:  # noqa: N802
    desk = Desk().in_call()
    assert desk.hangs_up() == [HungUp()]
    assert "ATH" in desk.modem.commands[-1]
    assert desk.modem.in_call is False


def test_modem_without_DTR_is_called_back_by_the_escape_and_hung_up() -> None:  # noqa: N802
    desk = Desk().in_call()
    desk.pairs.dtr_is_wired = False
    desk.modem.lose_carrier = lambda: None  # type: ignore[method-assign] # the other end stays as well
    assert desk.hangs_up() == [HungUp()]
    assert desk.modem.in_call is False
    assert desk.modem.commands[-1] == "ATH"


def test_attempt_that_is_given_up_ends_dialling() -> None:
    desk = Desk().opened()
    desk.other.call = lambda modem, number, now: True  # type: ignore[method-assign] # nobody lifts the receiver
    assert desk.dials() == []
    assert desk.hangs_up() == [HungUp()]
    assert desk.dials() == []
    assert desk.modem.dialled == ["0301234"] * 2


def test_result_of_an_attempt_that_was_given_up_hurries_nothing() -> None:
    desk = Desk().opened()
    desk.other.call = lambda modem, number, now: True  # type: ignore[method-assign] # nobody lifts the receiver
    assert desk.dials() == []
    desk.phone.hang_up(desk.pairs.now)
    desk.phone.receive_data(b"\r\nBUSY\r\n", desk.pairs.now)
    desk.pairs.waits(0)
    assert desk.pairs.events[0] == []
    desk.pairs.waits(LINGER)
    assert desk.pairs.events[0] == [DtrWanted(on=False)]


def test_bytes_outside_of_a_call_are_lost() -> None:
    desk = Desk().opened()
    assert desk.says(b"AT+CFUN=1,1\r") == []
    assert "AT+CFUN=1,1" not in desk.modem.commands


# --- being called -----------------------------------------------------------------------------------------------------


class Line:
    """Two computers with a modem each."""

    def __init__(self) -> None:
        network = PhoneNetwork(Faults(), lambda modem: None)
        self.caller = Phone()
        self.called = Phone(CallSetup(answers=True))
        self.modems = network.modems
        self.pairs = Pairs((self.caller, network.modems[0]), (self.called, network.modems[1]))
        for phone in (self.caller, self.called):
            phone.open(self.pairs.now)
        self.pairs.waits(3)
        assert (self.pairs.told(0), self.pairs.told(1)) == ([ModemReady()], [ModemReady()])


def test_ringing_modem_is_answered_and_hangs_up_after_the_other_end() -> None:
    line = Line()
    line.caller.dial("1", line.pairs.now)
    line.pairs.waits(1)
    assert line.pairs.told(0) == line.pairs.told(1) == [Connected("CONNECT 1200")]
    line.caller.send(b"\r")
    line.pairs.waits(0)
    assert line.pairs.told(1) == [DataReceived(b"\r")]
    line.caller.hang_up(line.pairs.now)
    line.pairs.waits(10)
    assert line.pairs.told(0) == [HungUp()]
    assert line.pairs.told(1) == [DataReceived(b"\r\n"), CarrierLost(), HungUp()]


def test_caller_that_gives_up_is_not_waited_for() -> None:
    line = Line()
    line.called._setup = CallSetup()
    line.caller.dial("1", line.pairs.now)
    line.pairs.waits(7)
    line.caller.hang_up(line.pairs.now)
    line.pairs.waits(10)
    assert (line.pairs.told(0), line.pairs.told(1)) == ([HungUp()], [])
    assert line.modems[1].get_timer() is None


def test_call_that_comes_while_the_modem_proves_itself_is_answered_when_it_rings_again() -> None:
    line = Line()
    line.called.probe(line.pairs.now)
    line.caller.dial("1", line.pairs.now)
    line.pairs.waits(6)
    assert line.pairs.told(1) == [ModemReady(), Connected("CONNECT 1200")]


# --- NO CARRIER -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("add", [0, 0x80])
def test_loss_is_found_however_the_bytes_are_cut(chunk: int, add: int) -> None:
    data = bytes(byte | add for byte in b"211 Ok\r\x06\r\r\nNO CARRIER\r\n")
    finder, kept, end = LossFinder(), b"", None
    for start in range(0, len(data), chunk):
        piece = data[start : start + chunk]
        end = finder.feed(piece)
        kept += piece[:end]
        if end is not None:
            break
    assert kept.startswith(data[:9])
    assert finder.feed(b"") is None
    assert end is not None


@pytest.mark.parametrize("line", [b"THE SHIP HAS NO CARRIER\r", b"NO CARRIER DOVE\r", b"NO CARRIER"])
def test_words_inside_of_a_line_are_no_loss(line: bytes) -> None:
    assert LossFinder().feed(line) is None


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_of_a_modem_are_survived_and_the_next_call_stands(pieces: list[bytes]) -> None:
    desk = Desk().opened()
    for piece in pieces:
        desk.phone.receive_data(piece.replace(b"RING", b"PING"), desk.pairs.now)
    desk.phone.receive_data(b"\r\n", desk.pairs.now)
    desk.pairs.waits(30)
    assert len(desk.phone._loss._line) <= len(b"NO CARRIER") + 1
    desk.pairs.told()
    assert Connected("CONNECT 1200") in desk.dials()
