"""The console: templates and static files, nothing from elsewhere, no script needed."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LONG = 200  # characters of a text in a list: whoever calls next must not be far below whoever writes much
# What nobody sees, and what turns the order of digits round ("room 12" into "room 21"), is shown as what it is.
UNSEEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), 0x202D, 0x202E), "\ufffd")
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served; `tag` changes with its content."""

    content: bytes
    content_type: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return every static file by name."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            found[path.name] = StaticFile(content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:16])
    return found


@cache
def environment() -> Environment:
    """Return the template environment: everything is escaped, a missing value is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=shown,
    )
    made.filters.update(moment=moment, span=span, abridged=abridged)
    made.tests.update(long=is_long)
    return made


def shown(value: object) -> object:
    """Return what a page shows of a value that a template writes."""
    return value.translate(UNSEEN) if type(value) is str and not value.isprintable() else value


def is_long(text: str) -> bool:
    """Return whether a list shows a text in part only."""
    return len(text) > LONG


def abridged(text: str) -> str:
    """Return a text as lists show it: the beginning, up to a blank, where it is long."""
    if is_long(text):
        start = text[:LONG]
        text = (start.rpartition(" ")[0] or start).rstrip() + " …"
    return str(shown(text))


def moment(seconds: float) -> Markup:
    """Return a time as people on site read it: the time alone today, with the date before that."""
    local = time.localtime(seconds)
    today = local[:3] == time.localtime()[:3]
    shown = time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", local)
    machine = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    return Markup(f'<time datetime="{machine}">{shown}</time>')  # noqa: S704 - digits and signs only


def span(seconds: float) -> str:
    """Return a duration as people say it."""
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
