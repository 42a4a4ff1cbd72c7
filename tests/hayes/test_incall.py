"""A protocol over a call: it lives as long as the call, and what it tells stands in order with what the modem tells."""

from __future__ import annotations

from gatewayd.hayes.calls import CallSetup, CarrierLost, Connected, HungUp, ModemReady
from gatewayd.hayes.dialling import Phone
from gatewayd.hayes.incall import InCall


class Echo:
    """A core that tells what it hears, and says it again."""

    def __init__(self, connected: Connected, now: float) -> None:
        self.made = (connected.said, now)
        self._heard: list[bytes] = []
        self._out = b""
        self.rings = 0

    def receive_data(self, data: bytes, now: float) -> None:
        self._heard.append(data)
        self._out += data

    def data_to_send(self) -> bytes:
        data, self._out = self._out, b""
        return data

    def next_event(self) -> bytes | None:
        return self._heard.pop(0) if self._heard else None

    def get_timer(self) -> float | None:
        return 50.0 if not self.rings else None

    def handle_timer(self, now: float) -> None:
        self.rings += 1


class Desk:
    """A modem played by the test."""

    def __init__(self, probe_every: float = 0.0) -> None:
        self.incall = InCall(Phone(CallSetup(init=())), Echo, probe_every)
        self.now = 0.0
        self.incall.open(self.now)
        assert self.incall.data_to_send() == b"\x1bAT\r"
        self.hears(b"OK\r\n")
        self.waits(1)
        assert self.told() == [ModemReady()]

    def hears(self, data: bytes) -> bytes:
        self.incall.receive_data(data, self.now)
        return self.incall.data_to_send()

    def waits(self, seconds: float) -> bytes:
        until, sent = self.now + seconds, b""
        while (due := self.incall.get_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.incall.handle_timer(self.now)
            sent += self.incall.data_to_send()
        self.now = until
        return sent

    def told(self) -> list[object]:
        return list(iter(self.incall.next_event, None))

    def in_call(self) -> Echo:
        self.incall.dial("1", self.now)
        assert self.incall.data_to_send() == b"ATDT1\r"
        self.hears(b"\r\nCONNECT 300\r\n")
        assert self.told() == [Connected("CONNECT 300")]
        assert isinstance(self.incall.core, Echo)
        return self.incall.core


def test_core_is_made_for_the_call_and_speaks_through_it() -> None:
    desk = Desk()
    assert desk.in_call().made == ("CONNECT 300", 1.0)
    assert desk.hears(b"FIRE") == b"FIRE"
    assert desk.told() == [b"FIRE"]


def test_what_came_before_the_loss_is_told_before_it() -> None:
    desk = Desk()
    desk.in_call()
    desk.hears(b"LAST WORDS\r\nNO CARRIER\r\n")
    assert desk.told() == [b"LAST WORDS\r\n", CarrierLost()]
    assert desk.incall.core is None
    desk.waits(0.2)
    desk.hears(b"OK\r\n")
    desk.waits(10)
    assert desk.told() == [HungUp()]


def test_timers_of_the_core_ring_in_a_call() -> None:
    desk = Desk()
    core = desk.in_call()
    desk.waits(60)
    assert core.rings == 1


def test_idle_modem_is_probed_and_one_in_a_call_is_not() -> None:
    desk = Desk(probe_every=20)
    assert desk.waits(20).startswith(b"\x1bAT\r")
    desk.hears(b"OK\r\n")
    desk.waits(1)
    assert desk.told() == [ModemReady()]
    desk.in_call()
    assert desk.waits(100) == b""
