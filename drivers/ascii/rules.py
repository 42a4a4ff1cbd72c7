"""Parse rules: what a line means. Pure: a line goes in, what the rules make of it comes out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING

from drivers.ascii.literals import folded, required
from drivers.ascii.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gatewayd.model import Priority

WHOLE = "line"  # the name that stands for the whole record in a template


class Kind(StrEnum):
    """What a line that a rule matches does."""

    SET = "set"  # an alarm begins, or is repeated
    TEXT = "text"  # a text is handed to its recipient
    RESET = "reset"  # the alarm with this key ends; without a key, those of this address
    RESET_ALL = "reset_all"  # every alarm of the line ends; with an address, every one of that address
    HEARTBEAT = "heartbeat"  # the device lives
    IGNORE = "ignore"  # nothing


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{group}` in it; a pair of braces stands for one."""

    parts: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template. Raises ValueError where it is none."""
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"is no template: {error}; write {{{{ and }}}} for braces") from None
        for _, name, form, conversion in parsed:
            if name is not None and (form or conversion or not (name.isidentifier() or name.isdecimal())):
                raise ValueError("is no template: braces hold the name or the number of a group and nothing else")
        return cls(tuple((literal, name) for literal, name, _, _ in parsed))

    @property
    def names(self) -> set[str]:
        """The groups that the template wants."""
        return {name for _, name in self.parts if name is not None}

    def expand(self, values: Mapping[str, str]) -> str:
        """Return the text with every group in its place."""
        return "".join(literal + (values[name] if name is not None else "") for literal, name in self.parts).strip()


LINE = Template((("", WHOLE),))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a line that `pattern` finds and that has all of `contains` in it is of `kind`.

    `ttl` is in seconds: an alarm that is not repeated for so long is over; after `window` it begins anew instead.
    `stop`: no later rule sees the line.
    """

    name: str
    kind: Kind
    pattern: re.Pattern[str] | None = None
    contains: tuple[str, ...] = ()
    key: Template = LINE
    text: Template = LINE
    address: Template = Template()
    priority: Template = Template()
    recipient: Template = Template()
    ttl: float | None = None
    window: float | None = None
    stop: bool = True
    fault: bool = False

    @property
    def ignores_case(self) -> bool:
        """Whether the pattern takes capitals for small letters."""
        return self.pattern is not None and bool(self.pattern.flags & re.IGNORECASE)

    def match(self, line: str, patience: Patience) -> dict[str, str] | None:
        """Return the groups by name and by number, or None where the rule does not apply."""
        if self.contains and not all(word in line for word in self.contains):
            return None
        if self.pattern is None:
            return {WHOLE: line}
        found = patience.ask(self.name, self.pattern.search, line)
        if found is None:
            return None
        values = {str(number): value or "" for number, value in enumerate(found.groups(), 1)}
        values.update({name: value or "" for name, value in found.groupdict().items()})
        values[WHOLE] = line
        return values


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule made of a line."""

    rule: Rule
    key: str
    text: str
    address: str
    priority: Priority | None
    recipient: str = ""
    groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleBook:
    """The rules of a line, in order, and what the words of their priorities mean."""

    rules: Sequence[Rule] = ()
    priorities: Mapping[str, Priority] = field(default_factory=dict)

    def findings(self, line: str, patience: Patience | None = None) -> list[Finding]:
        """Return what the rules make of a line, in their order; empty where none applies."""
        found: list[Finding] = []
        patience = patience or Patience()
        for rule in self._candidates(line):
            values = rule.match(line, patience)
            if values is not None:
                found.append(self._finding(rule, values))
                if rule.stop:
                    break
        return found

    def heartbeats(self) -> tuple[Rule, ...]:
        """Return the rules that know heartbeats; they are looked at first, whatever the order of the rules."""
        return tuple(rule for rule in self.rules if rule.kind is Kind.HEARTBEAT)

    @cached_property
    def ends_alarms(self) -> bool:
        """Whether any rule ends alarms."""
        return any(rule.kind in {Kind.RESET, Kind.RESET_ALL} for rule in self.rules)

    def _candidates(self, line: str) -> Iterator[Rule]:
        """Yield the rules that may apply: their rarest text is in the line."""
        plain, small = line, folded(line) if self._folds else ""
        return (rule for text, folds, rule in self._first_tests if text in (small if folds else plain))

    @cached_property
    def _first_tests(self) -> list[tuple[str, bool, Rule]]:
        """A text that the line must have for each rule, and whether in the folded line; the empty one is in all."""
        texts = [_texts(rule) for rule in self.rules]
        common = Counter(text for several in texts for text in several)

        def rarity(text: tuple[str, bool]) -> tuple[int, int]:
            return common[text], -len(text[0])

        rarest = [min(several, key=rarity, default=("", False)) for several in texts]
        return [(text, folds, rule) for (text, folds), rule in zip(rarest, self.rules, strict=True)]

    @cached_property
    def _folds(self) -> bool:
        return any(folds for _, folds, _ in self._first_tests)

    def _finding(self, rule: Rule, values: dict[str, str]) -> Finding:
        key, text = rule.key.expand(values), rule.text.expand(values)
        named = rule.pattern.groupindex if rule.pattern is not None else {}
        return Finding(
            rule,
            key,
            text or values[WHOLE],
            rule.address.expand(values),
            self.priorities.get(rule.priority.expand(values).lower()),
            rule.recipient.expand(values),
            {name: values[name] for name in named},
        )


def _texts(rule: Rule) -> list[tuple[str, bool]]:
    """Return what a line must have for a rule, and whether in the folded line."""
    patterns = required(rule.pattern) if rule.pattern is not None else ()
    return [(text, rule.ignores_case) for text in patterns] + [(word, False) for word in rule.contains]
