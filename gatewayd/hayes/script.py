"""What scripts ask of a modem and what comes back: a script is a generator that yields actions and is sent replies."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from gatewayd.hayes.results import Result

T = TypeVar("T")

PATIENCE = 5.0  # seconds for commands that touch nothing but the modem itself
GUARD = 1.0  # seconds of silence on both sides of +++
ESCAPE = b"\x1b"
SUBMIT = b"\x1a"


@dataclass(frozen=True, slots=True)
class Command:
    """One command line without its CR.

    Information lines that begin with `prefix` are kept (all, where it is empty); with `pairs` each is followed by a
    line of its own, a PDU or text. `body` is sent at the prompt, which comes within `prompt_timeout`; then `timeout`
    counts anew. `dials`: it ends with the results of a call (CONNECT, BUSY, …) too. `everything` that is said until
    then is kept, whatever it begins with.
    """

    text: str
    prefix: str = ""
    timeout: float = PATIENCE
    pairs: bool = False
    body: bytes | None = None
    prompt_timeout: float = PATIENCE
    dials: bool = False
    everything: bool = False

    def __post_init__(self) -> None:
        """Refuse control codes: behind them the modem would read another command. Raises ValueError."""
        if not (self.text.isascii() and self.text.isprintable()):
            raise ValueError("a command has printable ASCII characters only")


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are no command: ESC, or the guard sequence `+++`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Let seconds pass; what arrives meanwhile belongs to nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `final` is the line that ended it, `body_sent` says that the text had left."""

    result: Result
    lines: tuple[str, ...] = ()
    final: str = ""
    body_sent: bool = False

    @property
    def ok(self) -> bool:
        """Whether the modem said OK."""
        return self.result is Result.OK

    @property
    def timed_out(self) -> bool:
        """Whether the modem said nothing final."""
        return self.result is Result.TIMEOUT

    @property
    def first(self) -> str:
        """The first information line, or nothing."""
        return self.lines[0] if self.lines else ""


Action = Command | Raw | Pause
Script = Generator[Action, Reply, T]


class Unresponsive(Exception):
    """The modem does not answer, or does nothing that it is told; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Resync:
    """How patiently a modem is called: `tries` times AT, `every` seconds, then `quiet` seconds of listening."""

    tries: int = 6
    every: float = 0.5
    quiet: float = 0.05


def resync(manner: Resync) -> Script[None]:
    """Get the modem to answer AT, whatever state it was left in. Raises Unresponsive.

    A modem that hangs at a prompt is freed by ESC, one that has a call by +++ (guard time of a second). Some answer
    ERROR to a bare AT: that is an answer.
    """
    yield Raw(ESCAPE)
    lag = manner.quiet  # answers to the earlier calls of a slow modem follow for as long as the calls took
    for attempt in range(manner.tries):
        if attempt == manner.tries // 2:
            yield Pause(GUARD)
            yield Raw(b"+++")
            yield Pause(GUARD)
            lag += 2 * GUARD
        reply = yield Command("ATV1Q0" if attempt % 3 == 2 else "AT", timeout=manner.every)  # noqa: PLR2004 - every third
        if not reply.timed_out:
            yield Pause(lag)
            return
        lag += manner.every
    raise Unresponsive(f"the modem did not answer AT {manner.tries} times")


def ask(command: Command, manner: Resync) -> Script[Reply]:
    """Run one command; a modem that says nothing is called until it answers. Raises Unresponsive."""
    reply = yield command
    if reply.timed_out:
        yield from resync(manner)
    return reply


def fields(line: str) -> list[str]:
    """Return what follows the colon of an information line, cut at the commas outside quotes, without quotes."""
    _, _, rest = line.partition(":")
    found, quoted = [""], False
    for character in rest:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            found.append("")
        else:
            found[-1] += character
    return [field.strip() for field in found]


def number(text: str) -> int | None:
    """Return a small decimal number, or None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - fits 32 bits
