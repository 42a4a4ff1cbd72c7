"""A COMP2 line of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.comp2.frames import RESYNC, Call
from drivers.comp2.protocol import sender
from gatewayd.encoder.driver import EncoderDriver, Frame, OpenPort
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.comp2.settings import Comp2Settings
    from gatewayd.driver import Line
    from gatewayd.encoder.exchange import Exchange
    from gatewayd.model import Page


class Comp2Driver(EncoderDriver):
    """Hands pages to one encoder, one at a time."""

    kind: ClassVar[str] = "comp2"
    nothing: ClassVar[bytes] = RESYNC

    def __init__(self, line: Line, settings: Comp2Settings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line, settings, open_port)
        self._settings = settings

    def compose(self, page: Page) -> Frame:
        """Return the frame of a page. Raises Invalid."""
        settings = self._settings
        call = Call.of(page.address, page.text, settings.delimiter_byte, settings.longest_text)
        return Frame(call.to_bytes(settings.delimiter_byte, resync=settings.resync), call.note)

    def exchange(self, unsent: Callable[[], int]) -> Exchange:
        """Return the sending end."""
        return sender(self._settings.timing, unsent)
