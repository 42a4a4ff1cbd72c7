"""The store: record, read, remember."""

from __future__ import annotations

import itertools
import json
import logging
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, TypeVar

from gatewayd.clock import Anchor
from gatewayd.errors import GatewayError, NotDurable, StoreUnavailable
from gatewayd.model import Site
from gatewayd.records import Notification, Token
from gatewayd.store import database, rows
from gatewayd.store.alarms import Alarms
from gatewayd.store.changes import Changes
from gatewayd.store.faults import DiskFault
from gatewayd.store.inbox import Inbox
from gatewayd.store.journal import Journal
from gatewayd.store.owed import Owed, Sort
from gatewayd.store.paging import Paging
from gatewayd.store.people import People
from gatewayd.store.place import Place
from gatewayd.store.reader import Reader
from gatewayd.store.reserve import FILE as RESERVE
from gatewayd.store.reserve import SPARE, SPARE_SIZE, Reserve
from gatewayd.store.storage import Disk, Storage
from gatewayd.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from gatewayd.model import Contact, JournalEntry, User
    from gatewayd.store.writer import Commit

log = logging.getLogger(__name__)

RowT = TypeVar("RowT")

ANCHOR = "anchor"
FALLBACK = "fallback"
LINE_IDS = "line_ids"
NEXT_RECIPIENT = "next_recipient"
NUMBERS_LEFT_OUT = 1_000  # as many new alarms and texts as are taken over while nothing can be stored


def open_store(data_dir: Path, reserve: int = 0, *, was_killed: bool = False) -> Store:
    """Open (and create or migrate) the store of a data directory. Raises StoreUnavailable, NewerDatabase.

    `was_killed`: whoever had it before may have given out numbers that are not on disk. `reserve` are the bytes to keep
    back for the day on which the disk is full; what a former run has kept back is used where the store cannot be opened
    otherwise.
    """
    kept = Reserve(data_dir / RESERVE, reserve)
    spare = Reserve(data_dir / SPARE, SPARE_SIZE if reserve else 0)
    storage = Storage(kept, spare)
    for one in (spare, kept):
        try:
            store = _opened(data_dir, storage)
            break
        except StoreUnavailable as error:
            if one.give_back():
                log.critical("%s; what was kept back for this is given back, and it is tried again", error)
    else:
        store = _opened(data_dir, storage)
    if was_killed:
        store.skip_numbers()
    if reserve:
        store.storage.lay_reserve()
        store.writer.spare_the_log(sparing=store.storage.disk is not Disk.SOUND)
    return store


def _opened(data_dir: Path, storage: Storage) -> Store:
    with ExitStack() as opened:
        try:
            connection = opened.enter_context(closing(database.connect(data_dir)))
            database.migrate(connection)
            reader = opened.enter_context(closing(database.connect(data_dir, readonly=True)))
            store = Store(connection, reader, storage)
            storage.place = Place(data_dir / database.FILE)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"cannot open the store in {data_dir}: {error}") from error
        opened.pop_all()
        return store


