"""Routing: which alarm definition a report belongs to, and what it makes people read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gatewayd.model import AlarmActivated, AlarmDefinition, Priority, Route

if TYPE_CHECKING:
    from gatewayd.engine.directory import Directory

PLACEHOLDER = re.compile(r"\{(\w+)\}")
LONGEST_TEXT = 2000  # characters of a message: far beyond every device, and a bound for hostile input


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
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE | re.DOTALL)


def fits(pattern: str, value: str) -> bool:
    """Return whether `value` fits a pattern in which `*` is any run of characters; an empty pattern fits everything."""
    return not pattern or _compiled(pattern).fullmatch(value) is not None


def covers(route: Route, line: str, report: AlarmActivated) -> bool:
    """Return whether a route is meant for this report."""
    source = "fault" if report.fault else "device"
    return (
        route.source in ("", source)
        and fits(route.line, line)
        and fits(route.address, report.address)
        and fits(route.text, report.text)
    )


def fill(template: str, line: str, report: AlarmActivated) -> str:
    """Put the report's own words into a template; names that the report does not have stay as they are written."""
    words = {**report.fields, "text": report.text, "address": report.address, "key": report.key, "line": line}
    text = PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), template)
    return text.strip()[:LONGEST_TEXT] or f"{line}: {report.key}"


def match(line: str, report: AlarmActivated, directory: Directory) -> Matched:
    """Find the first route that covers the report; without one the site's fallback recipient gets the raw text."""
    for route in directory.site.routes:
        definition = directory.definition(route.definition_id) if covers(route, line, report) else None
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
