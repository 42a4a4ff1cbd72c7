"""Pages inside the entry device: what waits, what is under way, and what is told about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayd.driver import Outcome


@dataclass(frozen=True, slots=True)
class PageSettled:
    """The attempt to send one page is over. `code` is the terminal's response code, None where it sent none."""

    page_ref: str
    outcome: Outcome
    detail: str
    code: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class BlockSent:
    """A block goes out; `again` when it is a resend."""

    page_ref: str
    again: bool


@dataclass(frozen=True, slots=True)
class BlockRefused:
    """The terminal did not take a block."""


@dataclass(frozen=True, slots=True)
class LineReady:
    """The terminal let us log on: proof that it would take a page now."""


@dataclass(frozen=True, slots=True)
class LogonFailed:
    """The terminal does not answer, or does not let us in; every page that waited was settled as failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class LoggedOff:
    """The session is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class SessionDoubted:
    """At log-off the terminal took an acknowledgement back (TAP 1.8 step 10b), of one of these pages or of all."""

    page_refs: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes came that no terminal sends."""

    count: int


TapEvent = Noise | PageSettled | BlockSent | BlockRefused | LineReady | LogonFailed | LoggedOff | SessionDoubted


@dataclass(slots=True)
class PageUnderWay:
    """A page between `send_page` and its settlement."""

    ref: str
    blocks: tuple[bytes, ...]
    note: str
    index: int = 0  # the block that is to be, or was, sent
    resends: int = 0  # of this block
    restarts: int = 0  # of the whole page, because the terminal began anew
    withdrawn: bool = False

    @property
    def begun(self) -> bool:
        """Whether the terminal holds an unfinished part of this page and would add the next block to it."""
        return 0 < self.index < len(self.blocks)

    @property
    def complete(self) -> bool:
        """Whether the last block is out."""
        return self.index == len(self.blocks) - 1

    def rewind(self) -> None:
        """Start again with the first block."""
        self.index = self.resends = 0
        self.restarts += 1

    def detail(self, said: str) -> str:
        """Return the terminal's words and what was done to the text."""
        return f"{said} ({self.note})" if self.note else said
