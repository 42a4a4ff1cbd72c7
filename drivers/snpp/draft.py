"""What a client has entered of a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayd.model import Priority


class ReplyType(Enum):
    """What kind of answer a client of level 3 asks for (RFC 1861 4.6.6)."""

    NONE = "NONE"
    YES_NO = "YESNO"
    SIMPLE = "SIMREPLY"
    CHOICE = "MULTICHOICE"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True)
class Pager:
    """One pager that a message is for, and how urgent it is there."""

    id: str
    priority: Priority | None = None


@dataclass(slots=True)
class Wishes:
    """What a client wants to know later (RFC 1861 4.6); `lifetime` in seconds, None: as the line has it."""

    read: bool = False
    reply: ReplyType | None = None
    choices: dict[str, str] = field(default_factory=dict)
    lifetime: float | None = None

    @property
    def reply_type(self) -> ReplyType:
        """The kind of answer that is asked for; choices alone ask for one of them."""
        return self.reply or (ReplyType.CHOICE if self.choices else ReplyType.NONE)


@dataclass(slots=True)
class Draft:
    """A message that is being entered; `level` and `alert` are for the next pager only (RFC 1861 4.5)."""

    number: int = 0
    pagers: list[Pager] = field(default_factory=list)
    text: str | None = None
    caller: str = ""
    subject: str = ""
    level: int | None = None
    alert: bool = False
    two_way: Wishes | None = None

    @property
    def begun(self) -> bool:
        """Whether a pager or a text was entered."""
        return bool(self.pagers) or self.text is not None

    @property
    def whole_text(self) -> str:
        """The text with its subject before it."""
        text = self.text or ""
        return f"{self.subject}: {text}" if self.subject else text
