"""Messages that a client follows: each has a tag, a pass code, and a status that moves. Pure."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from drivers.snpp.draft import ReplyType
from gatewayd.driver import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.snpp.draft import Wishes

MOST_TAGS = 1_000
PREFIX = "tag "  # of the keys in the line's memory

Changes = dict[str, Any]


class Stage(IntEnum):
    """How far a message has come; it only goes on, except that somebody may take what others could not or would not."""

    QUEUED = 0
    UNREACHED = 1
    DELIVERED = 2
    READ = 3
    DECLINED = 4
    ACCEPTED = 5


_STAGES = {
    Progress.DELIVERED: Stage.DELIVERED,
    Progress.READ: Stage.READ,
    Progress.ACCEPTED: Stage.ACCEPTED,
    Progress.DECLINED: Stage.DECLINED,
    Progress.UNREACHED: Stage.UNREACHED,
    Progress.FAILED: Stage.UNREACHED,
}
_BEFORE_DELIVERY = {
    Stage.QUEUED: ("960", "message queued, awaiting delivery"),
    Stage.UNREACHED: ("780", "nobody was reached, or answered in time"),
}
_AWAITING_REPLY = _BEFORE_DELIVERY | {
    Stage.DELIVERED: ("861", "delivered, awaiting reply"),
    Stage.READ: ("870", "read, awaiting reply"),
}
_AWAITING_READ = _BEFORE_DELIVERY | {
    Stage.DELIVERED: ("860", "delivered, awaiting read confirmation"),
    Stage.READ: ("881", "delivered and read"),
}
_AWAITING_NOTHING = _AWAITING_READ | {Stage.DELIVERED: ("880", "delivered")}
# Words by which a client's choices tell which of them accepts and which declines, compared without case.
_YES = re.compile(r"\b(?:ok|yes|ja|ack|accept|acknowl|confirm|annehm|angenommen|quitt)", re.IGNORECASE)
_NO = re.compile(r"\b(?:no|not|nein|nicht|busy|cannot|can't)\b|\b(?:declin|reject|refus|ablehn|unavail)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tag:
    """One message that is followed.

    `time` is when its status last moved (wall clock), `expires` lies on the timeline. `choices` are codes and texts
    that the client offered as answers.
    """

    number: str
    pass_code: str = field(repr=False)
    time: float
    expires: float
    read: bool = False
    reply: ReplyType = ReplyType.NONE
    choices: Mapping[str, str] = field(default_factory=dict)
    stage: Stage = Stage.QUEUED
    sequence: int = 0
    who: str = ""

    @classmethod
    def of(cls, number: str, pass_code: str, wishes: Wishes, time: float, expires: float) -> Tag:
        """Return the tag of a message that is being sent."""
        return cls(number, pass_code, time, expires, wishes.read, wishes.reply_type, dict(wishes.choices))

    @classmethod
    def from_json(cls, number: str, value: Mapping[str, Any]) -> Tag:
        """Return a tag from the line's memory. Raises KeyError, ValueError or TypeError where it is none."""
        return cls(
            number,
            str(value["pass"]),
            float(value["time"]),
            float(value["expires"]),
            bool(value["read"]),
            ReplyType(value["reply"]),
            {str(code): str(text) for code, text in dict(value["choices"]).items()},
            Stage(value["stage"]),
            int(value["sequence"]),
            str(value["who"]),
        )

    def to_json(self) -> Mapping[str, Any]:
        """Return what the line's memory keeps."""
        return {
            "pass": self.pass_code,
            "time": self.time,
            "expires": self.expires,
            "read": self.read,
            "reply": self.reply.value,
            "choices": dict(self.choices),
            "stage": int(self.stage),
            "sequence": self.sequence,
            "who": self.who,
        }

    def moved(self, progress: Progress, who: str, time: float) -> Tag:
        """Return the tag after some news, or itself where they change nothing."""
        stage = _STAGES.get(progress)
        if progress is Progress.CLEARED and who:
            stage = Stage.READ  # a person ended it
        if stage is None or not self._goes_on_to(stage):
            return self
        return replace(self, stage=stage, who=who, time=time, sequence=self.sequence + 1)

    def _goes_on_to(self, stage: Stage) -> bool:
        if stage is Stage.UNREACHED and self.reply is not ReplyType.NONE:
            return self.stage in {Stage.QUEUED, Stage.DELIVERED, Stage.READ}  # the answer is what did not come
        return stage > self.stage

    @property
    def status(self) -> str:
        """The reply to MSTAtus (RFC 1861 4.6.10); 88x and 78x are final."""
        when = datetime.fromtimestamp(self.time, UTC).strftime("%y%m%d%H%M%S+0")
        code, words = self._status()
        return f"{code} {self.sequence} {when} {words}"

    def _status(self) -> tuple[str, str]:
        if self.stage in {Stage.DECLINED, Stage.ACCEPTED}:
            return self._answer()
        if self.reply is not ReplyType.NONE:
            return _AWAITING_REPLY[self.stage]
        return (_AWAITING_READ if self.read else _AWAITING_NOTHING)[self.stage]

    def _answer(self) -> tuple[str, str]:
        accepted = self.stage is Stage.ACCEPTED
        if self.reply is ReplyType.NONE:
            return "881", "read and accepted" if accepted else "read and declined"
        choice = _choice(self.choices, accepted=accepted)
        if choice is not None:
            return "888", f"{choice} {_ascii(self.choices[choice])}"
        return "889", "YES" if accepted else "NO"


