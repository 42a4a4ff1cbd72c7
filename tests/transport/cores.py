"""Cores for the tests of the transports, and the adapters around them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from gatewayd.clock import Clock, ManualClock
    from gatewayd.driver import Address
    from gatewayd.transport.adapter import DatagramTrace, Trace
    from gatewayd.transport.pty import Pty


class Timers:
    """The timer half of a core: wakes at `wake_at` and notes when."""

    def __init__(self) -> None:
        self.wake_at: float | None = None
        self.woken: list[float] = []
        self.stubborn = False

    def get_timer(self) -> float | None:
        return self.wake_at

    def handle_timer(self, now: float) -> None:
        self.woken.append(now)
        if self.wake_at is not None and now >= self.wake_at and not self.stubborn:
            self.wake_at = None


class LineCore(Timers):
    """A byte stream of lines: every complete line is an event. The line `boom` is a defect of the core."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._events: list[bytes] = []
        self._unsent = b""

    def say(self, data: bytes) -> None:
        self._unsent += data

    def receive_data(self, data: bytes, now: float) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if b"boom" in lines:
            raise ZeroDivisionError("a defect")
        self._events += lines

    def data_to_send(self) -> bytes:
        data, self._unsent = self._unsent, b""
        return data

    def next_event(self) -> bytes | None:
        return self._events.pop(0) if self._events else None


class PacketCore(Timers):
    """Datagrams: every one is an event, with its source."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[bytes, Address]] = []
        self._unsent: list[tuple[bytes, Address]] = []

    def say(self, data: bytes, target: Address) -> None:
        self._unsent.append((data, target))

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        self._events.append((data, source))

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        data, self._unsent = self._unsent, []
        return data

    def next_event(self) -> tuple[bytes, Address] | None:
        return self._events.pop(0) if self._events else None


class Talker(StreamAdapter[bytes]):
    """An adapter around a LineCore, with words for the tests."""

    def __init__(self, clock: Clock, trace: Trace | None = None) -> None:
        self.core = LineCore()
        super().__init__(self.core, clock, trace)

    def say(self, data: bytes) -> None:
        self.core.say(data)
        self.flush()

    async def hear(self, count: int = 1) -> list[bytes]:
        return [await self.next_event() for _ in range(count)]


class Sender(DatagramAdapter[tuple[bytes, "Address"]]):
    """An adapter around a PacketCore, with words for the tests."""

    def __init__(self, clock: Clock, trace: DatagramTrace | None = None) -> None:
        self.core = PacketCore()
        super().__init__(self.core, clock, trace)

    def say(self, data: bytes, target: Address) -> None:
        self.core.say(data, target)
        self.flush()


async def plug_in(pty: Pty, clock: ManualClock, **settings: object) -> Talker:
    gateway = Talker(clock)
    await open_serial(SerialSettings.model_validate({"port": pty.path, **settings}), gateway)
    return gateway


async def close(*adapters: Talker) -> None:
    for adapter in adapters:
        adapter.close()
        await asyncio.wait_for(adapter.wait_closed(), 5)
