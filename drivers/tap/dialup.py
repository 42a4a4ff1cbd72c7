"""A modem on the line's port, and the end of TAP that talks over its calls."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from drivers.tap.pins import CarrierWatch, pins_of
from gatewayd.errors import LineDown
from gatewayd.hayes.calls import CarrierLost, Connected, DtrWanted, HungUp, ModemReady, ModemSilent
from gatewayd.hayes.dialling import Phone, Stage
from gatewayd.hayes.incall import InCall
from gatewayd.transport.adapter import StreamAdapter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from drivers.tap.pins import Pins
    from drivers.tap.settings import TapSettings
    from gatewayd.driver import Line, StreamProtocol

    Opener = Callable[[TapSettings, StreamAdapter[Any]], Awaitable[None]]


class DialUp:
    """One opened modem; `core` is the end of TAP in the present call."""

    def __init__(
        self,
        line: Line,
        settings: TapSettings,
        make: Callable[[Connected, float], StreamProtocol[Any]],
    ) -> None:
        self._line = line
        self._settings = settings
        self._incall = InCall(Phone(settings.call_setup()), make, settings.probe_every if settings.probe else 0.0)
        self.adapter: StreamAdapter[Any] = StreamAdapter(self._incall, line.clock)
        self._pins: Pins | None = None
        self._watch = CarrierWatch(line.clock, self._carrier_dropped)

    @property
    def core(self) -> StreamProtocol[Any] | None:
        """The end of TAP in the present call."""
        return self._incall.core

    @property
    def idle(self) -> bool:
        """Whether the modem could dial."""
        return self._incall.phone.stage is Stage.IDLE

    async def open(self, open_port: Opener) -> None:
        """Open the port and have the modem initialised. Raises LineDown."""
        await open_port(self._settings, self.adapter)
        self._pins = pins_of(self.adapter.transport)
        self._incall.open(self._line.clock.now())
        self.adapter.flush()

    async def events(self) -> AsyncIterator[Any]:
        """Yield what the modem and the core tell. Raises LineDown when either the port or the modem is lost."""
        async for event in self.adapter.events():
            self._attend(event)
            yield event

    def dial(self) -> None:
        """Call the terminal, as soon as the modem is free."""
        self._incall.dial(self._settings.number, self._line.clock.now())
        self.adapter.flush()

    def hang_up(self) -> None:
        """End the call, or the attempt."""
        self._incall.hang_up(self._line.clock.now())
        with suppress(LineDown):
            self.adapter.flush()

    async def close(self) -> None:
        """End everything; DTR goes off, for closing the port would leave a call standing."""
        self._watch.stop()
        if not self.idle:
            self._switch_dtr(on=False)
        self.adapter.close()
        await self.adapter.wait_closed()

    def _attend(self, event: object) -> None:
        if isinstance(event, DtrWanted):
            self._switch_dtr(on=event.on)
        elif isinstance(event, Connected):
            self._line.count("calls")
            self._line.log.info("a call stands: %s", event.said)
            self._watch.start(self._pins)
        elif isinstance(event, CarrierLost | HungUp):
            self._watch.stop()
        elif isinstance(event, ModemReady) and event.notes:
            self._line.log.info("the modem refuses %s", ", ".join(event.notes))
        elif isinstance(event, ModemSilent):
            raise LineDown(event.reason)

    def _switch_dtr(self, *, on: bool) -> None:
        if self._pins is not None:
            with suppress(OSError):  # a port without DTR; the modem is called back by +++
                self._pins.set_dtr(on=on)

    def _carrier_dropped(self) -> None:
        self._incall.carrier_dropped(self._line.clock.now())
        with suppress(LineDown):
            self.adapter.flush()
