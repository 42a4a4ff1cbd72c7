"""A station that misbehaves on demand: what it sends is lost, damaged or late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.espa444.frames import EOT, ETX
from drivers.espa444.quirks import Quirk, heard

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from drivers.espa444.protocol import ControlStation, Event, PolledStation
    from gatewayd.simulator import Faults

    Tamper = Callable[[bytes], tuple[bytes, float]]

RESTART_TIME = 0.2  # seconds in which a device that starts anew at an EOT hears nothing


class TamperedStation:
    """Stands between a station and its line. `tamper` turns what would be sent into what is sent, and how much later.

    While the fault `dead` is planned, nothing is heard and nothing is said. `heard_block` tells that what would be sent
    now answers a block.
    """

    def __init__(
        self,
        station: PolledStation | ControlStation,
        faults: Faults,
        tamper: Tamper,
        own: str,
        quirks: Collection[Quirk],
    ) -> None:
        self._station = station
        self._own = own
        self._quirks = quirks
        self._faults = faults
        self._tamper = tamper
        self._now = 0.0
        self._restarting_until = 0.0
        self._held: list[tuple[float, bytes]] = []
        self._ready = bytearray()
        self.deaf_for = 0
        self.heard_block = False

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the line; the next `deaf_for` pieces are not heard."""
        self._now = now
        if Quirk.EOT_RESETS in self._quirks:
            data = self._after_eot(data, now)
        if self.deaf_for > 0:
            self.deaf_for -= 1
        elif not self._faults.standing("dead"):
            self.heard_block |= ETX in data
            self._station.receive_data(heard(data, self._own, self._quirks), now)

    def _after_eot(self, data: bytes, now: float) -> bytes:
        """Return what a device hears that starts anew at every EOT, and answers it."""
        if now < self._restarting_until:
            return b""
        heard_before, eot, _ = data.partition(bytes((EOT,)))
        if eot:
            self._ready += eot
            self._restarting_until = now + RESTART_TIME
        return heard_before + eot

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""
        data = self._station.data_to_send()
        if data:
            data, delay = self._tamper(data)
            self.heard_block = False
            if delay:
                self._held.append((self._now + delay, data))
            else:
                self._ready += data
        out = b"" if self._faults.standing("dead") else bytes(self._ready)
        self._ready.clear()
        return out

    def next_event(self) -> Event | None:
        """Return the next thing that happened, or None."""
        return self._station.next_event()

    def get_timer(self) -> float | None:
        """Return the earliest deadline."""
        own = self._station.get_timer()
        due = [held[0] for held in self._held] + ([] if own is None else [own])
        return min(due, default=None)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        self._now = now
        for held in [held for held in self._held if held[0] <= now]:
            self._held.remove(held)
            self._ready += held[1]
        self._station.handle_timer(now)
