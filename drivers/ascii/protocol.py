"""The receiver of a line of text, sans-IO: bytes become records, heartbeats are answered, silence is noticed."""

from __future__ import annotations

from collections import deque

from drivers.ascii.assembly import Assembler, TextLine
from drivers.ascii.events import (
    Config,
    Event,
    HeartbeatReceived,
    RecordIgnored,
    RecordReceived,
    ReminderDue,
    SignHeard,
    SignMissed,
    Watch,
)
from drivers.ascii.framing import Frame, Framer
from drivers.ascii.text import Reader

NOISE_SHOWN = 16  # bytes of a record in which no character can be read: a person sees them in hexadecimal


class Watchdog:
    """Waits for one kind of sign. `due` moves only when it is reached, so that hearing costs nothing."""

    def __init__(self, watch: Watch, limit: float, now: float) -> None:
        self.watch = watch
        self.limit = limit
        self.due = now + limit if limit else None
        self._last = now
        self._heard = False

    def hear(self, now: float) -> bool:
        """Note a sign of life; return whether it is the first one, or the first after a miss."""
        self._last = now
        news, self._heard = not self._heard, True
        if news and self.limit:
            self.due = now + self.limit
        return news

    def missed(self, now: float) -> bool:
        """Act on `due`; return whether the sign is missing now."""
        if self.due is None or now < self.due:
            return False
        self.due = self._last + self.limit
        if now < self.due:
            return False
        self.due, self._heard = None, False
        return True


class Receiver:
    """One connection's receiver: a `StreamProtocol`."""

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._framer = Framer(config.frames)
        self._heartbeats = config.rules.heartbeats()
        self._reader = Reader(config.reading)
        self._patience = config.patience
        self._assembler = Assembler(config.assembly, config.patience)
        self._silence = Watchdog(Watch.SILENCE, config.silent_after, now)
        self._heartbeat = Watchdog(Watch.HEARTBEAT, config.heartbeat_after, now)
        self._events: deque[Event] = deque()
        self._out = bytearray()
        self._gap_due: float | None = None
        self._reminder: float | None = None

    # --- stream protocol ----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        if not data:
            return
        self._hear(self._silence, now)
        with self._patience:
            for frame in self._framer.feed(data):
                self._take(frame, now)
        self._gap_due = now + self._config.idle_gap if self._framer.pending or self._assembler.pending else None

    def data_to_send(self) -> bytes:
        """Return, and forget, the answers to heartbeats."""
        if not self._out:
            return b""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """Return the next thing that happened."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when something has to be looked at."""
        due = (self._gap_due, self._silence.due, self._heartbeat.due, self._reminder)
        return min((when for when in due if when is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        if self._gap_due is not None and now >= self._gap_due:
            self.flush(now)
        for watchdog in (self._silence, self._heartbeat):
            if watchdog.missed(now):
                self._events.append(SignMissed(watchdog.watch, watchdog.limit))
        if self._reminder is not None and now >= self._reminder:
            self._reminder = None
            self._events.append(ReminderDue(now))

    # --- for the driver -----------------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Take what waits for its end as it is: the end will not come."""
        self._gap_due = None
        with self._patience:
            for frame in self._framer.flush():
                self._take(frame, now)
        for line in self._assembler.flush():
            self._add_record(line, now)

    def remind(self, when: float | None) -> None:
        """Ask for one `ReminderDue` at `when`, instead of what was asked before."""
        self._reminder = when

    # --- inside -------------------------------------------------------------------------------------------------------

    def _hear(self, watchdog: Watchdog, now: float) -> None:
        if watchdog.hear(now):
            self._events.append(SignHeard(watchdog.watch))

    def _take(self, frame: Frame, now: float) -> None:
        text, readable = self._reader.read(frame.data)
        if not readable:
            text = text or frame.data[:NOISE_SHOWN].hex(" ")
        if readable and self._is_heartbeat(text):
            self._hear(self._heartbeat, now)
            self._events.append(HeartbeatReceived())
            self._out += self._config.heartbeat_answer
        elif text and self._is_ignored(text):
            self._events.append(RecordIgnored(text))
        elif text:
            for line in self._assembler.add(TextLine(text, frame.complete, readable)):
                self._add_record(line, now)

    def _is_heartbeat(self, text: str) -> bool:
        return any(rule.match(text, self._patience) is not None for rule in self._heartbeats)

    def _is_ignored(self, text: str) -> bool:
        ask = self._patience.ask
        return any(ask("ignore", pattern.search, text) is not None for pattern in self._config.ignore)

    def _add_record(self, line: TextLine, now: float) -> None:
        if line.readable:
            self._hear(self._heartbeat, now)
        self._events.append(RecordReceived(line.text, now, line.complete, line.readable))
