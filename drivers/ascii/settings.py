"""What can be set on a line of text; the README explains every key."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from drivers.ascii.assembly import Assembly
from drivers.ascii.events import Config, Watch
from drivers.ascii.framing import LONGEST, LONGEST_MARKER, FrameRules, Framing
from drivers.ascii.limit import TimeLimit
from drivers.ascii.meaning import WINDOW, Interpreter
from drivers.ascii.patterns import LONGEST_PATTERN, compiled, most_wildcards, wildcards
from drivers.ascii.rules import WHOLE, Kind, Rule, RuleBook, Template
from drivers.ascii.text import Reading
from gatewayd.charset import CodePage
from gatewayd.driver import LineSettings
from gatewayd.model import Priority
from gatewayd.transport.serial import SerialSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.ascii.patience import Patience

MOST_RULES = 500
MOST_LINES = 20  # of one record
DEFAULT_GAP = {"gap": 0.5}  # seconds; where silence is only the last resort, a slow panel may pause in its line
OTHER_GAP = 2.0
KEYS = ("key", "text", "address", "priority", "recipient")  # of a rule: each is a template

PatternText = Annotated[str, StringConstraints(max_length=LONGEST_PATTERN)]
TemplateText = Annotated[str, StringConstraints(max_length=LONGEST)]
Marker = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MARKER, pattern=r"^[\x00-\xff]*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
PriorityName = Literal["emergency", "high", "normal", "low"]
Seconds = Annotated[float, Field(ge=0.01, le=604_800)]


class RuleSettings(LineSettings):
    """One rule: lines that `match` finds and that have every word of `contains` in them are of `kind`.

    `key`, `text`, `address`, `priority` and `recipient` are templates; left out, they are the group of that name, where
    there is one. `recipient` is whom a text is for. An alarm that is not repeated for `ttl` seconds is over, for
    `repeat_window` seconds begins anew when it comes again.
    """

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    match: PatternText = ""
    contains: Annotated[tuple[Word, ...], Field(max_length=8)] = ()
    ignore_case: bool = False
    kind: Literal["set", "text", "reset", "reset_all", "heartbeat", "ignore"] = "set"
    key: TemplateText | None = None
    text: TemplateText | None = None
    address: TemplateText | None = None
    priority: TemplateText | None = None
    recipient: TemplateText | None = None
    ttl: Seconds | None = None
    repeat_window: Seconds | None = None
    fault: bool = False
    then: Literal["stop", "continue"] = "stop"

    @model_validator(mode="after")
    def _can_be_compiled(self) -> RuleSettings:
        if not self.match and not self.contains:
            raise ValueError("a rule needs match or contains, or it would take every line")
        if (self.ttl is not None or self.repeat_window is not None) and self.kind != "set":
            raise ValueError("ttl and repeat_window belong to rules of kind set")
        if self.ttl is not None and self.repeat_window is not None:
            raise ValueError("an alarm that is not repeated either ends (ttl) or begins anew (repeat_window)")
        if self.recipient is not None and self.kind != "text":
            raise ValueError("recipient belongs to rules of kind text; alarms find theirs by routes")
        self.compiled(0)
        return self

    def compiled(self, number: int) -> Rule:
        """Return the rule. Raises ValueError with the key that is wrong and the reason."""
        pattern = None
        if self.match:
            try:
                pattern = compiled(self.match, ignore_case=self.ignore_case)
            except ValueError as error:
                raise ValueError(f"match {error}") from None
        named = set(pattern.groupindex) if pattern else set()
        if WHOLE in named:
            raise ValueError(f"match has a group named {WHOLE}, which is the name of the whole record")
        known = {WHOLE, *named, *(str(group) for group in range(1, (pattern.groups if pattern else 0) + 1))}
        templates = {key: self._template(key, known) for key in KEYS}
        kind, stop = Kind(self.kind), self.then == "stop"
        name = self.name or f"rule {number}"
        return Rule(
            name,
            kind,
            pattern,
            self.contains,
            **templates,
            ttl=self.ttl,
            window=self.repeat_window,
            stop=stop,
            fault=self.fault,
        )

    def _template(self, key: str, known: set[str]) -> Template:
        text: str | None = getattr(self, key)
        if text is None:
            text = f"{{{key}}}" if key in known else self._default(key)
        try:
            template = Template.parse(text)
        except ValueError as error:
            raise ValueError(f"{key} {error}") from None
        if unknown := sorted(template.names - known):
            raise ValueError(f"{key} names the group {unknown[0]}; there are {', '.join(sorted(known))}")
        return template

    def _default(self, key: str) -> str:
        """Return the template where neither one was written nor a group of its name exists.

        A reset without a key but with an address ends what stands for that address.
        """
        by_address = key == "key" and self.kind == "reset" and self._has_address
        return f"{{{WHOLE}}}" if key in {"key", "text"} and not by_address else ""

    @property
    def _has_address(self) -> bool:
        return self.address is not None or "(?P<address>" in self.match


class AsciiSettings(SerialSettings):
    """The port of a line of text, how it is cut into records, and the rules that give them a meaning."""

    framing: Literal["lines", "markers", "fixed", "gap"] = "lines"
    terminators: Annotated[tuple[Marker, ...], Field(min_length=1, max_length=8)] = ("\r\n", "\n\r", "\r", "\n")
    start: Annotated[str, StringConstraints(max_length=LONGEST_MARKER, pattern=r"^[\x00-\xff]*$")] = ""
    end: Annotated[str, StringConstraints(max_length=LONGEST_MARKER, pattern=r"^[\x00-\xff]*$")] = ""
    wildcard: Annotated[str, StringConstraints(max_length=1, pattern=r"^[\x00-\xff]*$")] = ""
    start_offset: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    end_offset: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    length: Annotated[int, Field(ge=0, le=LONGEST)] = 0
    max_length: Annotated[int, Field(ge=16, le=LONGEST)] = 256
    idle_gap: Seconds | None = None
    first_line: PatternText = ""
    following: Annotated[int, Field(ge=0, le=MOST_LINES)] | None = None
    join: Annotated[str, StringConstraints(max_length=8)] = " "
    encoding: Literal["ascii", "latin-1", "cp437", "cp850", "din66003", "utf-8"] = "ascii"
    strip_parity: bool = False
    most_blanks: Annotated[int, Field(ge=0, le=100)] = 0
    ignore: Annotated[tuple[PatternText, ...], Field(max_length=100)] = ()
    rules: Annotated[tuple[RuleSettings, ...], Field(max_length=MOST_RULES)] = ()
    unmatched: Literal["alarm", "text", "count"] = "alarm"
    repeat_window: Annotated[float, Field(ge=0, le=604_800)] = WINDOW
    priorities: dict[Word, PriorityName] = Field(default={})
    heartbeat_every: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    heartbeat_misses: Annotated[int, Field(ge=1, le=20)] = 3
    heartbeat_answer: Annotated[str, StringConstraints(max_length=16, pattern=r"^[\x00-\xff]*$")] = ""
    silent_after: Annotated[float, Field(ge=0, le=604_800)] = 0.0

    @field_validator("terminators")
    @classmethod
    def _terminators_can_be_told_apart(cls, terminators: tuple[str, ...]) -> tuple[str, ...]:
        for longer in terminators:
            if any(len(longer) > len(short) + 1 and longer.startswith(short) for short in terminators):
                raise ValueError("one terminator begins with another one and is more than one character longer")
        return terminators

    @field_validator("first_line")
    @classmethod
    def _first_line_is_a_pattern(cls, first_line: str) -> str:
        compiled(first_line)
        return first_line

    @field_validator("ignore")
    @classmethod
    def _ignore_holds_patterns(cls, ignore: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in ignore:
            if compiled(pattern).search("") is not None:
                raise ValueError("ignore has a pattern that finds every line (blank lines are dropped anyway)")
        return ignore

    @model_validator(mode="after")
    def _framing_is_complete(self) -> AsciiSettings:
        if self.framing == "markers" and not (self.start and self.end):
            raise ValueError("framing markers needs start and end")
        if self.framing == "fixed" and not self.length:
            raise ValueError("framing fixed needs length, the number of bytes of a record")
        if self.length > self.max_length:
            raise ValueError("length is more than max_length")
        if self.following is not None and not self.first_line:
            raise ValueError("following needs first_line, the pattern of the line that the others follow")
        return self

    @model_validator(mode="after")
    def _reading_fits(self) -> AsciiSettings:
        seven = self.bytesize == 7 or self.strip_parity  # noqa: PLR2004 - data bits
        if seven and self.encoding not in {"ascii", "din66003"}:
            raise ValueError(f"encoding {self.encoding} needs all 8 bits: set bytesize 8 and no strip_parity")
        if any(rule.kind == "heartbeat" for rule in self.rules) != bool(self.heartbeat_every):
            raise ValueError("heartbeat_every and a rule of kind heartbeat belong together")
        return self

    @model_validator(mode="after")
    def _patterns_are_bounded(self) -> AsciiSettings:
        longest = LONGEST if self.first_line else self.max_length
        most = most_wildcards(longest)
        for pattern in (*(rule.match for rule in self.rules), *self.ignore, self.first_line):
            if wildcards(compiled(pattern)) > most:
                raise ValueError(
                    f"the pattern {pattern!r} has more than {most} unbounded .* for records of up to {longest} "
                    "characters: a hostile line could hold the gateway up; say what may stand there, as in [^:]*"
                )
        return self

    @property
    def watched(self) -> set[Watch]:
        """What supervises the line."""
        limits = {Watch.SILENCE: self.silent_after, Watch.HEARTBEAT: self.heartbeat_every}
        return {watch for watch, limit in limits.items() if limit}

    @cached_property
    def rule_book(self) -> RuleBook:
        """The rules, compiled."""
        words = {name: Priority[name.upper()] for name in ("emergency", "high", "normal", "low")}
        words |= {code.lower(): Priority[name.upper()] for code, name in self.priorities.items()}
        return RuleBook(tuple(rule.compiled(number) for number, rule in enumerate(self.rules, 1)), words)

    def interpreter(self, memory: Mapping[str, Any], patience: Patience) -> Interpreter:
        """Return what gives records their meaning; `memory` is what the line remembers."""
        return Interpreter(self.rule_book, self.unmatched, memory, patience, self.repeat_window)

    @property
    def config(self) -> Config:
        """What the receiver has to know."""
        first = compiled(self.first_line) if self.first_line else None
        gap = self.idle_gap or DEFAULT_GAP.get(self.framing, OTHER_GAP)
        return Config(
            frames=self._frames,
            reading=Reading(
                CodePage(self.encoding), self.strip_parity, self.most_blanks, strip=self.framing != "fixed"
            ),
            assembly=Assembly(first, self.following, self.join),
            rules=self.rule_book,
            patience=TimeLimit(),
            ignore=tuple(compiled(pattern) for pattern in self.ignore),
            idle_gap=gap,
            silent_after=self.silent_after,
            heartbeat_after=self.heartbeat_every * (self.heartbeat_misses + 0.5),
            heartbeat_answer=self.heartbeat_answer.encode("latin-1"),
        )

    @property
    def _frames(self) -> FrameRules:
        return FrameRules(
            framing=Framing(self.framing),
            terminators=tuple(word.encode("latin-1") for word in self.terminators),
            start=self.start.encode("latin-1"),
            end=self.end.encode("latin-1"),
            wildcard=self.wildcard.encode("latin-1"),
            start_offset=self.start_offset,
            end_offset=self.end_offset,
            length=self.length,
            max_length=self.max_length,
        )