class Store:
    """Everything that survives. Reading is immediate; `record` returns when the rows are on disk."""

    def __init__(self, connection: sqlite3.Connection, reader_connection: sqlite3.Connection, storage: Storage) -> None:
        self._connection = connection
        self.storage = storage
        self.writer = Writer(connection, storage)
        reader = self._reader = Reader(reader_connection, lambda: self.writer.commits, storage.cannot_read)
        self.owed = Owed(self.writer, reader)
        self.alarms = Alarms(reader)
        self.inbox = Inbox(reader)
        self.paging = Paging(reader)
        self.journal = Journal(reader)
        self.people = People(reader)
        self.changes = Changes(reader)
        self._ids = {table.row: itertools.count(self._last_id(table.name) + 1) for table in rows.SEQUENCED}
        self._ids[Notification] = itertools.count(self.changes.newest() + 1)

    def skip_numbers(self) -> None:
        """Leave out numbers that may have been told to people and never reached the disk.

        An answer to the `#12` of before a kill must not be taken for one to another alarm.
        """
        for kind, numbers in self._ids.items():
            self._ids[kind] = itertools.count(next(numbers) + NUMBERS_LEFT_OUT)

    def next_id(self, kind: type[Any]) -> int:
        """Return a fresh id for a row of this class."""
        return next(self._ids[kind])

    async def record(self, *values: rows.Recordable) -> None:
        """Write domain values, new or changed, all or none. Raises StoreUnavailable; then nothing was written."""
        await self.submit(*values)

    def submit(self, *values: rows.Recordable) -> Commit:
        """Have domain values written, all or none of them; the future is done when they are on disk (`Writer`)."""
        return self.writer.submit([rows.TABLES[type(value)].save(value) for value in values])

    def owe(self, values: Iterable[rows.Recordable], *, opens: bool) -> bool:
        """Have domain values, all or none, seen by every query although the disk is down, and written when it is back.

        `opens`: they begin something new. Returns whether something gave way to them that could not be read before.
        Raises StoreUnavailable: there are too many already.
        """
        statements = [rows.TABLES[type(value)].save(value) for value in values]
        return self.owed.take(statements, Sort.NEW if opens else Sort.FOLLOWING)

    async def look(self, settled: Callable[[bool], None] = lambda _: None) -> None:
        """Find out whether a disk that is not sound takes everything again, and write what is owed to it.

        A disk that takes its time holds nobody up. `settled` is called as soon as nothing is owed any more, and hears
        whether the disk could not be read meanwhile.
        """
        if self.storage.disk is Disk.DOWN:
            try:
                await self.writer.aside(self.storage.reserve.probe)
                anew = self.owed.settle()
            except (GatewayError, OSError) as error:
                log.debug("the disk is still down: %s", error)
                return
            self.storage.move(Disk.SCARCE, "what was taken over is stored, the reserve is missing")
            settled(anew)
        await self.writer.aside(self._restore)

    def _restore(self) -> None:
        self.storage.lay_reserve()
        self.writer.spare_the_log(sparing=self.storage.disk is not Disk.SOUND)

    async def written(self) -> None:
        """Wait until everything that was submitted before is on disk, or was refused. Raises StoreUnavailable."""
        if not self.writer.is_down:  # then nothing is on its way: what is owed can be read already
            await self.writer.commit([])

    def close(self) -> None:
        """Write what is pending and close the file."""
        self.writer.close()
        self.owed.close()
        self._reader.close()
        self._connection.close()
        self.storage.keep_for_the_next_start()

    # --- the site -----------------------------------------------------------------------------------------------------

    def load_site(self) -> Site:
        """Return everything that people edit."""
        fallback = self._meta(FALLBACK)
        return Site(
            users=self._all(rows.USERS),
            contacts=self._all(rows.CONTACTS),
            groups=self._all(rows.GROUPS),
            plans=self._all(rows.PLANS),
            definitions=self._all(rows.DEFINITIONS),
            routes=self._all(rows.ROUTES, "ORDER BY position, id"),
            fallback_id=None if fallback is None else int(fallback),
        )

    def save_site(self, site: Site) -> None:
        """Replace everything that people edit, all or nothing. Raises StoreUnavailable.

        The sessions of users who have another password now, or who are gone, end with it.
        """
        content = (site.users, site.contacts, site.groups, site.plans, site.definitions, site.routes)
        newest = max((row.id for group in content[:4] for row in group), default=0)
        kept = {(user.id, user.password_hash) for user in site.users}
        ended = [user.id for user in self._all(rows.USERS) if (user.id, user.password_hash) not in kept]
        statements: list[rows.Statement] = [("DELETE FROM tokens WHERE user_id = ?", (number,)) for number in ended]
        for table, values in zip(rows.SITE_TABLES, content, strict=True):
            statements.append((f"DELETE FROM {table.name}", ()))  # noqa: S608 - the names are our own
            statements += [table.save(value) for value in values]
        statements.append(_set_meta(FALLBACK, None if site.fallback_id is None else str(site.fallback_id)))
        statements.append(_set_meta(NEXT_RECIPIENT, str(max(newest + 1, self.next_recipient_id()))))
        self._write(statements)

    async def save_person(
        self, person: User | Contact, story: JournalEntry, tokens: Iterable[str] = (), *, new: bool = False
    ) -> None:
        """Write a user or a contact with its line of the journal, and end the sessions `tokens`, all or nothing.

        Raises StoreUnavailable, Conflict where a name or the id of a new one is taken.
        """
        self.storage.refuse_what_can_wait()
        statements = [rows.TABLES[type(person)].save(person), rows.JOURNAL.save(story), *map(_end_session, tokens)]
        if new:
            sql = "INSERT INTO contacts (id, name, line, address) VALUES (?, ?, '', '')"  # fails where one is taken
            statements.insert(0, (sql, (person.id, person.name)))
            statements.append(_set_meta(NEXT_RECIPIENT, str(person.id + 1)))
        await self.writer.commit(statements)

    async def delete_contact(self, contact_id: int, story: JournalEntry) -> None:
        """Delete a contact. Raises StoreUnavailable."""
        self.storage.refuse_what_can_wait()
        await self.writer.commit([("DELETE FROM contacts WHERE id = ?", (contact_id,)), rows.JOURNAL.save(story)])

    def next_recipient_id(self) -> int:
        """Return the smallest recipient id that was never used."""
        return int(self._meta(NEXT_RECIPIENT) or 1)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def token(self, token_hash: str) -> Token | None:
        """Return the session with this SHA-256."""
        row = self._reader.one(rows.TOKENS.select("WHERE hash = ?"), (token_hash,))
        return rows.TOKENS.load(row) if row else None

    def tokens(self, *, created_after: float, used_after: float) -> list[Token]:
        """Return the sessions that are not expired."""
        condition = "WHERE created > ? AND used > ? ORDER BY used"
        found = self._reader.all(rows.TOKENS.select(condition), (created_after, used_after))
        return [rows.TOKENS.load(row) for row in found]

    async def drop_tokens(self, *hashes: str) -> None:
        """Forget sessions."""
        await self.writer.commit([_end_session(item) for item in hashes])

    # --- lines, and the box itself ------------------------------------------------------------------------------------

    def line_memory(self, line: str) -> dict[str, Any]:
        """Return what a line remembers."""
        found = self._reader.all("SELECT key, value FROM line_memory WHERE line = ?", (line,))
        return {key: json.loads(value) for key, value in found}

    async def save_line_memory(self, line: str, changes: dict[str, Any]) -> None:
        """Record what a line wants remembered, all or nothing; None forgets a key.

        Raises StoreUnavailable; NotDurable where it is written when the disk takes something again.
        """
        rows = {(line, key): _remember(line, key, value) for key, value in changes.items()}
        try:
            await self.writer.commit(list(rows.values()))
        except DiskFault as error:
            if not self.writer.is_down:
                raise
            self.owed.remember(rows)
            raise NotDurable(str(error)) from error

    def anchor(self) -> tuple[Anchor | None, float]:
        """Return where the timeline lay last, and the latest time on it that is known to have been reached."""
        stored = self._meta(ANCHOR)
        newest = self._reader.one("SELECT created FROM pages ORDER BY id DESC LIMIT 1")
        return (Anchor(**json.loads(stored)) if stored else None), newest[0] if newest else 0.0

    def save_anchor(self, anchor: Anchor) -> None:
        """Remember where the timeline lies. Raises StoreUnavailable."""
        content = json.dumps({"boot_id": anchor.boot_id, "offset": anchor.offset})
        self._write([_set_meta(ANCHOR, content)])

    def line_ids(self, names: list[str]) -> dict[str, int]:
        """Return the number of every line that was ever configured; lines met for the first time get one."""
        known: dict[str, int] = json.loads(self._meta(LINE_IDS) or "{}")
        fresh = [name for name in names if name not in known]
        for name in fresh:
            known[name] = len(known) + 1
        if fresh:  # a start with the lines of last time needs no disk that can be written
            try:
                self._write([_set_meta(LINE_IDS, json.dumps(known))])
            except StoreUnavailable as error:
                log.error("the numbers of new lines are not kept, the next start may give others: %s", error)  # noqa: TRY400 - the error says it all
        return known

    def _all(self, table: rows.Table[RowT], order: str = "ORDER BY id") -> tuple[RowT, ...]:
        return tuple(table.load(row) for row in self._reader.all(table.select(order)))

    def _meta(self, key: str) -> str | None:
        row = self._reader.one("SELECT value FROM meta WHERE key = ?", (key,))
        return row[0] if row else None

    def _last_id(self, table: str) -> int:
        row = self._reader.one("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return row[0] if row else 0

    def _write(self, statements: list[rows.Statement]) -> None:
        """Write at once, outside the group commit: for what happens rarely and outside the loop's hot path."""
        self.writer.write_now(statements)


def _end_session(token_hash: str) -> rows.Statement:
    return "DELETE FROM tokens WHERE hash = ?", (token_hash,)


def _set_meta(key: str, value: str | None) -> rows.Statement:
    if value is None:
        return "DELETE FROM meta WHERE key = ?", (key,)
    sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    return sql, (key, value)


def _remember(line: str, key: str, value: object) -> rows.Statement:
    if value is None:
        return "DELETE FROM line_memory WHERE line = ? AND key = ?", (line, key)
    sql = (
        "INSERT INTO line_memory (line, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (line, key) DO UPDATE SET value = excluded.value"
    )
    return sql, (line, key, json.dumps(value))
