"""A station and the bytes that it exchanges, at a time that the test sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from drivers.espa444.protocol import BlockEnded, Config, ControlStation, Ending, Event, PolledStation, SelfPoll
from tests.drivers.espa444.vectors import FRAMES, frame

if TYPE_CHECKING:
    from drivers.espa444.protocol import Block, NakReason

EOT, ENQ, ACK, NAK = b"\x04", b"\x05", b"\x06", b"\x15"
SELF_POLL, POLL = b"1\x05", b"2\x05"
SELECT = SELF_POLL + POLL
OPENING = EOT + SELECT
FIRE_BLOCK = FRAMES["E7"][1]
FIRE = frame("E7")
STATUS = frame("E10")
STATUS_BLOCK = FRAMES["E10"][1]


StationT = TypeVar("StationT", bound=PolledStation | ControlStation)


class Conversation(Generic[StationT]):
    """The other end of a station under test."""

    def __init__(self, station: StationT) -> None:
        self.station = station
        self.now = 0.0

    def hears(self, data: bytes) -> bytes:
        """Let the station receive `data`; return what it answers at once."""
        self.station.receive_data(data, self.now)
        return self.station.data_to_send()

    def waits(self, seconds: float) -> bytes:
        """Let time pass, with every deadline in its turn; return what the station says meanwhile."""
        end, said = self.now + seconds, b""
        while (due := self.station.get_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.station.handle_timer(self.now)
            said += self.station.data_to_send()
        self.now = end
        return said

    def accepts(self) -> bytes:
        """Accept the block under decision; return what goes out."""
        self.station.accept_block(self.now)
        return self.station.data_to_send()

    def rejects(self, reason: NakReason) -> bytes:
        """Refuse the block under decision; return what goes out."""
        self.station.reject_block(reason, self.now)
        return self.station.data_to_send()

    def calls(self, block: Block) -> bytes:
        """Let the control station call; return what goes out."""
        assert isinstance(self.station, ControlStation)
        self.station.send_call(block, self.now)
        return self.station.data_to_send()

    def events(self) -> list[Event]:
        """Return what happened since the last look."""
        found = []
        while (event := self.station.next_event()) is not None:
            found.append(event)
        return found

    def event(self, kind: type) -> list[Event]:
        """Return what happened of one kind since the last look."""
        return [event for event in self.events() if isinstance(event, kind)]


def paging(self_poll: SelfPoll = SelfPoll.STRICT, *, silent_after: float | None = None) -> Conversation[PolledStation]:
    """Return a paging system with address 2 and a very fast line."""
    return Conversation(
        PolledStation(Config("2", ("1",), self_poll=self_poll, silent_after=silent_after, char_time=0), 0.0)
    )


def control(*peers: str, **options: Any) -> Conversation[ControlStation]:  # noqa: ANN401 - those of Config
    """Return a control station with address 1 and, unless told otherwise, a very fast line and no polls."""
    usual = {"poll_interval": 0, "char_time": 0, "silent_after": 30 if options.get("poll_interval") else None}
    return Conversation(ControlStation(Config("1", peers or ("2",), **(usual | options)), 0.0))


def calling(**options: object) -> Conversation[ControlStation]:
    """Return a control station that has just begun to call."""
    line = control(**options)
    line.calls(FIRE_BLOCK)
    return line


def ready() -> Conversation[ControlStation]:
    """Return a control station whose block is on the line."""
    line = calling()
    assert line.hears(ACK) == FIRE
    return line


def ending(line: Conversation[ControlStation]) -> Ending:
    """Return how the block of a control station ended."""
    (event,) = line.event(BlockEnded)
    assert isinstance(event, BlockEnded)
    return event.ending
