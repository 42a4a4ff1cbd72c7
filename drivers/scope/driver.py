"""A Scope line of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.scope.frames import Call
from drivers.scope.protocol import sender
from gatewayd.encoder.driver import EncoderDriver, Frame, OpenPort
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.scope.settings import ScopeSettings
    from gatewayd.driver import Line
    from gatewayd.encoder.exchange import Exchange
    from gatewayd.model import Page


class ScopeDriver(EncoderDriver):
    """Hands pages to one encoder, one at a time."""

    kind: ClassVar[str] = "scope"
    nothing: ClassVar[bytes] = b"\r"  # not begun with A or N: ignored

    def __init__(self, line: Line, settings: ScopeSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line, settings, open_port)
        self._settings = settings

    def compose(self, page: Page) -> Frame:
        """Return the frame of a page. Raises Invalid."""
        call = Call.of(page.address, page.text, self._settings.defaults, page.tone)
        return Frame(call.to_bytes(), call.note)

    def exchange(self, unsent: Callable[[], int]) -> Exchange:
        """Return the sending end."""
        return sender(self._settings.timing, unsent)
