"""A client's pages become texts: each is on disk before the client hears ACK."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.tap.repeats import Repeats
from drivers.tap.submissions import AnswerHeard, BlockRepeated, PageSubmitted, Refused, SessionEnded, TerminalEvent
from drivers.tap.verdicts import CANNOT_STORE, SILENT, TAKEN
from gatewayd.errors import GatewayError, StoreUnavailable
from gatewayd.model import Recorded, TextReceived

if TYPE_CHECKING:
    from drivers.tap.settings import TapSettings
    from drivers.tap.terminal import PagingTerminal
    from drivers.tap.verdicts import Verdict
    from gatewayd.driver import Line
    from gatewayd.transport.adapter import StreamAdapter

TONE_ONLY = "call without a text"
LONG_SILENCE = 12.0
"""Seconds in which a client that did not understand our answer would have sent its page again (t3 is 10 s)."""

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(slots=True)
class Client:
    """Whoever is connected: `source` is its address, empty on a serial port; `last` its last page, while unheard."""

    core: PagingTerminal
    adapter: StreamAdapter[Any]
    source: str = ""
    last: tuple[str, float, float] | None = None  # name, when it came, when it was answered


class Taker:
    """Serves clients; lives as long as the line, over many connections."""

    def __init__(self, line: Line, settings: TapSettings) -> None:
        self._line = line
        self._settings = settings
        self._repeats = Repeats(f"{int(line.clock.now() * 1_000):x}")

    async def serve(self, client: Client) -> SessionEnded:
        """Serve one client until the terminal hangs up. Raises LineDown when the connection is lost before."""
        while True:
            event = await client.adapter.next_event()
            await self.handle(client, event)
            if isinstance(event, SessionEnded):
                return event

    async def handle(self, client: Client, event: TerminalEvent) -> None:
        """Act on one thing that a client did. Raises LineDown."""
        if isinstance(event, PageSubmitted):
            await self._take(client, event)
        elif isinstance(event, AnswerHeard):
            self.heard(client)
        elif isinstance(event, SessionEnded):
            if event.code == SILENT.code and self._settings.silence > LONG_SILENCE:
                self.heard(client)
        else:
            self._count(event)

    def heard(self, client: Client) -> None:
        """Take note that the client heard the answer to its last page: the same page again is another one."""
        if client.last is not None:
            self._repeats.heard(*client.last)
            client.last = None

    async def _take(self, client: Client, page: PageSubmitted) -> None:
        clock, submitted = self._line.clock, self._line.clock.now()
        reference = self._repeats.reference(client.source, page.pager_id, page.text, submitted)
        verdict = await self._record(page, reference)
        client.core.settle(verdict, clock.now())
        client.last = (reference, submitted, clock.now()) if verdict is TAKEN else None
        client.adapter.flush()

    async def _record(self, page: PageSubmitted, reference: str) -> Verdict:
        settings = self._settings
        text = readable(page.text) or TONE_ONLY
        recipient = settings.pagers.get(page.pager_id, page.pager_id)
        report = TextReceived(page.pager_id, text, recipient, reference, settings.priority_of_texts)
        try:
            recorded = await self._line.report(report)
        except StoreUnavailable as error:
            self._line.log.warning("a page for %r could not be recorded: %s", page.pager_id, error)
            return CANNOT_STORE
        except GatewayError:
            self._line.log.exception("a page for %r cannot be recorded", page.pager_id)
            return CANNOT_STORE
        self._line.count("repeats" if recorded is Recorded.REPEAT else "messages")
        return TAKEN

    def _count(self, event: TerminalEvent) -> None:
        if isinstance(event, BlockRepeated):
            self._line.count("repeats")
        elif isinstance(event, Refused):
            self._line.count("naks")
            self._line.trouble("refused")


def readable(text: str) -> str:
    """Return a pager's text for people: lines end in LF, other control codes are blanks."""
    lines = _CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")
