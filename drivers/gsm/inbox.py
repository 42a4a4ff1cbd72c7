"""Writing down what came, and letting the modem forget it only then."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.gsm.arriving import PREFIX
from drivers.gsm.events import PartArrived, Passed, TextArrived
from drivers.gsm.reading import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.gsm.attempts import Attempts
    from drivers.gsm.connection import Connection
    from drivers.gsm.events import ReportArrived, Token
    from drivers.gsm.tidings import Tidings
    from gatewayd.driver import Line

REPORT_REST = 1.0  # seconds that a delivery report rests


class Inbox:
    """Takes texts, parts of texts and reports."""

    def __init__(self, line: Line, attempts: Attempts, tidings: Tidings) -> None:
        self._line = line
        self._attempts = attempts
        self._tidings = tidings

    def parts(self) -> dict[str, str]:
        """Return the parts that wait for others since before this start, by their keys."""
        return {key: body for key, body in self._line.memory.items().items() if key.startswith(PREFIX)}

    def take(self, event: TextArrived | ReportArrived | PartArrived, connection: Connection) -> None:
        """Have something written down."""
        tokens = event.text.tokens if isinstance(event, TextArrived) else (event.token,)
        recorded = partial(self._recorded, tokens, connection)
        if isinstance(event, PartArrived):
            taken = connection.recorder.put(None, recorded, {event.key: event.body})
        elif isinstance(event, TextArrived):
            self._line.count("texts")
            if event.text.text.startswith(UNREADABLE):
                self._line.trouble("unreadable")
            taken = self._tidings.text(event.text, self._line, connection.recorder, recorded)
        else:
            self._line.count("delivery_reports")
            self._rest(event, connection, recorded)
            return
        if not taken:
            connection.core.leave(tokens)

    def _recorded(self, tokens: tuple[Token, ...], connection: Connection) -> None:
        connection.core.settle(tokens, self._line.clock.now())
        connection.flush()
        parts = {token.key: None for token in tokens if isinstance(token, Passed) and token.key}
        if parts:
            connection.recorder.put(None, changes=parts)

    def _rest(self, event: ReportArrived, connection: Connection, recorded: Callable[[], None]) -> None:
        """Let a report wait: the gateway has to write down first what its page is called."""
        due = self._line.clock.now() + REPORT_REST
        self._line.clock.call_at(due, lambda: self._confirm(event, connection, recorded))

    def _confirm(self, event: ReportArrived, connection: Connection, recorded: Callable[[], None]) -> None:
        if self._attempts.may_mean(event.report):
            self._rest(event, connection, recorded)
            return
        report, changes = self._attempts.tracker.reported(event.report), self._attempts.tracker.changes()
        only_copy = isinstance(event.token, Passed)
        if not connection.recorder.put(report, recorded, changes, only_copy=only_copy):
            connection.core.leave((event.token,))
