"""Who is heard while more arrives than can be looked at: the phones that we know, before whoever floods us."""

from __future__ import annotations

# Datagrams in a second from hosts that have shown no password: answering them takes a tenth of a processor. All the
# phones of a site may well be new at the same time; what is dropped comes again half a second later.
MOST_STRANGERS = 1_000
# Hosts that are known by name; a site has fewer.
MAX_KNOWN = 10_000


class Crowd:
    """Counts the datagrams of strangers. `known` are hosts that are heard always: phones, the PBX, whom we page."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._second = 0
        self._strangers = 0

    def meet(self, host: str) -> None:
        """Know a host from now on."""
        if host not in self._known and len(self._known) < MAX_KNOWN:
            self._known.add(host)

    def hears(self, host: str, now: float) -> bool:
        """Return whether a datagram is looked at; not that of a stranger when there were too many in this second."""
        if host in self._known:
            return True
        second = int(now)
        if second != self._second:
            self._second, self._strangers = second, 0
        self._strangers += 1
        return self._strangers <= MOST_STRANGERS
