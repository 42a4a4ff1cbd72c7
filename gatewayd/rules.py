"""Rules that give text from a device a meaning: what trying a sample on them shows, the same for every caller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewayd.transport.capture import IN
from gatewayd.transport.capturefile import FIRST_LINE, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayd.driver import LineSettings
    from gatewayd.model import Report

UNMATCHED, UNREADABLE = "unmatched", "unreadable"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What becomes of one record.

    `verdicts` has the kind of each rule that applied, or one of heartbeat, ignored, unmatched, unreadable; `rules` has
    their names; `groups` what they found, by name; `reports` what the gateway would be told; `given_up` the rules
    that took too long for it. `complete` is false where the record's end was not seen.
    """

    record: str
    verdicts: tuple[str, ...]
    rules: tuple[str, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    complete: bool = True
    given_up: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        """Whether some rule, or the ignore list, knows the record."""
        return not {UNMATCHED, UNREADABLE} & set(self.verdicts)


class Ruled(ABC):
    """A driver whose lines have rules; nothing is reported when they are tried."""

    @classmethod
    @abstractmethod
    def tried(cls, settings: LineSettings, sample: str | bytes) -> Iterator[RuleResult]:
        """Return, record by record, what a line with these settings would make of a sample.

        Bytes are taken as they came over the wire. Text may be typed or pasted: its line ends stand for the terminator
        of the line, or for a pause where records have none.
        """

    @abstractmethod
    def try_rules(self, sample: str | bytes) -> Iterator[RuleResult]:
        """Return what this line would make of a sample."""


def sample_of(data: str | bytes, name: str) -> str | bytes:
    """Return what a line heard: the received bytes of a capture, a sample as text, or else as bytes.

    Raises ConfigError for a capture that cannot be read, by its name.
    """
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8")
        except UnicodeDecodeError:
            return data
    if data.startswith(FIRST_LINE):
        return b"".join(piece.data for piece in parse(data, name).pieces if piece.what == IN)
    return data
