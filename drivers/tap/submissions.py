"""What a paging terminal is told about itself, and what it tells of its clients."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TerminalRules:
    """What a terminal lets in. No `passwords`: whoever comes; no `pagers`: every ID. Limits of 0 are none.

    `silence`: seconds after which a logged-on client that says nothing is hung up on (t4); 0: never.
    `repeat_within`: seconds within which the very same block again means that its sender did not understand our answer.
    """

    passwords: frozenset[str] = field(default=frozenset(), repr=False)
    pagers: frozenset[str] = frozenset()
    max_chars: int = 0
    refuse_long: bool = False
    max_pages: int = 0
    codes: bool = True
    silence: float = 4.0
    repeat_within: float = 15.0
    t5: float = 8.0
    n2: int = 3
    n3: int = 3


@dataclass(frozen=True, slots=True)
class PageSubmitted:
    """A page is complete and waits for `settle`."""

    pager_id: str
    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class AnswerHeard:
    """The sender went on after the answer to its last page: it will not send that again."""


@dataclass(frozen=True, slots=True)
class BlockRepeated:
    """A block came again although it was acknowledged: it was acknowledged again, and nothing else happened."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A logon, a block or a page was not taken; `code` says why."""

    code: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The terminal hung up; `code` 115 after a proper log-off."""

    code: int


TerminalEvent = PageSubmitted | AnswerHeard | BlockRepeated | Refused | SessionEnded
TERMINAL_EVENTS = (PageSubmitted, AnswerHeard, BlockRepeated, Refused, SessionEnded)
