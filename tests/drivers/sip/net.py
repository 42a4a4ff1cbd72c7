"""A network in memory for sans-IO cores: joins them by address, moves their time, loses what it is told to."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drivers.sip.core import Outside
from drivers.sip.message import Request, Response, parse_message
from drivers.sip.phone import Phone, PhoneEvent, PhoneSettings
from drivers.sip.protocol import Endpoint
from drivers.sip.settings import SipSettings
from gatewayd.clock import Clock, SystemClock
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import Page, Priority, Recorded, Report, TextReceived
from gatewayd.simulator import Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.core import Core
    from drivers.sip.events import Event
    from gatewayd.driver import Address

START = 1_700_000_000.0
GATEWAY = ("10.0.0.1", 5060)
PHONE = ("10.0.0.5", 5062)
PASSWORD = "s3cret"


def outside(counters: Counter[str], prefix: int = 1) -> Outside:
    """Predictable randomness: every token differs, and runs are repeatable. A defect fails the test that meets it."""
    numbers = itertools.count(prefix * 1_000_000)

    def tokens(size: int) -> str:
        return f"{next(numbers):0{2 * size}x}"[-2 * size :]

    def count(what: str) -> None:
        assert what != "defects" or counters["defects_expected"]
        counters[what] += 1

    return Outside(tokens, count, lambda: START)


def settings(**changes: object) -> SipSettings:
    """Return the settings of a gateway with phones 2001 and 2002."""
    accounts = {"2001": {"password": PASSWORD}, "2002": {"password": PASSWORD}}
    given = {"host": GATEWAY[0], "domains": ("gateway.local",), "accounts": accounts, "options_interval": 0, **changes}
    return SipSettings.model_validate(given)


def page(text: str = "FIRE 3", address: str = "2001", **changes: object) -> Page:
    """Return a page."""
    values: dict[str, Any] = {
        "id": 1, "message_id": 1, "line": "sip", "address": address, "text": text, "priority": Priority.EMERGENCY,
        "created": START, "due": START, "expires": START + 600, "queue_time": START,
    }  # fmt: skip
    return Page(**{**values, **changes})


@dataclass
class Net:
    """Cores by address. `sent` keeps every datagram; `lose(data, target)` decides which ones never arrive."""

    now: float = START
    cores: dict[Address, Core[Any]] = field(default_factory=dict)
    sent: list[tuple[float, Address, bytes]] = field(default_factory=list)
    lose: Callable[[bytes, Address], bool] = lambda _data, _target: False
    events: dict[Address, list[Any]] = field(default_factory=dict)

    def add(self, address: Address, core: Core[Any]) -> None:
        """Join a core."""
        core.bind(address, lambda: None)
        self.cores[address] = core
        self.events[address] = []

    def run(self) -> None:
        """Carry datagrams until nobody has anything to send."""
        busy = True
        while busy:
            busy = False
            for source, core in self.cores.items():
                for data, target in core.datagrams_to_send():
                    busy = True
                    self.sent.append((self.now - START, target, data))
                    if target in self.cores and not self.lose(data, target):
                        self.cores[target].receive_datagram(data, source, self.now)
                while (event := core.next_event()) is not None:
                    self.events[source].append(event)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        until = self.now + seconds
        self.run()
        while True:
            dues = [due for core in self.cores.values() if (due := core.get_timer()) is not None and due <= until]
            if not dues:
                break
            self.now = max(self.now, min(dues))
            for core in self.cores.values():
                core.handle_timer(self.now)
            self.run()
        self.now = until

    def times(self, target: Address, method: str) -> list[float]:
        """Return when requests of `method` were sent to `target`, in seconds since the start."""
        start = method.encode() + b" "
        return [round(at, 3) for at, to, data in self.sent if to == target and data.startswith(start)]

    def responses(self, target: Address) -> list[Response]:
        """Return the responses that were sent to `target`."""
        messages = [parse_message(data) for _, to, data in self.sent if to == target]
        return [message for message in messages if isinstance(message, Response)]

    def requests(self, target: Address) -> list[Request]:
        """Return the requests that were sent to `target`."""
        messages = [parse_message(data) for _, to, data in self.sent if to == target]
        return [message for message in messages if isinstance(message, Request)]


class Site:
    """A gateway and the phone of user 2001 on one network, without sockets."""

    def __init__(self, **changes: object) -> None:
        self.net = Net()
        self.counters: Counter[str] = Counter()
        self.gateway = Endpoint(settings(**changes), outside(self.counters))
        self.net.add(GATEWAY, self.gateway)
        self.faults = Faults()
        self.phone = self.add_phone(PHONE, "2001", self.faults)

    def add_phone(self, address: Address, user: str, faults: Faults | None = None, password: str = PASSWORD) -> Phone:
        """Put another phone on the network."""
        given = PhoneSettings(registrar_host=GATEWAY[0], domain="gateway.local", user=user, password=password)
        phone = Phone(given, outside(Counter(), address[1]), faults or Faults())
        self.net.add(address, phone)
        return phone

    @property
    def events(self) -> list[Event]:
        """What the gateway told its driver."""
        return list(self.net.events[GATEWAY])

    def of(self, kind: type[Any], where: Address = GATEWAY) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.net.events[where] if isinstance(event, kind)]

    def phone_events(self) -> list[PhoneEvent]:
        """What the phone told its owner."""
        return list(self.net.events[PHONE])

    def register(self, phone: Phone | None = None) -> None:
        """Let a phone register, and let the disk take it."""
        (phone or self.phone).register(self.net.now)
        self.save()

    def save(self) -> None:
        """Answer every registration that waits for the disk."""
        from drivers.sip.events import BindingsChanged

        self.net.run()
        for event in self.of(BindingsChanged):
            self.gateway.bindings_saved(event.transaction, self.net.now, saved=True)
        self.net.run()

    def hand_in(self, data: bytes, source: Address = ("10.0.0.9", 5099)) -> list[Response]:
        """Give the gateway a datagram and return what it answers to `source`."""
        before = len(self.net.sent)
        self.gateway.receive_datagram(data, source, self.net.now)
        self.net.run()
        fresh = [parse_message(data) for _, to, data in self.net.sent[before:] if to == source]
        return [message for message in fresh if isinstance(message, Response)]


class Memory:
    """A line's memory that can break."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}
        self.broken = False
        self.disk_is_down = False

    def items(self) -> dict[str, Any]:
        """Return everything."""
        return dict(self.saved)

    async def save(self, changes: dict[str, Any]) -> None:
        """Record changes, or fail."""
        if self.broken:
            raise StoreUnavailable("the disk is full")
        for key, value in changes.items():
            self.saved.pop(key, None)
            if value is not None:
                self.saved[key] = value
        if self.disk_is_down:
            raise NotDurable("it is remembered, and not stored")


