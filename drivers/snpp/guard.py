"""Who fails to log in too often waits: passwords cannot be guessed by trying them all. Pure."""

from __future__ import annotations

from collections import deque

MOST_FAILURES = 5
WINDOW = 60.0  # seconds
MOST_HOSTS = 1_024


class LoginGuard:
    """Failed logins by host, as far back as `WINDOW`; the hosts that failed last are kept."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def failed(self, host: str, now: float) -> None:
        """Note a failed login."""
        times = self._failures.pop(host, deque[float](maxlen=MOST_FAILURES))
        times.append(now)
        while len(self._failures) >= MOST_HOSTS:
            del self._failures[next(iter(self._failures))]
        self._failures[host] = times

    def bars(self, host: str, now: float) -> bool:
        """Return whether a host has to wait."""
        times = self._failures.get(host)
        return times is not None and len(times) >= MOST_FAILURES and now - times[0] < WINDOW
