"""What the gateway is told of a modem beside receipts: texts of people, and faults with their ends."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from drivers.gsm.age import dated
from drivers.gsm.book import Book
from drivers.gsm.coverage import Coverage
from drivers.gsm.events import Passed
from drivers.gsm.guard import WINDOW, Guard
from drivers.gsm.selftest import MEMORY_KEY as SELFTEST_KEY
from drivers.gsm.selftest import SelfTest
from drivers.gsm.standing import Standing
from gatewayd.errors import StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, TextReceived

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.gsm.events import CoverageSeen, Token
    from drivers.gsm.reassembly import Text
    from drivers.gsm.recording import Recorder
    from drivers.gsm.settings import GsmSettings
    from gatewayd.driver import Line

TROUBLE, FLOOD = "modem", "text-flood"
SPARED = 600.0  # seconds for which a pool prefers others; only a message that is sent ends the fault
_SHOWN = 160  # characters of a text that is held back


class Tidings:
    """Outlives the connections of a line: a fault stands until it is over, whatever happens to the port."""

    def __init__(self, settings: GsmSettings) -> None:
        self.coverage = Coverage(settings.network_grace, settings.low_signal)
        self.guard = Guard(settings.strangers_per_hour)
        self.book = Book()
        self._stale_after = settings.stale_after
        self.selftest = SelfTest(settings.selftest_every, settings.own_number)
        self.standing = Standing()
        self._trouble: bool | None = None  # None: one from before a restart may stand
        self._trouble_words = ""
        self._spared_until = float("-inf")
        self._flooded_at: float | None = float("-inf")  # None: that is over, and told

    def weakness(self, now: float) -> str:
        """Return why another line would be better, or nothing. After a while trouble is tried: it may have passed."""
        return self.coverage.problem or (self._trouble_words if now < self._spared_until else "")

    def text(self, text: Text[Token], line: Line, recorder: Recorder, recorded: Callable[[], None]) -> bool:
        """Pass a person's text on; what a machine or a flood brings becomes one fault that shows it.

        Returns False when it could not be taken.
        """
        now = line.clock.now()
        if self.selftest.came_back(text.text, now):
            return self._selftest_passed(line, recorder, recorded)
        if self.selftest.is_old(text.sender, text.text):
            line.log.warning("self-test: a message came back after its time")
            return recorder.put(None, recorded)
        objection = self.guard.objection(text.sender, text.text, now)
        if not objection:
            sender = self.book.spelled(text.sender)
            words = dated(text.text, text.time, line.clock.wall(), self._stale_after)
            passed_on = any(isinstance(token, Passed) for token in text.tokens)
            report = TextReceived(sender, words, reference=_reference(text))
            return recorder.put(report, recorded, only_copy=passed_on)
        line.count("texts_held_back")
        line.log.warning("a text of %s is held back: %s", text.sender, objection)
        words = f"a text of {text.sender} is held back ({objection}): {text.text[:_SHOWN]}"
        self._flooded_at = now
        return self.standing.begin(AlarmActivated(FLOOD, words, fault=True), recorder, recorded)

    def trouble(self, detail: str, now: float, recorder: Recorder) -> None:
        """Raise the fault of a modem or SIM that needs somebody."""
        self._trouble_words = detail
        self._spared_until = now + SPARED
        if not self._trouble:
            report = AlarmActivated(TROUBLE, f"modem: {detail}", fault=True)
            self.standing.begin(report, recorder, partial(self._set_trouble, stands=True))

    def work_done(self, recorder: Recorder) -> None:
        """Clear that fault: a message was sent."""
        self._trouble_words = ""
        if self._trouble is not False:
            report = AlarmReset(TROUBLE, text="modem: it works again")
            self.standing.end(report, recorder, partial(self._set_trouble, stands=False))

    def _set_trouble(self, *, stands: bool) -> None:
        self._trouble = stands

    def look(self, seen: CoverageSeen, now: float, recorder: Recorder) -> None:
        """Take one look at the network, and see to the faults that time raises or clears."""
        report = self.coverage.see(seen, now)
        if isinstance(report, AlarmActivated):
            self.standing.begin(report, recorder, partial(self.coverage.told, fault=True))
        elif report is not None:
            self.standing.end(report, recorder, partial(self.coverage.told, fault=False))
        missing = self.selftest.overdue(now)
        if missing is not None:
            self.standing.begin(missing, recorder)
        if self._flooded_at is not None and now - self._flooded_at > WINDOW:
            report = AlarmReset(FLOOD, text="texts are passed on again")
            self.standing.end(report, recorder, partial(self._set_flood_over, self._flooded_at))

    def _set_flood_over(self, flooded_at: float) -> None:
        if self._flooded_at == flooded_at:
            self._flooded_at = None

    def _selftest_passed(self, line: Line, recorder: Recorder, recorded: Callable[[], None]) -> bool:
        async def remember() -> None:
            with suppress(StoreUnavailable):
                await line.memory.save({SELFTEST_KEY: line.clock.wall()})

        def passed() -> None:
            self._remembering = asyncio.get_running_loop().create_task(remember())
            recorded()

        return self.standing.end(self.selftest.passed(), recorder, passed)


def _reference(text: Text[Token]) -> str:
    """Return what a text is known by when it is read a second time, after a crash before it was deleted."""
    if text.time is None:
        return ""
    digest = hashlib.sha256(f"{text.sender}\n{text.text}".encode("utf-8", "replace")).hexdigest()[:16]
    return f"{text.time.isoformat()}/{digest}"
