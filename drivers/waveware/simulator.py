"""A WaveWare encoder that speaks its own protocol: for tests, the demo and training.

Faults beside those of every encoder, each of one page: `nak` (refuses the capcode), `full` (no room), `overflow` (we
ignored its flow control), `eeprom` (it is broken inside).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.waveware.frames import EOT, SOH, Call
from drivers.waveware.replies import MAX_FRAME
from gatewayd.encoder.simulator import EncoderEnd, EncoderSimulator, EncoderSimulatorSettings, Faults, PagedText
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.simulator import Simulator, SimulatorSettings

ACK, NAK = b"\x06", b"\x15"
BAD_FORMAT = b"08"
REFUSALS = {"nak": b"03", "full": b"05", "overflow": b"04", "eeprom": b"07"}


class EncoderSettings(EncoderSimulatorSettings):
    """A WaveWare encoder; `echo`: it repeats each command before it replies."""

    FAULTS: ClassVar[tuple[str, ...]] = (*EncoderSimulatorSettings.FAULTS, *REFUSALS)

    echo: bool = True


class Encoder(EncoderEnd):
    """The encoder's protocol."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__(Faults(settings.faults), settings.late_by)
        self._echo = settings.echo

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take commands out: from the last SOH to an EOT, for a SOH always begins anew."""
        *frames, rest = bytes(buffer).split(EOT)
        buffer[:] = rest[-MAX_FRAME:]
        return [command for _, begun, command in (frame.rpartition(SOH) for frame in frames) if begun]

    def take(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        """Queue a page, or refuse it."""
        page, reply = self._taken(frame)
        echo = SOH + frame + EOT if self._echo else b""
        return page, echo + SOH + reply + EOT

    def damage(self, said: bytes) -> bytes:
        """Damage the reply, not the echo before it nor its ends."""
        before, begun, reply = said.rpartition(SOH)
        return before + begun + super().damage(reply.removesuffix(EOT)) + EOT

    def _taken(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        try:
            call = Call.from_bytes(frame)
        except RemoteProtocolError:
            return None, NAK + BAD_FORMAT
        for fault, code in REFUSALS.items():
            if self.faults.take(fault):
                return None, NAK + code
        return PagedText(f"{call.pager_type}{call.rate}{call.capcode}", call.text), ACK + b"V9.01,01,0,0,00"


class SimulatedEncoder(EncoderSimulator):
    """A WaveWare encoder that speaks its own protocol."""

    Settings: ClassVar[type[SimulatorSettings]] = EncoderSettings

    def __init__(self, clock: Clock, settings: EncoderSettings | None = None) -> None:
        settings = settings or EncoderSettings()
        super().__init__(clock, settings, Encoder(settings))


SIMULATORS: dict[str, type[Simulator]] = {"waveware": SimulatedEncoder}
