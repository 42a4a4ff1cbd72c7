"""Captures as text: control codes by name, byte-exact, one piece a line; see `docs/lines.md`.

A file begins with `# gatewayd capture 1` and header lines `# name: value`. Then one piece a line:
`SECONDS WHAT CHANNEL DATA`, seconds since the first piece.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewayd.errors import ConfigError, Problem
from gatewayd.transport.capture import KINDS, Piece

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_LINE = "# gatewayd capture 1"
MAX_FILE = 64 * 1024 * 1024  # characters; a day of a busy line, and what a reader has in memory at once
FIELDS = 3  # before the data

_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)
_PLAIN = {code: chr(code) for code in range(0x20, 0x7F) if chr(code) != "<"}
_WORDS = {code: f"<{name}>" for code, name in enumerate(_NAMES)} | {0x7F: "<DEL>"}
_OF_BYTE = [_PLAIN.get(code) or _WORDS.get(code) or f"<0x{code:02X}>" for code in range(256)]
_OF_NAME = {word.strip("<>"): code for code, word in _WORDS.items()}
_TOKEN = re.compile(r"<(?:([A-Z][A-Z0-9]{1,2})|0x([0-9A-Fa-f]{2}))>|([ -;=-~])")
_HEADER = re.compile(r"# ([a-z]+): (.*)")


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture as read from a file; the times of the pieces are seconds since the first one."""

    pieces: tuple[Piece, ...]
    headers: Mapping[str, str] = field(default_factory=dict)


def readable(data: bytes) -> str:
    """Return bytes as printable text: `<STX>`, `<0xE4>`, `<0x3C>` for `<` itself; `<0x20>` for blanks at the ends."""
    inner = data.strip(b" ")
    left = len(data) - len(data.lstrip(b" "))
    right = len(data) - left - len(inner)
    return "<0x20>" * left + "".join([_OF_BYTE[code] for code in inner]) + "<0x20>" * right


def unreadable(text: str) -> bytes:
    """Return the bytes that `readable` made `text` of. Raises ValueError."""
    data, position = bytearray(), 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"character {position + 1} of the data is neither text nor a code as <STX> or <0xE4>")
        name, number, character = found.groups()
        data.append(_code(name) if name else int(number, 16) if number else ord(character))
        position = found.end()
    return bytes(data)


def _code(name: str) -> int:
    if name not in _OF_NAME:
        raise ValueError(f"<{name}> is no control code")
    return _OF_NAME[name]


def header(values: Mapping[str, str]) -> str:
    """Return the first lines of a file."""
    return "".join([FIRST_LINE + "\n", *(f"# {name}: {_single_line(value)}\n" for name, value in values.items())])


def line(piece: Piece, start: float) -> str:
    """Return one piece as one line; `start` is the time of the first piece."""
    channel = readable(piece.channel.encode()).replace(" ", "<0x20>") or "-"
    return f"{piece.time - start:.6f} {piece.what} {channel} {readable(piece.data)}".rstrip() + "\n"


def parse(text: str, name: str) -> Capture:
    """Read a file; lines that begin with `#` and blank lines are skipped. Raises ConfigError with every problem."""
    lines = text.splitlines()
    if len(text) > MAX_FILE or not lines or lines[0].strip() != FIRST_LINE:
        raise ConfigError([Problem(name, "line 1", f"is no capture: it has to begin with {FIRST_LINE!r}")])
    headers, pieces, problems = {}, [], []
    last = 0.0
    for number, content in enumerate(lines[1:], 2):
        if found := _HEADER.fullmatch(content):
            headers[found[1]] = found[2]
        elif content.strip() and not content.startswith("#"):
            try:
                pieces.append(_piece(content, last))
                last = pieces[-1].time
            except ValueError as error:
                problems.append(Problem(name, f"line {number}", str(error)))
    if problems:
        raise ConfigError(problems)
    return Capture(tuple(pieces), headers)


def _piece(content: str, earliest: float) -> Piece:
    words = content.split(" ", FIELDS)
    if len(words) < FIELDS:
        raise ValueError("should be: SECONDS WHAT CHANNEL DATA")
    seconds, what, channel = float(words[0]), words[1], words[2]
    if what not in KINDS:
        raise ValueError(f"{what[:20]!r} is none of {', '.join(sorted(KINDS))}")
    if not earliest <= seconds < float("inf"):
        raise ValueError("the time lies before that of the line above")
    data = words[FIELDS].strip() if len(words) > FIELDS else ""
    return Piece(seconds, what, unreadable(channel).decode("utf-8", "replace"), unreadable(data))


def _single_line(value: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in value)
