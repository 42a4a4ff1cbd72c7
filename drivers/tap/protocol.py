"""TAP 1.8, the entry device: logs on to a paging terminal and hands it pages. Sans-IO; time is an argument.

What it does with an answer or with silence stands in the tables of `session.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.tap.logon import Stage
from drivers.tap.pages import Noise, TapEvent
from drivers.tap.scanner import Scanner
from drivers.tap.session import Session, State

if TYPE_CHECKING:
    from drivers.tap.profile import Profile


class EntryDevice(Session):
    """The sending end of TAP: a `StreamProtocol[TapEvent]` with `send_page`, `withdraw`, `probe` and `hang_up`."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._scanner = Scanner()

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def at_rest(self) -> bool:
        """Whether the terminal may drop the connection now: there is no session, or it was told that it is over."""
        calling = self._logon is not None and self._logon.stage is Stage.CALLING
        return (calling or self._state in (State.OFF, State.LEAVING)) and not self._proof_wanted

    # --- commands -----------------------------------------------------------------------------------------------------

    def send_page(self, page_ref: str, pager_id: str, text: str, now: float) -> None:
        """Send a page as soon as its turn comes; ends in `PageSettled` unless it is withdrawn."""
        if not self._box.add(page_ref, pager_id, text):
            return
        if self._state is State.READY:
            self._proceed(now)
        elif self._state is State.OFF:
            self._call(now)

    def withdraw(self, page_ref: str, now: float) -> None:
        """Let no further byte of this page out. A block that is out keeps its turn until it is answered, unheard."""
        if self._box.withdraw(page_ref):
            self._end_page(now)

    def hang_up(self, now: float) -> None:
        """Log off, whatever is under way: the daemon stops."""
        self._box.clear()
        self._proof_wanted = False
        if self._state not in (State.OFF, State.LEAVING):
            self._leave(now)

    def break_off(self, reason: str) -> None:
        """Settle every page: the connection is gone. A page that went out whole may have been taken."""
        self._box.break_off(reason)
        self._logon, self._state, self._due = None, State.OFF, None

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the terminal."""
        for answer in self._scanner.feed(data):
            handle = self._ANSWERS.get((self._state, answer.control))
            if handle is not None:
                handle(self, answer, now)
        if noise := self._scanner.take_noise():
            self._box.events.append(Noise(noise))

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the terminal."""
        data = bytes(self._out) + self._box.unsent
        self._out.clear()
        self._box.unsent = b""
        return data

    def next_event(self) -> TapEvent | None:
        """Return the next thing that happened, or None."""
        return self._box.events.popleft() if self._box.events else None

    def get_timer(self) -> float | None:
        """Return when silence has to be dealt with."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Deal with silence."""
        if self._due is not None and now >= self._due:
            self._due = None
            self._TIMEOUTS[self._state](self, now)
