"""A COMP2 encoder: for tests, the demo and training.

Faults beside those of every encoder, each of one page: `nak` (refuses the pager ID), `full` (another error). When all
is well it says nothing, so `late` and `garble` refuse the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.comp2.frames import LONGEST_FRAME, Call
from gatewayd.encoder.simulator import EncoderEnd, EncoderSimulator, EncoderSimulatorSettings, Faults, PagedText
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.simulator import Simulator, SimulatorSettings

ERROR_END = b"\r\r\x1e\r"
BAD_ID = "Invalid character in pager ID"
FULL = "Error page buffer full"


class EncoderSettings(EncoderSimulatorSettings):
    """An encoder that emulates COMP2; `verbose` ones say what is wrong."""

    FAULTS: ClassVar[tuple[str, ...]] = (*EncoderSimulatorSettings.FAULTS, "nak", "full")

    delimiter: str = "\r"
    verbose: bool = True


class Encoder(EncoderEnd):
    """The encoder's protocol."""

    discard_after = 10.0

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__(Faults(settings.faults), settings.late_by)
        self._delimiter = settings.delimiter.encode("ascii")
        self._verbose = settings.verbose

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take frames out: a pager ID and a text, each with its delimiter."""
        frames = []
        while buffer.count(self._delimiter) > 1:
            end = buffer.index(self._delimiter, buffer.index(self._delimiter) + 1) + 1
            frames.append(bytes(buffer[:end]))
            del buffer[:end]
        del buffer[: -LONGEST_FRAME - 3]
        return frames

    def take(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        """Transmit a page, or complain."""
        try:
            call = Call.from_bytes(frame, self._delimiter)
        except RemoteProtocolError as error:
            return None, self._complaint(str(error))
        faults = self.faults
        if faults.take("nak") or faults.standing("garble") or faults.standing("late"):
            return None, self._complaint(BAD_ID)
        if faults.take("full"):
            return None, self._complaint(FULL)
        return PagedText(call.pager_id, call.text), b""

    def damage(self, said: bytes) -> bytes:
        """Damage the words, but not the end of them."""
        return super().damage(said.removesuffix(ERROR_END)) + ERROR_END

    def _complaint(self, text: str) -> bytes:
        return text.encode("ascii", "replace") + ERROR_END if self._verbose else b""


class SimulatedEncoder(EncoderSimulator):
    """A COMP2 encoder that says nothing unless something is wrong."""

    Settings: ClassVar[type[SimulatorSettings]] = EncoderSettings

    def __init__(self, clock: Clock, settings: EncoderSettings | None = None) -> None:
        settings = settings or EncoderSettings()
        super().__init__(clock, settings, Encoder(settings))


SIMULATORS: dict[str, type[Simulator]] = {"comp2": SimulatedEncoder}
