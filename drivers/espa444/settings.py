"""What can be set on an ESPA 4.4.4 line."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, model_validator

from drivers.espa444.protocol import Bcc, Charset, Config, Select, SelfPoll
from drivers.espa444.tables import (
    CALL_STATUS,
    CALL_TYPES,
    HEADERS,
    PRIORITIES,
    SYSTEM_STATUS,
    TOLD,
    CallMeaning,
    HeaderMeaning,
    PriorityName,
    ProgressName,
    StatusMeaning,
    SystemMeaning,
)
from gatewayd.model import Priority
from gatewayd.transport.serial import SerialSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

StationAddress = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,16}$")]
RecordId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,8}$")]
RecordData = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128)]
Pattern = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,32}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
MeaningT = TypeVar("MeaningT", bound=str)

# A panel that is polled answers within milliseconds; one that only listens hears calls and polls when the panel likes.
SILENT_AFTER = 30.0


class EspaSettings(SerialSettings):
    """One ESPA 4.4.4 line; the README and DIALECTS.md explain every key.

    `role` is what the gateway is: `pager`, called by panels, or `panel`, which calls paging transmitters. `control`
    says which end polls; unless set it is the panel, as the 1984 proposal recommends.
    """

    bytesize: Literal[7, 8] = 7
    parity: Literal["none", "even", "odd"] = "even"
    stopbits: Literal[1, 2] = 2
    role: Literal["pager", "panel"] = "pager"
    control: bool | None = None
    own_address: StationAddress | None = None
    peers: Annotated[tuple[StationAddress, ...], Field(max_length=32)] = ()
    addresses: dict[StationAddress, tuple[Pattern, ...]] = Field(default={})
    self_poll: Literal["strict", "optional", "absent"] = "strict"
    select: Literal["address", "bare", "none"] = "address"
    encoding: Literal["ascii", "latin-1", "utf-8", "din66003"] = "ascii"
    bcc: Literal["strict", "ignore", "none"] = "strict"
    raw_text: bool = False
    callback: bool = False
    ack_timeout: Seconds = 2.0
    gap_timeout: Seconds = 3.0
    watchdog: Seconds = 10.0
    retransmissions: int = Field(default=2, ge=0, le=10)
    poll_interval: float = Field(default=1.0, ge=0, le=60)
    absent_interval: float = Field(default=10.0, gt=0, le=60)
    eot_pause: float = Field(default=0, ge=0, le=5)
    hold_turn: float = Field(default=0, ge=0, le=1)
    poll_wait: float = Field(default=30.0, gt=0, le=120)
    link_silent_after: float | None = Field(default=None, ge=0, le=90)
    repeat_timeout: float = Field(default=0, ge=0, le=86_400)
    calls: Literal["alarm", "text"] = "alarm"
    key: Literal["address+text", "address"] = "address+text"
    defaults: dict[RecordId, RecordData] = Field(default={})
    headers: dict[RecordId, HeaderMeaning] = HEADERS
    priorities: dict[RecordData, PriorityName] = PRIORITIES
    address_priorities: dict[Pattern, PriorityName] = Field(default={})
    call_types: dict[RecordData, CallMeaning] = CALL_TYPES
    call_status: dict[RecordData, StatusMeaning] = CALL_STATUS
    system_status: dict[RecordData, SystemMeaning] = SYSTEM_STATUS
    told: dict[ProgressName, RecordData] = TOLD
    status_after_call: Literal["", "1", "2", "3", "4", "5", "6", "7", "8"] = ""
    request_status_after: float = Field(default=0, ge=0, le=3600)
    require_status_within: float = Field(default=0, ge=0, le=3600)
    required_status: tuple[RecordData, ...] = ()
    beep: RecordData = ""
    beeps: dict[RecordData, RecordData] = Field(default={})
    call_type: RecordData = "3"
    transmissions: RecordData = ""
    longest_text: int = Field(default=128, ge=8, le=512)
    retry_busy_after: Seconds = 5.0

    @model_validator(mode="after")
    def _stations_differ(self) -> EspaSettings:
        if self.own in self.stations:
            raise ValueError(f"own_address {self.own} is also one of peers")
        if len(set(self.stations)) < len(self.stations):
            raise ValueError("peers names a station twice")
        if self.role == "pager" and not self.controls and len(self.stations) > 1:
            raise ValueError("a pager that does not poll obeys one control station: peers takes one address")
        if strangers := set(self.addresses) - set(self.stations):
            raise ValueError(f"addresses names {', '.join(sorted(strangers))}, which is none of peers")
        return self

    @model_validator(mode="after")
    def _somebody_begins(self) -> EspaSettings:
        if self.role == "pager" and self.controls and not self.polls:
            raise ValueError("a pager with control = true hears nobody unless it polls: set poll_interval, self_poll")
        if self.role == "panel" and not self.controls and self.self_poll == "absent":
            raise ValueError("a panel that nobody polls can say nothing: set control = true or self_poll")
        if self.select != "address" and (self.self_poll != "absent" or not self.controls):
            raise ValueError(f"select {self.select} needs self_poll absent, and control of the line")
        return self

    @model_validator(mode="after")
    def _status_is_asked_for_in_time(self) -> EspaSettings:
        if 0 < self.require_status_within <= self.request_status_after:
            raise ValueError("request_status_after has to be less than require_status_within")
        if (self.require_status_within or self.request_status_after) and not self.hears_status:
            raise ValueError("no status can come where nobody is polled")
        return self

    @model_validator(mode="after")
    def _repeats_can_be_missed(self) -> EspaSettings:
        if self.repeat_timeout and (self.role == "panel" or self.calls == "text"):
            raise ValueError("repeat_timeout is for calls that come and are alarms: only a pager has them")
        if 0 < self.repeat_timeout <= (self.silent_after or 0):
            raise ValueError("repeat_timeout has to be longer than link_silent_after: a cut cable ends no alarm")
        return self

    @model_validator(mode="after")
    def _character_fits(self) -> EspaSettings:
        if self.bytesize == 7 and not self.charset.is_seven_bit:  # noqa: PLR2004 - data bits
            raise ValueError(f"encoding {self.encoding} needs bytesize 8")
        return self

    # --- stations -----------------------------------------------------------------------------------------------------

    @property
    def controls(self) -> bool:
        """Whether the gateway is the control station."""
        return self.role == "panel" if self.control is None else self.control

    @property
    def own(self) -> str:
        """The gateway's address; by recommendation the control station is 1 and the other one 2."""
        return self.own_address or ("1" if self.controls else "2")

    @property
    def stations(self) -> tuple[str, ...]:
        """The other stations."""
        return self.peers or (("2",) if self.controls else ("1",))

    @property
    def charset(self) -> Charset:
        """The characters of the line."""
        return Charset(self.encoding)

    @property
    def polls(self) -> float:
        """Seconds in which everybody is polled once, 0 for never: without self-polls nothing is a poll."""
        return self.poll_interval if self.controls and self.self_poll != "absent" else 0.0

    @property
    def hears_status(self) -> bool:
        """Whether transmitters get a chance to say what became of calls."""
        return self.role == "panel" and (bool(self.polls) or not self.controls)

    @property
    def tells_status(self) -> bool:
        """Whether panels can be told what became of calls."""
        return self.role == "pager" and self.self_poll != "absent" and bool(self.told)

    @property
    def silent_after(self) -> float | None:
        """Seconds until silence is a fault, or None where silence is normal."""
        if self.link_silent_after is not None:
            return self.link_silent_after or None
        return SILENT_AFTER if self.self_poll != "absent" and (self.polls or not self.controls) else None

    @property
    def config(self) -> Config:
        """The settings that the protocol needs."""
        bits = 1 + self.bytesize + (self.parity != "none") + self.stopbits
        return Config(
            own=self.own,
            peers=self.stations,
            self_poll=SelfPoll(self.self_poll),
            charset=self.charset,
            bcc=Bcc(self.bcc),
            select=Select(self.select),
            raw_text=self.raw_text,
            ack_timeout=self.ack_timeout,
            gap_timeout=self.gap_timeout,
            watchdog=self.watchdog,
            retransmissions=self.retransmissions,
            poll_interval=self.polls,
            absent_interval=self.absent_interval,
            eot_pause=self.eot_pause,
            hold_turn=self.hold_turn,
            poll_wait=self.poll_wait,
            silent_after=self.silent_after,
            char_time=bits / self.baudrate,
        )

    # --- tables -------------------------------------------------------------------------------------------------------

    def station_of(self, address: str) -> str | None:
        """Return the station that an address without a station is meant for by `addresses`, if any."""
        table = self.addresses.items()
        return next((station for station, taken in table if any(fnmatchcase(address, one) for one in taken)), None)

    def priority_of(self, code: str, address: str = "", call_type: str = "") -> Priority | None:
        """Return how urgent a call is: by its address, by its call type, else by record 6."""
        patterns = self.address_priorities.items()
        by_address = next((name for pattern, name in patterns if fnmatchcase(address, pattern)), None)
        by_type = self.call_types.get(call_type, "alarm")
        by_code = meaning_of(code, self.priorities)
        name = by_address or (by_code if by_type in ("alarm", "reset") else by_type)
        return Priority[name.upper()] if name else None

    def code_of(self, priority: Priority) -> str:
        """Return the priority record for a page: of this priority, else of the next higher one that the line has."""
        codes = {Priority[name.upper()]: code for code, name in reversed(self.priorities.items())}
        return next((codes[level] for level in sorted(codes, reverse=True) if level <= priority), "")


def meaning_of(value: str, table: Mapping[str, MeaningT]) -> MeaningT | None:
    """Return what a value means; extra digits are subdivisions of the first one (1984 proposal)."""
    return table.get(value) or table.get(value[:1])
