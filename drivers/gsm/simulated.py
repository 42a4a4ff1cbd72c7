"""What a simulated modem is made of: its SIM, its memory, and what it was told; it outlives its port."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gatewayd.simulator import SimulatorSettings

if TYPE_CHECKING:
    from drivers.gsm.pdu import Deliver, Pdu
    from gatewayd.simulator import Faults

MAX_HELD = 1_000  # messages that the network keeps while the modem's memory is full


class ModemSettings(SimulatorSettings):
    """A modem.

    `port` is the link to make to a PTY, or the path of an existing serial device (opened with `baudrate`, 8N1).
    `throttle` makes a PTY as slow as `baudrate`. `refuses` lists commands (`*` stands for anything) that are answered
    ERROR. `pin` locks the SIM, `counts_tries` says whether the modem tells how many are left; `own_number` is the
    SIM's. `reports`: the network reports deliveries, `report_after` seconds later. `latency` is the time of each
    answer, `slow` that of some (`{"AT+CPIN[?]": 8}`), `send_time` that of a message; `late_by` belongs to the fault
    `late`, `reset_time` to AT+CFUN=1,1. All times are in seconds. `stored` texts lie in the memory from the beginning,
    which has room for `capacity`; memories of `no_room` have none. Every telephone answers its first text with a code
    by `answer`, `answer_after` seconds later.

    Faults: `nak` (+CMS ERROR: `nak_code`), `refuse` (1, unassigned number), `full` (322), `sim-failure` (313), `stuck`
    (500), `no-prompt`, `drop` (takes the message and says nothing), `late` (takes it, answers `late_by` seconds later),
    `garble` (takes it, the OK is damaged), `reset` (restarts instead of sending, its port vanishes and comes back),
    `unsolicited` (other lines around the next answer), `no-report`, `failed-report`, `lies` (says OK to AT+CNMI and
    does nothing); until repaired: `no-network`, `weak` (signal), `same-reference`, `dead` (hears and says nothing).
    """

    FAULTS: ClassVar[tuple[str, ...]] = (
        *("nak", "refuse", "full", "sim-failure", "stuck", "no-prompt", "drop", "late", "garble", "reset"),
        *("unsolicited", "no-report", "failed-report", "lies", "no-network", "weak", "same-reference", "dead"),
    )

    port: str
    baudrate: int = 115_200
    throttle: bool = False
    refuses: tuple[str, ...] = ()
    pin: str = ""
    own_number: str = "+491510000000"
    counts_tries: bool = True
    service_level: int = 0
    storages: tuple[str, ...] = ("SM", "ME")
    capacity: int = 30
    no_room: tuple[str, ...] = ()
    stored: int = 0
    empty_is_error: bool = False
    reports: bool = True
    report_after: float = 0.0
    latency: float = 0.0
    slow: dict[str, float] = Field(default_factory=dict)
    send_time: float = 0.0
    late_by: float = 70.0
    reset_time: float = 0.2
    nak_code: int = 38
    answer: str = ""
    answer_after: float = 0.0


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A text that the network took, put together again; `parts` is how many messages it was."""

    number: str
    text: str
    parts: int
    time: float


@dataclass(slots=True)
class Entry:
    """One place of the memory."""

    message: Pdu
    unread: bool = True


@dataclass(slots=True)
class ModemState:
    """Everything that a modem knows; `storage` is the memory that commands work on, `arrivals` that of new messages."""

    settings: ModemSettings
    faults: Faults
    memories: defaultdict[str, dict[int, Entry]] = field(default_factory=lambda: defaultdict(dict))
    held: deque[Deliver] = field(default_factory=lambda: deque(maxlen=MAX_HELD))
    tries: int = 3
    unlocked: bool = False
    reference: int = 0
    echo: bool = True
    storage: str = "SM"
    arrivals: str = "SM"
    routing: tuple[int, ...] = (0, 0, 0, 0, 0)
    service_level: int = 0
    text_mode: bool = False
    ucs2: bool = False
    parameters: tuple[int, ...] = (17, 167, 0, 0)  # of what is sent in text mode (CSMP)
    unacknowledged: int = 0
    submitted: int = 0
    interruptions: int = 0  # commands that came before the one before them was answered
    excuses: deque[str] = field(default_factory=deque)  # what AT+CPIN? is answered first

    def reboot(self) -> None:
        """Forget what is not in the SIM."""
        self.echo, self.routing, self.text_mode, self.ucs2 = True, (0, 0, 0, 0, 0), False, False
        self.unlocked = not self.settings.pin
        self.service_level = self.settings.service_level
        self.unacknowledged = 0
        self.storage = self.arrivals = "SM"

    @property
    def memory(self) -> dict[int, Entry]:
        """Where new messages go."""
        return self.memories[self.arrivals]

    @property
    def selected(self) -> dict[int, Entry]:
        """What commands work on."""
        return self.memories[self.storage]

    def capacity(self, memory: str) -> int:
        """Return how many messages a memory has room for."""
        return 0 if memory in self.settings.no_room else self.settings.capacity

    def store(self, message: Pdu) -> int | None:
        """Put a message into the first free place; return its index, None when there is none."""
        for index in range(1, self.capacity(self.arrivals) + 1):
            if index not in self.memory:
                self.memory[index] = Entry(message)
                return index
        return None

    def next_reference(self) -> int:
        """Return the reference of the next message; the fault `same-reference` is a modem that knows only one."""
        if not self.faults.standing("same-reference"):
            self.reference = (self.reference + 1) % 256
        return self.reference
