"""A paging terminal that can be told to misbehave: what the simulator and the tests run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drivers.tap import verdicts
from drivers.tap.submissions import TerminalRules
from drivers.tap.terminal import PagingTerminal
from drivers.tap.verdicts import Sign, Verdict
from gatewayd.simulator import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.tap.submissions import TerminalEvent
    from gatewayd.simulator import Faults

_ANSWER_OF_FAULT = {
    "nak": verdicts.DAMAGED,
    "rs": verdicts.UNKNOWN_PAGER,
    "hangup": verdicts.SILENT,
}
_FULL = Verdict(512, Sign.RS)


class TerminalSettings(SimulatorSettings):
    """A paging terminal.

    `port` is the link to make to a PTY, or the path of an existing serial device (opened with `baudrate`, 8N1).
    `passwords` and `pagers` list what is known; empty: everything is accepted. `max_chars` and `max_pages` 0: no limit.
    `refuse_long` answers a text that is too long with 517 instead of cutting it. `throttle` makes a PTY as slow as
    `baudrate`. Timers are in seconds.
    """

    FAULTS: ClassVar[tuple[str, ...]] = (*_ANSWER_OF_FAULT, "full", "drop", "late", "garble", "dead", "no-codes")

    port: str
    baudrate: int = 9600
    throttle: bool = False
    passwords: tuple[str, ...] = ()
    pagers: tuple[str, ...] = ()
    max_chars: int = 0
    max_pages: int = 0
    refuse_long: bool = False
    codes: bool = True
    late_by: float = 12.0
    t4: float = 4.0
    t5: float = 8.0
    n2: int = 3
    n3: int = 3

    def rules(self) -> TerminalRules:
        """Return what the terminal lets in; it takes every block as a new one."""
        return TerminalRules(
            passwords=frozenset(self.passwords),
            pagers=frozenset(self.pagers),
            max_chars=self.max_chars,
            refuse_long=self.refuse_long,
            max_pages=self.max_pages,
            codes=self.codes,
            silence=self.t4,
            repeat_within=-1.0,
            t5=self.t5,
            n2=self.n2,
            n3=self.n3,
        )


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """A page that the terminal took; `time` lies on the timeline."""

    pager_id: str
    text: str
    time: float


class SimulatedTerminal(PagingTerminal):
    """One call to a terminal that takes what it gets at once; `on_page` hears of every page, nothing of events."""

    def __init__(self, settings: TerminalSettings, faults: Faults, on_page: Callable[[ReceivedPage], None]) -> None:
        super().__init__(settings.rules())
        self._faults = faults
        self._on_page = on_page
        self._late_by = settings.late_by
        self._late: list[tuple[float, bytes]] = []

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes, unless the terminal is dead."""
        if not self._faults.standing("dead"):
            super().receive_data(data, now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the entry device; a dead terminal has none."""
        data = super().data_to_send()
        return b"" if self._faults.standing("dead") else data

    def next_event(self) -> TerminalEvent | None:
        """Return None: pages are told by `on_page`."""
        self._events.clear()
        return None

    def get_timer(self) -> float | None:
        """Return when a late answer is due or silence has to be dealt with."""
        dues = (super().get_timer(), *(late for late, _ in self._late))
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Send late answers; deal with silence."""
        self._out += b"".join(data for due, data in self._late if due <= now)
        self._late = [(due, data) for due, data in self._late if due > now]
        super().handle_timer(now)

    def _judge_block(self, raw: bytes, now: float) -> None:
        for fault, verdict in _ANSWER_OF_FAULT.items():
            if self._faults.take(fault):
                self._refuse(verdict)
                return
        super()._judge_block(raw, now)

    def _judge_page(self, pager_id: str, text: str) -> Verdict | None:
        verdict = super()._judge_page(pager_id, text)
        return _FULL if verdict is None and self._faults.take("full") else verdict

    def _submit(self, pager_id: str, text: str, now: float) -> None:
        super()._submit(pager_id, text, now)
        self._on_page(ReceivedPage(pager_id, text[: self._rules.max_chars or None], now))
        self.settle(verdicts.TAKEN, now)

    def _answer_block(self, verdict: Verdict, now: float) -> None:
        """Answer a block that was understood; the answer may be lost, late or damaged on purpose."""
        if verdict.sign is not Sign.HANG_UP:
            if self._faults.take("drop"):
                return
            if self._faults.take("late"):
                self._late.append((now + self._late_by, verdict.to_bytes(codes=self._codes)))
                return
            if self._faults.take("garble"):
                self._out += verdict.to_bytes(codes=self._codes).replace(verdict.sign.value.encode(), b"#")
                return
        super()._answer_block(verdict, now)

    @property
    def _codes(self) -> bool:
        return self._rules.codes and not self._faults.standing("no-codes")


def is_device(port: str) -> bool:
    """Tell a serial device from the link of an earlier simulation, which is replaced."""
    path = Path(port)
    return path.is_char_device() and not (path.is_symlink() and path.resolve().is_relative_to("/dev/pts"))
