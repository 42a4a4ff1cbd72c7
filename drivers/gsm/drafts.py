"""The next page before its turn: made ready while the modem is busy. It binds nobody, and nothing leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.gsm.attempts import Attempt, Attempts
    from drivers.gsm.composing import Composer
    from drivers.gsm.connection import Connection
    from gatewayd.driver import Line
    from gatewayd.hayes.channel import Vocabulary
    from gatewayd.model import Page

LASTS = 60.0  # seconds; how long the service centre may keep a message counts from when it was made


@dataclass(frozen=True, slots=True)
class _Draft:
    """What was made of a page at a time, for a modem that is spoken to in this way."""

    page: Page
    attempt: Attempt
    at: float
    dialect: tuple[Vocabulary, str]


class Drafts:
    """Keeps one page made ready; whichever page is chosen in the end is made then if it is not that one."""

    def __init__(self, line: Line, composer: Composer, attempts: Attempts) -> None:
        self._line = line
        self._composer = composer
        self._attempts = attempts
        self._draft: _Draft | None = None

    def prepare(self, page: Page | None, connection: Connection) -> None:
        """Make the page that would be next ready. What is wrong with it shows when its turn comes."""
        if page is None or self._find(page, connection) is not None:
            return
        attempt = self.take_safely(page, connection)
        if attempt is not None:
            self._draft = _Draft(page, attempt, self._line.clock.now(), connection.core.dialect)

    def take(self, page: Page, connection: Connection) -> Attempt:
        """Return an attempt at a page that was not begun. Raises ValueError for what is no number."""
        found = self._find(page, connection)
        self._draft = None
        return found or self._make(page, connection)

    def take_safely(self, page: Page, connection: Connection) -> Attempt | None:
        """Return what `take` does, or None where that fails: it will fail again when it has to be told."""
        try:
            return self.take(page, connection)
        except ValueError:
            return None
        except Exception:
            self._line.log.exception("page %d cannot be made ready", page.id)
            return None

    def _find(self, page: Page, connection: Connection) -> Attempt | None:
        draft = self._draft
        if draft is None or draft.page is not page or draft.attempt.connection is not connection:
            return None
        fits = self._line.clock.now() - draft.at < LASTS and draft.dialect == connection.core.dialect
        return draft.attempt if fits else None

    def _make(self, page: Page, connection: Connection) -> Attempt:
        lifetime = page.expires - self._line.clock.now()
        composed = self._composer.compose(page.address, page.text, lifetime, text_mode=connection.core.text_mode)
        return self._attempts.make(page.address, composed, connection, page.id)