class FakeLine:
    """The gateway as a driver sees it. `gate`, when set, holds every report back until it is released."""

    def __init__(self, clock: Clock | None = None, memory: Memory | None = None) -> None:
        import asyncio

        self.name = "sip"
        self.clock: Clock = clock or SystemClock()
        self.log = logging.LoggerAdapter(logging.getLogger("tests.sip"))
        self.memory = memory or Memory()
        self.reports: list[Report] = []
        self.back: list[str] = []
        self.recorded = Recorded.ANSWERED
        self.broken = False
        self.degraded_reason = ""
        self.counters: Counter[str] = Counter()
        self.is_up = asyncio.Event()
        self.reported = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def up(self) -> None:
        """Note that the line is up."""
        self.is_up.set()

    def reachable(self, address: str) -> None:
        """Note whose pages would go out now."""
        self.back.append(address)

    def degraded(self, reason: str) -> None:
        """Note that the line works badly, or well again."""
        self.degraded_reason = reason

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    def count(self, what: str, amount: int = 1) -> None:
        """Count."""
        self.counters[what] += amount

    @property
    def said(self) -> list[tuple[str, str]]:
        """Sender and text of every text that was reported for the gateway."""
        texts = [each for each in self.reports if isinstance(each, TextReceived)]
        return [(each.sender, each.text) for each in texts if each.reference and not each.recipient]

    async def report(self, report: Report) -> Recorded:
        """Record a report, or fail."""
        self.reports.append(report)
        self.reported.set()
        await self.gate.wait()
        if self.broken:
            raise StoreUnavailable("the disk is full")
        if self.memory.disk_is_down:
            raise NotDurable("it has taken effect, and is not stored")
        return self.recorded
