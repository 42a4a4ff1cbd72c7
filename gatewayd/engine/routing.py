"""Routing: which alarm definition a report belongs to, and what it makes people read."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gatewayd.engine.bounds import LONGEST_TEXT, identity
from gatewayd.model import AlarmActivated, AlarmDefinition, Priority, Route

if TYPE_CHECKING:
    from dataclasses import dataclass

    from gatewayd.engine.directory import Directory
    from gatewayd.model import TextReceived
else:
    from gatewayd.values import dataclass

TEXT = "text"  # the source of a route for what people write
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Matched:
    """What routing made of a report: the definition (None: no route matched), whom to page, and the texts."""

    definition: AlarmDefinition | None
    recipient_id: int | None
    name: str
    text: str
    reset_text: str
    priority: Priority
    send_resets: bool


@lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.casefold().split("*"))


def fits(pattern: str, value: str) -> bool:
    """Return whether `value` fits a pattern in which `*` is any run of characters; an empty pattern fits everything.

    Each part is looked for where the one before it ended: no text makes this slower than its own length, as it would a
    regular expression.
    """
    if not pattern:
        return True
    first, *rest = _parts(pattern)
    value = value.casefold()
    if not rest:
        return value == first
    *middle, last = rest
    end = len(value) - len(last)
    if not value.startswith(first) or not value.endswith(last) or end < len(first):
        return False
    position = len(first)
    for part in middle:
        found = value.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def covers(route: Route, line: str, report: AlarmActivated, source: str) -> bool:
    """Return whether a route is meant for a report from this source; what people write needs a route that says so."""
    return (
        (route.source == source or (not route.source and source != TEXT))
        and fits(route.line, line)
        and fits(route.address, report.address)
        and fits(route.text, report.text)
    )


def as_alarm(report: TextReceived) -> AlarmActivated:
    """Return a person's text as the alarm that a route may make of it: the same words again are the same condition."""
    text = report.text.strip()
    fields = {"sender": report.sender, "recipient": report.recipient}
    return AlarmActivated(identity(f"text {report.sender}: {text}"), text, report.sender, report.priority, fields)


def fill(template: str, line: str, report: AlarmActivated) -> str:
    """Put the report's own words into a template; names that the report does not have stay as they are written."""
    words = {**report.fields, "text": report.text, "address": report.address, "key": report.key, "line": line}
    text = PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), template)
    return text.strip()[:LONGEST_TEXT] or f"{line}: {report.key}"


def match(line: str, report: AlarmActivated, directory: Directory, source: str = "") -> Matched:
    """Find the first route that covers the report; without one the site's fallback recipient gets the raw text.

    `source` is `TEXT` for what a person wrote; left out, it is what the report says.
    """
    source = source or ("fault" if report.fault else "device")
    for route in directory.site.routes:
        definition = directory.definition(route.definition_id) if covers(route, line, report, source) else None
        if definition is not None:
            return Matched(
                definition,
                definition.recipient_id,
                definition.name,
                fill(definition.text, line, report),
                fill(definition.reset_text, line, report),
                definition.priority or report.priority or Priority.NORMAL,
                definition.send_resets,
            )
    default = Priority.HIGH if report.fault else Priority.NORMAL
    return Matched(
        None,
        directory.site.fallback_id,
        "fault" if report.fault else "unrouted",
        fill("{line}: {text}", line, report),
        fill("RESET {line}: {text}", line, report),
        report.priority or default,
        send_resets=True,
    )
