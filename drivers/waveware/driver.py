"""A WaveWare line of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.waveware.frames import Call
from drivers.waveware.protocol import sender
from gatewayd.encoder.driver import EncoderDriver, Frame, OpenPort
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.waveware.settings import WaveWareSettings
    from gatewayd.driver import Line
    from gatewayd.encoder.exchange import Exchange
    from gatewayd.model import Page


class WaveWareDriver(EncoderDriver):
    """Hands pages to one encoder, one at a time."""

    kind: ClassVar[str] = "waveware"
    nothing: ClassVar[bytes] = b"\x01"  # SOH begins a command anew

    def __init__(self, line: Line, settings: WaveWareSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line, settings, open_port)
        self._settings = settings

    def compose(self, page: Page) -> Frame:
        """Return the frame of a page. Raises Invalid."""
        call = Call.of(page.address, page.text, self._settings.defaults)
        return Frame(call.to_bytes(commas=self._settings.commas), call.note)

    def exchange(self, unsent: Callable[[], int]) -> Exchange:
        """Return the sending end."""
        return sender(self._settings.timing, unsent)
