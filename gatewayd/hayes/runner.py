"""Runs a script on a channel: sends what it asks for, waits for what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.hayes.results import Result
from gatewayd.hayes.script import Command, Pause, Raw, Reply, Unresponsive

if TYPE_CHECKING:
    from gatewayd.hayes.channel import Channel
    from gatewayd.hayes.script import Script


class Runner:
    """One script at a time. Feed it what `receive` and `handle_timer` return."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._script: Script[None] | None = None
        self._pause_until: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a script is under way."""
        return self._script is not None

    def due(self) -> float | None:
        """Return when `expire` has something to say."""
        times = [time for time in (self._pause_until, self._channel.due) if time is not None]
        return min(times, default=None)

    def expire(self, now: float) -> Reply | None:
        """Return the reply that the time brings: a command was not answered, or a pause is over."""
        reply = self._channel.expire(now)
        if self._pause_until is not None and now >= self._pause_until:
            self._pause_until = None
            reply = Reply(Result.OK)
        return reply

    def begin(self, script: Script[None]) -> None:
        """Take a script; `resume` it with None. The one before has ended."""
        self._script = script

    def stop(self) -> None:
        """Forget the script under way, as when the modem restarts."""
        self._script = self._pause_until = None

    def resume(self, reply: Reply | None, now: float) -> bool:
        """Go on with a reply; return whether the script waits for another one. Raises Unresponsive."""
        script = self._script
        while script is not None:
            try:
                action = next(script) if reply is None else script.send(reply)
            except StopIteration:
                self._script = None
                return False
            except Unresponsive:
                self._script = None
                raise
            if isinstance(action, Raw):
                self._channel.out += action.data
                reply = Reply(Result.OK)
                continue
            self._wait(action, now)
            return True
        return False

    def _wait(self, action: Command | Pause, now: float) -> None:
        if isinstance(action, Pause):
            self._pause_until = now + action.seconds
        else:
            self._channel.start(action, now)
