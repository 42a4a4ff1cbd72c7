"""An encoder that speaks the Scope protocol: for tests, the demo and training.

Faults beside those of every encoder, each of one page: `nak` (refuses the pager ID), `full` (no room).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.scope.frames import LONGEST_FRAME, Call
from gatewayd.encoder.simulator import EncoderEnd, EncoderSimulator, EncoderSimulatorSettings, Faults, PagedText
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.simulator import Simulator, SimulatorSettings

QUEUED = b"Page Queued Okay\r\n"
BAD_ID = b"Error - Invalid Pager ID\r\n"
FULL = b"Error - Page buffer full\r\x15\r\n"


class EncoderSettings(EncoderSimulatorSettings):
    """An encoder that speaks the Scope protocol; those with `replies` are WaveWare's."""

    FAULTS: ClassVar[tuple[str, ...]] = (*EncoderSimulatorSettings.FAULTS, "nak", "full")

    replies: bool = True


class Encoder(EncoderEnd):
    """The encoder's protocol."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__(Faults(settings.faults), settings.late_by)
        self._replies = settings.replies

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take frames out: what a CR ends. What begins with neither A nor N is ignored without a word."""
        *frames, rest = bytes(buffer).split(b"\r")
        buffer[:] = rest[-LONGEST_FRAME:]
        return [frame for frame in frames if frame[:1] in {b"A", b"N"}]

    def take(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        """Queue a page, or refuse it."""
        page, said = self._taken(frame)
        return page, said if self._replies else b""

    def _taken(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        try:
            call = Call.from_bytes(frame)
        except RemoteProtocolError as error:
            return None, f"Error - {error}".encode() + (b"\r\x15\r\n" if "Beep" in str(error) else b"\r\n")
        if self.faults.take("nak"):
            return None, BAD_ID
        if self.faults.take("full"):
            return None, FULL
        return PagedText(f"{call.pager_type}{call.rate}{call.capcode:07}{call.beep}", call.text), QUEUED


class SimulatedEncoder(EncoderSimulator):
    """An encoder that speaks the Scope protocol."""

    Settings: ClassVar[type[SimulatorSettings]] = EncoderSettings

    def __init__(self, clock: Clock, settings: EncoderSettings | None = None) -> None:
        settings = settings or EncoderSettings()
        super().__init__(clock, settings, Encoder(settings))


SIMULATORS: dict[str, type[Simulator]] = {"scope": SimulatedEncoder}