class TagBook:
    """The tags of a line. Methods return what has to be saved in its memory."""

    def __init__(self, memory: Mapping[str, Any]) -> None:
        self._tags: dict[str, Tag] = {}
        for key, value in memory.items():
            if key.startswith(PREFIX):
                number = key.removeprefix(PREFIX)
                try:
                    self._tags[number] = Tag.from_json(number, value)
                except (KeyError, TypeError, ValueError):
                    continue  # a tag of another version: its client hears that it is not known

    def __contains__(self, number: str) -> bool:
        return number in self._tags

    @property
    def is_full(self) -> bool:
        """Whether no further message can be followed now."""
        return len(self._tags) >= MOST_TAGS

    def find(self, number: str, pass_code: str, now: float) -> Tag | None:
        """Return the tag that a client knows the pass code of."""
        tag = self._tags.get(number)
        if tag is None or tag.expires <= now or not hmac.compare_digest(tag.pass_code.encode(), pass_code.encode()):
            return None
        return tag

    def keep(self, tag: Tag) -> Changes:
        """Add a tag, or put its newer version in its place."""
        self._tags[tag.number] = tag
        return {PREFIX + tag.number: tag.to_json()}

    def drop(self, number: str) -> Changes:
        """Forget a tag."""
        return {PREFIX + number: None} if self._tags.pop(number, None) is not None else {}

    def expire(self, now: float) -> Changes:
        """Forget the tags whose time is over."""
        changes: Changes = {}
        for number in [tag.number for tag in self._tags.values() if tag.expires <= now]:
            changes |= self.drop(number)
        return changes

    def tell(self, number: str, progress: Progress, who: str, time: float) -> Changes:
        """Note what became of a message; empty where nobody follows it or nothing changed."""
        tag = self._tags.get(number)
        moved = tag.moved(progress, who, time) if tag is not None else None
        return self.keep(moved) if moved is not None and moved is not tag else {}


def _choice(choices: Mapping[str, str], *, accepted: bool) -> str | None:
    """Return the code that says it: by its words, or else the first one accepts and the second one declines."""
    meanings = {code: _meaning(text) for code, text in choices.items()}
    known = [code for code, meaning in meanings.items() if meaning is accepted]
    unclear = [code for code, meaning in meanings.items() if meaning is None]
    first_accepts = True not in meanings.values()
    guessed = unclear[1 if first_accepts and not accepted else 0 :]
    return next(iter([*known, *guessed]), None)


def _meaning(text: str) -> bool | None:
    """Return whether the words of a choice accept or decline, where they say so."""
    if _NO.search(text):
        return False
    return True if _YES.search(text) else None


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")
