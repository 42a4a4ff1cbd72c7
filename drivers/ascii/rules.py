"""Parse rules: what a line means. Pure: a line goes in, what the rules make of it comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from gatewayd.model import Priority

WHOLE = "line"  # the name that stands for the whole record in a template


class Kind(StrEnum):
    """What a line that a rule matches does."""

    SET = "set"  # an alarm begins, or is repeated
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

    `ttl` is in seconds: an alarm that is not repeated for so long is over. `stop`: no later rule sees the line.
    """

    name: str
    kind: Kind
    pattern: re.Pattern[str] | None = None
    contains: tuple[str, ...] = ()
    key: Template = LINE
    text: Template = LINE
    address: Template = Template()
    priority: Template = Template()
    ttl: float | None = None
    stop: bool = True
    fault: bool = False

    def match(self, line: str) -> dict[str, str] | None:
        """Return the groups by name and by number, or None where the rule does not apply."""
        if self.contains and not all(word in line for word in self.contains):
            return None
        if self.pattern is None:
            return {WHOLE: line}
        found = self.pattern.search(line)
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
    groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of a line, in order, and what the words of their priorities mean."""

    rules: Sequence[Rule] = ()
    priorities: Mapping[str, Priority] = field(default_factory=dict)

    def findings(self, line: str) -> list[Finding]:
        """Return what the rules make of a line, in their order; empty where none applies."""
        found: list[Finding] = []
        for rule in self.rules:
            values = rule.match(line)
            if values is not None:
                found.append(self._finding(rule, values))
                if rule.stop:
                    break
        return found

    def heartbeats(self) -> tuple[Rule, ...]:
        """Return the rules that know heartbeats; they are looked at first, whatever the order of the rules."""
        return tuple(rule for rule in self.rules if rule.kind is Kind.HEARTBEAT)

    def _finding(self, rule: Rule, values: dict[str, str]) -> Finding:
        key, text = rule.key.expand(values), rule.text.expand(values)
        named = rule.pattern.groupindex if rule.pattern is not None else {}
        return Finding(
            rule,
            key,
            text or values[WHOLE],
            rule.address.expand(values),
            self.priorities.get(rule.priority.expand(values).lower()),
            {name: values[name] for name in named},
        )
