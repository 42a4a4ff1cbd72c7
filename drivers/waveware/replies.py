"""What a WaveWare encoder says: an echo of the command, then `SOH ACK ... EOT` or `SOH NAK ee EOT`."""

from __future__ import annotations

from drivers.waveware.frames import EOT, SOH
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply

MAX_FRAME = 600  # bytes; the echo of the longest command
ACK, NAK = 0x06, 0x15
_QUEUE_FIELD = 1  # of `Vv.vv,QQ,D,C,II`: pages that wait
FULL_AGAIN_AFTER = 15.0  # seconds until a full page buffer has room again

# A wrong type or rate cannot come from us: the command was damaged on its way, and sending it again helps.
ERRORS: dict[str, tuple[Outcome, str, float | None]] = {
    "01": (Outcome.FAILED, "wrong page type", None),
    "02": (Outcome.FAILED, "wrong data rate", None),
    "03": (Outcome.REFUSED, "wrong capcode", None),
    "04": (Outcome.FAILED, "input overflow: the flow control of the port does not work", None),
    "05": (Outcome.FAILED, "page buffer full", FULL_AGAIN_AFTER),
    "06": (Outcome.FAILED, "status or setup error", None),
    "07": (Outcome.FAILED, "EEPROM error", None),
    "08": (Outcome.FAILED, "wrong format", None),
}


class WaveWareReplies:
    """Reads frames from SOH to EOT; a SOH always begins anew. The echo of a command is no reply and no noise."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None

    def feed(self, data: bytes) -> tuple[list[Reply], int]:
        """Take bytes; return the replies in them, and how many bytes outside of frames there were."""
        found: list[Reply] = []
        noise = 0
        for byte in data:
            if byte == SOH[0]:
                self._frame = bytearray()
            elif self._frame is None:
                noise += byte not in b"\r\n"
            elif byte == EOT[0]:
                found += _reply(bytes(self._frame))
                self._frame = None
            elif len(self._frame) < MAX_FRAME:
                self._frame.append(byte)
            else:
                noise += len(self._frame) + 1
                self._frame = None
        return found, noise

    def forget(self) -> None:
        """Forget half a reply."""
        self._frame = None


def _reply(frame: bytes) -> list[Reply]:
    text = "".join(char if char.isprintable() else " " for char in frame[1:].decode("ascii", "replace"))[:80].strip()
    if frame[:1] == bytes((ACK,)):
        return [Reply(Outcome.SENT, _queued(text))]
    if frame[:1] == bytes((NAK,)):
        outcome, word, retry_after = ERRORS.get(text[:2], (Outcome.FAILED, "unknown error", None))
        return [Reply(outcome, f"{text[:2]} {word}".strip(), retry_after)]
    return []


def _queued(text: str) -> str:
    """Return the acknowledgement for people; its second field is the number of pages that wait."""
    fields = text.split(",")
    waiting = fields[_QUEUE_FIELD].strip() if len(fields) > _QUEUE_FIELD else ""
    return f"queued by the encoder ({int(waiting)} waiting)" if waiting.isdecimal() else "queued by the encoder"
