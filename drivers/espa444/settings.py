"""What can be set on an ESPA 4.4.4 line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from drivers.espa444.protocol import Charset, Config, SelfPoll
from gatewayd.model import Priority
from gatewayd.transport.serial import SerialSettings

StationAddress = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,16}$")]
RecordId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,8}$")]
RecordData = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128)]
Seconds = Annotated[float, Field(gt=0, le=3600)]

PollKey = Literal["strict", "optional", "absent"]
PriorityName = Literal["emergency", "high", "normal", "low"]
StatusMeaning = Literal["sent", "read", "accepted", "failed", "fault"]

# Call status, record 7. `7` is an open speech channel, `71` and `72` its subdivisions paged and absent.
CALL_STATUS: dict[str, StatusMeaning] = {
    "1": "failed",
    "2": "sent",
    "3": "sent",
    "4": "failed",
    "5": "sent",
    "6": "accepted",
    "7": "read",
    "71": "sent",
    "72": "failed",
    "8": "fault",
}
# A panel that is polled answers within milliseconds; one that only listens hears calls and polls when the panel likes.
SILENT_AFTER = {"panel": 30.0, "pager": 30.0}


class EspaSettings(SerialSettings):
    """One ESPA 4.4.4 line; the README explains every key.

    `role` is what the gateway is: `pager`, called by a panel, or `panel`, which calls a paging transmitter.
    """

    bytesize: Literal[7, 8] = 7
    parity: Literal["none", "even", "odd"] = "even"
    stopbits: Literal[1, 2] = 2
    role: Literal["pager", "panel"] = "pager"
    own_address: StationAddress | None = None
    peers: Annotated[tuple[StationAddress, ...], Field(max_length=32)] = ()
    self_poll: PollKey = "strict"
    encoding: Literal["ascii", "latin-1", "utf-8", "din66003"] = "ascii"
    bcc: Literal["strict", "ignore"] = "strict"
    raw_text: bool = False
    ack_timeout: Seconds = 2.0
    gap_timeout: Seconds = 3.0
    watchdog: Seconds = 10.0
    retransmissions: int = Field(default=2, ge=0, le=10)
    poll_interval: float = Field(default=1.0, ge=0, le=60)
    link_silent_after: float | None = Field(default=None, ge=0, le=90)
    key: Literal["address+text", "address"] = "address+text"
    defaults: dict[RecordId, RecordData] = Field(default={})
    priorities: dict[RecordData, PriorityName] = Field(default={"1": "emergency", "2": "high", "3": "normal"})
    call_types: dict[RecordData, Literal["alarm", "reset"]] = Field(default={"1": "reset"})
    call_status: dict[RecordData, StatusMeaning] = CALL_STATUS
    status_after_call: Literal["", "1", "2", "3", "4", "5", "6", "7", "8"] = ""
    beep: RecordData = ""
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
        if self.role == "pager" and len(self.stations) > 1:
            raise ValueError("a pager obeys one control station: peers takes one address")
        return self

    @model_validator(mode="after")
    def _character_fits(self) -> EspaSettings:
        if self.bytesize == 7 and not self.charset.is_seven_bit:  # noqa: PLR2004 - data bits
            raise ValueError(f"encoding {self.encoding} needs bytesize 8")
        return self

    @property
    def own(self) -> str:
        """The gateway's address; by recommendation the panel is 1 and the paging system 2."""
        return self.own_address or ("2" if self.role == "pager" else "1")

    @property
    def stations(self) -> tuple[str, ...]:
        """The other stations."""
        return self.peers or (("1",) if self.role == "pager" else ("2",))

    @property
    def charset(self) -> Charset:
        """The characters of the line."""
        return Charset(self.encoding)

    @property
    def polls(self) -> float:
        """Seconds between two polls, 0 for none: a pager polls nobody, and without self-polls nothing is a poll."""
        return self.poll_interval if self.role == "panel" and self.self_poll != "absent" else 0.0

    @property
    def silent_after(self) -> float | None:
        """Seconds until silence is a fault, or None where silence is normal."""
        if self.link_silent_after is not None:
            return self.link_silent_after or None
        return SILENT_AFTER[self.role] if self.self_poll != "absent" and (self.role == "pager" or self.polls) else None

    @property
    def config(self) -> Config:
        """The settings that the protocol needs."""
        bits = 1 + self.bytesize + (self.parity != "none") + self.stopbits
        return Config(
            own=self.own,
            peers=self.stations,
            self_poll=SelfPoll(self.self_poll),
            charset=self.charset,
            check_bcc=self.bcc == "strict",
            raw_text=self.raw_text,
            ack_timeout=self.ack_timeout,
            gap_timeout=self.gap_timeout,
            watchdog=self.watchdog,
            retransmissions=self.retransmissions,
            poll_interval=self.polls,
            silent_after=self.silent_after,
            char_time=bits / self.baudrate,
        )

    def priority_of(self, code: str) -> Priority | None:
        """Return what a priority record means; extra digits are subdivisions of the first one."""
        name = self.priorities.get(code) or self.priorities.get(code[:1])
        return Priority[name.upper()] if name else None

    def code_of(self, priority: Priority) -> str:
        """Return the priority record for a page: of this priority, else of the next higher one that the line has."""
        codes = {Priority[name.upper()]: code for code, name in reversed(self.priorities.items())}
        return next((codes[level] for level in sorted(codes, reverse=True) if level <= priority), "")
