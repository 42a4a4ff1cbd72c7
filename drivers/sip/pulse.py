"""Is the PBX still there? An OPTIONS now and then; silence, or a word that it serves nobody, means no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.timing import Agenda, Deadline
    from drivers.sip.transactions import Failure

    Ask = Callable[[float, Callable[[Response | Failure, float], None]], None]

# Seconds for an address of the PBX to answer before the next one is tried.
PATIENCE = 4.0
# Of a proxy whose PBX is gone, or of a PBX that is starting or stopping. Any other answer is a sign of life.
_SERVES_NOBODY = frozenset({408, 503, 504})


class Pulse:
    """Asks every `interval` seconds; `lost(why, now)` is called once, and nothing is asked after that."""

    def __init__(self, interval: float, agenda: Agenda, ask: Ask, lost: Callable[[str, float], None]) -> None:
        self._interval = interval
        self._agenda = agenda
        self._ask = ask
        self._lost = lost
        self._timers: list[Deadline] = []
        self._beat = 0

    def start(self, now: float) -> None:
        """Begin anew."""
        self.stop()
        self._plan(now + self._interval, self._ask_now)

    def stop(self) -> None:
        """Ask no more; an answer that is still under way says nothing."""
        self._beat += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _plan(self, when: float, action: Callable[[float], None]) -> None:
        self._timers.append(self._agenda.at(when, action))

    def _ask_now(self, now: float) -> None:
        self.stop()
        beat = self._beat
        self._plan(now + PATIENCE, lambda now: self._judge(beat, "no answer", now))
        self._ask(now, lambda result, now: self._take(beat, result, now))

    def _take(self, beat: int, result: Response | Failure, now: float) -> None:
        if not isinstance(result, Response):
            self._judge(beat, "no answer" if result.value == "timeout" else "the connection is lost", now)
        elif result.status in _SERVES_NOBODY:
            self._judge(beat, f"it answers {result.status}", now)
        elif beat == self._beat:
            self.start(now)

    def _judge(self, beat: int, why: str, now: float) -> None:
        if beat == self._beat:
            self.stop()
            self._lost(why, now)
