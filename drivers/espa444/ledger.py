"""The calls that panels made and that still stand: what to tell about them, and when they have not been repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2s
from typing import TYPE_CHECKING, Any

from drivers.espa444.calls import Identity, about
from drivers.espa444.tables import IN_QUEUE, TERMINATED
from gatewayd.driver import Progress

if TYPE_CHECKING:
    from collections.abc import Collection

    from drivers.espa444.protocol import Block
    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import News

MOST_CALLS = 512  # far more than people can look after at once; a panel gone mad must not fill the box
TELL_WITHIN = 3600.0  # seconds; older news is not news: it is not told any more after a restart
_PREFIX = "call "


@dataclass(frozen=True, slots=True)
class Standing:
    """A call that stands. `records` identify it; `told` is the call status that the panel has to know.

    `untold` until the panel has taken that; `over` when nothing but that is left of it. `seen` lies on the timeline.
    """

    key: str
    address: str
    station: str
    records: dict[str, str]
    seen: float
    told: str = ""
    untold: bool = False
    over: bool = False

    @property
    def identity(self) -> Identity:
        """What a status request has to repeat to mean this call."""
        return Identity(self.station, *(self.records.get(record, "") for record in "123"))


class Ledger:
    """The standing calls by the key of their alarm, oldest first; `changes` are for the line's memory."""

    def __init__(self, settings: EspaSettings) -> None:
        self._settings = settings
        self._calls: dict[str, Standing] = {}
        self._unsaved: set[str] = set()
        self._saved: set[str] = set()
        self._from_before: set[str] = set()

    # --- the line's memory --------------------------------------------------------------------------------------------

    def load(self, memory: dict[str, Any], now: float) -> None:
        """Take up what stood before a restart."""
        kept = [item for name, item in memory.items() if name.startswith(_PREFIX) and isinstance(item, list)]
        calls = [Standing(*item) for item in kept if len(item) == len(Standing.__match_args__)]
        for call in sorted(calls, key=lambda call: call.seen):
            untold = call.untold and now - call.seen < TELL_WITHIN
            self._calls[call.key] = replace(call, untold=untold)
        self._saved = set(self._calls)
        self._from_before = set(self._calls)
        for call in list(self._calls.values()):
            if call.over and not call.untold:
                self.forget(call.key)

    def changes(self) -> dict[str, Any]:
        """Return what the memory does not have yet; None for what it shall forget."""
        self._saved |= self._unsaved & set(self._calls)
        return {_slot(key): self._kept(key) for key in self._unsaved}

    def saved(self, changes: dict[str, Any]) -> None:
        """Take note that the memory has this now, unless something changed meanwhile."""
        known = {key for key in self._unsaved if changes.get(_slot(key), ...) == self._kept(key)}
        self._unsaved -= known
        self._saved -= known - set(self._calls)

    def _kept(self, key: str) -> list[Any] | None:
        call = self._calls.get(key)
        return None if call is None else [getattr(call, name) for name in Standing.__match_args__]

    # --- calls --------------------------------------------------------------------------------------------------------

    def enter(self, key: str, address: str, station: str, block: Block, now: float) -> None:
        """Enter a call that was made, or repeated; the oldest ones make room."""
        old = self._calls.pop(key, None)
        call = Standing(key, address, station, about(block, self._settings), now)
        if old is not None and not old.over:
            call = replace(call, told=old.told, untold=old.untold)
        else:
            self._unsaved.add(key)
        if self._settings.repeat_timeout:
            self._unsaved.add(key)
        self._calls[key] = call
        while len(self._calls) > MOST_CALLS:
            self.forget(next(iter(self._calls)))

    def forget(self, key: str) -> None:
        """Forget a call; the memory has to, if it knows of it."""
        if self._calls.pop(key, None) is None:
            return
        if key in self._saved:
            self._unsaved.add(key)
        else:
            self._unsaved.discard(key)

    def is_over(self, key: str) -> bool:
        """Return whether a call is kept only until its panel knows that it is over."""
        return key in self._calls and self._calls[key].over

    def standing(self, key: str | None, address: str) -> list[str]:
        """Return the keys of the calls that a reset ends: the one with `key`, or all of an address."""
        if key is not None:
            return [key] if key in self._calls else []
        return [call.key for call in self._calls.values() if call.address == address]

    def same_call(self, block: Block, station: str, since: float) -> str | None:
        """Return the key of a call from before our start, and since then, that said the very same; each but once."""
        records = about(block, self._settings)
        for key in self._from_before & set(self._calls):
            call = self._calls[key]
            if (call.station, call.records) == (station, records) and call.seen >= since:
                self._from_before.discard(key)
                return key
        return None

    # --- what panels are told -----------------------------------------------------------------------------------------

    def take(self, news: News) -> Standing | None:
        """Take note of what became of a call; return it if its panel has to be told something new."""
        call = self._calls.get(news.key)
        if call is None or call.over:
            return None
        told = self._settings.told.get(news.progress.value, "") if self._settings.tells_status else ""
        is_new = told not in ("", call.told)
        if is_new:
            call = replace(call, told=told, untold=True)
            self._change(call)
        if news.progress is Progress.CLEARED:
            self.end(news.key)
        return call if is_new else None

    def end(self, key: str) -> None:
        """Take note that a call is over: it is kept only until the panel knows."""
        call = self._calls.get(key)
        if call is None:
            return
        if call.untold:
            self._change(replace(call, over=True))
        else:
            self.forget(key)

    def settle(self, key: str, told: str) -> None:
        """Take note that the panel knows, or will not be told: of this status, not of a newer one."""
        call = self._calls.get(key)
        if call is None or call.told != told:
            return
        if call.over:
            self.forget(key)
        else:
            self._change(replace(call, untold=False))

    def untold(self, station: str) -> list[Standing]:
        """Return the calls of which a panel does not know the newest yet."""
        return [call for call in self._calls.values() if call.untold and call.station == station]

    def answer(self, request: Block, station: str) -> str:
        """Return the call status that answers a status request: of the newest call that it means."""
        meant = Identity.of(request, station)
        for call in reversed(self._calls.values()):
            if call.identity.is_meant_by(meant) and not call.over:
                return call.told or IN_QUEUE
        return TERMINATED

    # --- repeats ------------------------------------------------------------------------------------------------------

    def refresh(self, now: float, station: str) -> None:
        """Let the time of a station's calls begin anew: it could not be heard until now."""
        for key, call in self._calls.items():
            if call.station == station and self._settings.repeat_timeout:
                self._calls[key] = replace(call, seen=now)

    def next_due(self, audible: Collection[str]) -> float | None:
        """Return when the first call of stations that can be heard ends unless it is repeated."""
        return min((call.seen + self._settings.repeat_timeout for call in self._repeated(audible)), default=None)

    def unrepeated(self, now: float, audible: Collection[str]) -> list[Standing]:
        """Return the calls that were not repeated in time by stations that can be heard."""
        limit = self._settings.repeat_timeout
        return [call for call in self._repeated(audible) if now >= call.seen + limit]

    def _repeated(self, audible: Collection[str]) -> list[Standing]:
        calls = self._calls.values() if self._settings.repeat_timeout else ()
        return [call for call in calls if not call.over and call.station in audible]

    def _change(self, call: Standing) -> None:
        self._calls[call.key] = call
        self._unsaved.add(call.key)


def _slot(key: str) -> str:
    return _PREFIX + blake2s(key.encode(), digest_size=8).hexdigest()
