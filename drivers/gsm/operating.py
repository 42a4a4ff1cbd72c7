"""Commands that a person gives to the modem, between those of the gateway."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.errors import Conflict, Invalid, LineDown

if TYPE_CHECKING:
    from drivers.gsm.connection import Connection
    from drivers.gsm.events import CommandAnswered
    from gatewayd.clock import Clock

LONGEST = 200  # characters of a command
LONGEST_ANSWER = 200  # lines
PATIENCE = 30.0  # seconds until the dialogue, which may be sending, lets a command in

_ASKS = re.compile(
    r"AT(?!\+COPS=\?)(I\d?|S\d{1,3}\?|"  # identity, a register
    r"[+^*%#$][A-Z0-9]{1,20}(=\?|\?)|"  # a value, or what may be set
    r"\+(CSQ|CESQ|CGMI|CGMM|CGMR|CGSN|CIMI|CNUM|CPAS|CEER|CCID|ICCID|GMI|GMM|GMR|GSN)|\^(HCSQ|SYSINFO|SYSINFOEX))?",
    re.IGNORECASE,
)
"""Commands that change nothing: only these are taken without `force`. A search for networks loses the present one."""


class Operator:
    """Takes one command at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answer: asyncio.Future[list[str]] | None = None

    async def run(self, text: str, seconds: float, connection: Connection, *, force: bool) -> list[str]:
        """Return what the modem said, its result last. Raises Invalid, Conflict, LineDown.

        A command that may change something is refused without `force`; after one the modem is initialised anew.
        """
        check(text, force=force)
        if self._answer is not None:
            raise Conflict("another command is under way")
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._answer = answer
        given_up = asyncio.get_running_loop().create_task(sleep(self._clock, seconds + PATIENCE))
        try:
            connection.core.run_command(text, seconds, self._clock.now(), changes=not _ASKS.fullmatch(text))
            connection.adapter.flush()
            await asyncio.wait((answer, given_up), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Conflict(f"the modem was busy for {PATIENCE:g} s: the command was not given")
            return answer.result()
        finally:
            self._answer = None
            connection.core.forget_command()
            given_up.cancel()

    def answered(self, event: CommandAnswered) -> None:
        """Take what the modem said."""
        if self._answer is not None and not self._answer.done():
            cut = (
                [f"... and {len(event.lines) - LONGEST_ANSWER} lines more"] if len(event.lines) > LONGEST_ANSWER else []
            )
            self._answer.set_result([*event.lines[:LONGEST_ANSWER], *cut, event.result])

    def lost(self, reason: LineDown) -> None:
        """End what waits on a port that is gone."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LineDown(str(reason)))


def check(text: str, *, force: bool) -> None:
    """Refuse what is no command, and what disturbs the gateway's own dialogue. Raises Invalid, which names the fix."""
    if not (text.isascii() and text.isprintable() and len(text) <= LONGEST and text[:2].upper() == "AT"):
        raise Invalid("command", f"begins with AT and has at most {LONGEST} printable ASCII characters")
    if not force and not _ASKS.fullmatch(text):
        raise Invalid(
            "command", "may change what the gateway relies on: only questions are let through without --force"
        )
