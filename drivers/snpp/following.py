"""The messages that clients follow, on disk: a tag is kept before it is given, and its status outlives a restart."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from drivers.snpp.tags import PREFIX, Tag, TagBook
from gatewayd.clock import sleep
from gatewayd.errors import NotDurable, StoreUnavailable

if TYPE_CHECKING:
    from drivers.snpp.draft import Wishes
    from drivers.snpp.tags import Changes
    from gatewayd.driver import Line, News

NUMBERS = range(10_000_000, 100_000_000)  # of tags; clients know them by digits only
PASS_CODES = range(100_000, 1_000_000)
STORE_RETRY = 1.0  # seconds


class Following:
    """Keeps the tags of a line; `lifetime` is in seconds. News are written aside, in their order."""

    def __init__(self, line: Line, lifetime: float) -> None:
        self._line = line
        self._lifetime = lifetime
        self.tags = TagBook(line.memory.items())
        self._unsaved: Changes = {}
        self._saving: asyncio.Task[None] | None = None

    async def begin(self, wishes: Wishes) -> Tag:
        """Return a new tag; it is on disk before the message is. Raises StoreUnavailable."""
        now = self._line.clock.now()
        expires = now + (wishes.lifetime or self._lifetime)
        tag = Tag.of(self._new_number(), _random(PASS_CODES), wishes, self._line.clock.wall(), expires)
        changes = self.tags.expire(now) | self.tags.keep(tag)
        try:
            await self._line.memory.save(changes)
        except NotDurable:  # the message itself says so too, once it is paged
            self._line.count("not_recorded")
        except StoreUnavailable:
            self.tags.drop(tag.number)
            raise
        return tag

    def abandon(self, number: str) -> None:
        """Forget a tag that its client was never given."""
        self._write(self.tags.drop(number))

    async def give_up(self, number: str) -> None:
        """Forget a tag, on disk first. Raises StoreUnavailable."""
        await self._line.memory.save({f"{PREFIX}{number}": None})
        self.tags.drop(number)
        self._unsaved.pop(f"{PREFIX}{number}", None)

    def tell(self, news: News) -> None:
        """Note what became of a message."""
        self._write(self.tags.tell(news.key, news.progress, news.who, self._line.clock.wall()))

    async def close(self) -> None:
        """Write what is not on disk yet, if the disk takes it."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
        if self._unsaved:
            try:
                await self._line.memory.save(self._unsaved)
            except StoreUnavailable as error:
                self._line.log.warning("the status of followed messages could not be written: %s", error)
            else:
                self._unsaved = {}

    def _new_number(self) -> str:
        while (number := _random(NUMBERS)) in self.tags:
            pass
        return number

    def _write(self, changes: Changes) -> None:
        self._unsaved |= changes
        if self._unsaved and (self._saving is None or self._saving.done()):
            self._saving = asyncio.get_running_loop().create_task(self._save())

    async def _save(self) -> None:
        while self._unsaved:
            changes = dict(self._unsaved)
            try:
                await self._line.memory.save(changes)
            except StoreUnavailable as error:
                self._line.log.warning("the status of followed messages could not be written yet: %s", error)
                await sleep(self._line.clock, STORE_RETRY)
            else:
                self._unsaved = {
                    key: value
                    for key, value in self._unsaved.items()
                    if key not in changes or changes[key] is not value
                }


def _random(numbers: range) -> str:
    return str(secrets.choice(numbers))
