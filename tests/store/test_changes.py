"""What users have not fetched, what was sent with a key, and a file from before there was either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.model import Contact, NotificationKind
from gatewayd.records import (
    Notification,
    NotificationOver,
    NotificationsDropped,
    NotificationsTaken,
    SentOnce,
    SentOnceExpired,
    TakenOnce,
    TakenOnceExpired,
)
from gatewayd.store import database, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.store import Store

EVENT, ALARM = NotificationKind.USER_EVENT, NotificationKind.ACTIVE_ALARM


def ids(store: Store, user_id: int = 1, after: int = 0, limit: int = 100) -> list[int]:
    return [one.id for one in store.changes.of_user(user_id, after, limit)]


async def test_the_newer_change_of_a_thing_takes_the_place_of_the_older(store: Store) -> None:
    await store.record(Notification(1, 1, EVENT, 7), Notification(2, 1, ALARM, 7), Notification(3, 1, EVENT, 7))
    assert ids(store) == [2, 3]
    assert store.changes.of_user(1, 0, 9)[1] == Notification(3, 1, EVENT, 7)
    assert store.changes.count(1) == 2


async def test_the_newest_part_is_read_oldest_first(store: Store) -> None:
    await store.record(*(Notification(number, 1, EVENT, number) for number in range(1, 6)))
    assert ids(store, limit=2) == [4, 5]
    assert ids(store, after=4) == [5]
    assert ids(store, user_id=2) == []


async def test_what_was_taken_told_or_dropped_is_gone_for_that_user_only(store: Store) -> None:
    await store.record(*(Notification(number, 1 + number % 2, EVENT, number) for number in range(1, 9)))
    await store.record(NotificationsTaken(1, 4))
    await store.record(NotificationOver(1, EVENT, 8), NotificationOver(1, ALARM, 6))
    assert ids(store) == [6]
    await store.record(NotificationsDropped(2, 2))
    assert ids(store, user_id=2) == [5, 7]
    await store.record(NotificationsDropped(2, 2))
    assert ids(store, user_id=2) == [5, 7]


async def test_ids_go_on_behind_the_newest_after_a_restart(tmp_path: Path) -> None:
    """A change of an old thing holds the highest id; a new thing must come behind it."""
    store = open_store(tmp_path)
    for thing in (7, 8, 7):
        await store.record(Notification(store.next_id(Notification), 1, EVENT, thing))
    store.close()
    again = open_store(tmp_path)
    await again.record(Notification(again.next_id(Notification), 1, EVENT, 9))
    assert [one.object_id for one in again.changes.of_user(1, 0, 9)] == [8, 7, 9]
    again.close()


async def test_keys_are_forgotten_by_age(store: Store) -> None:
    await store.record(SentOnce(1, "a", "d", 5, 100.0), SentOnce(1, "b", "d", 6, 200.0))
    await store.record(SentOnceExpired(150.0))
    assert store.changes.sent_once(1, "a") is None
    assert store.changes.sent_once(1, "b") == SentOnce(1, "b", "d", 6, 200.0)
    assert store.changes.sent_once(2, "b") is None


def test_a_file_from_before_gets_its_new_columns(tmp_path: Path) -> None:
    connection = database.connect(tmp_path)
    number, script = database.migrations()[0]
    database.apply(connection, number, script)
    connection.execute("INSERT INTO contacts (id, name, line, address) VALUES (1, 'porter', 'pager', '1')")
    connection.close()
    store = open_store(tmp_path)
    assert store.load_site().contacts == (Contact(1, "porter", "pager", "1"),)
    store.close()


async def test_a_text_that_was_taken_is_found_by_its_time(store: Store) -> None:
    await store.record(*(TakenOnce("phones", "2001", f"call-{number}", float(number)) for number in range(5)))
    assert store.changes.was_taken(("phones", "2001", "call-3"), 3.0, 4.0)
    assert not store.changes.was_taken(("phones", "2001", "call-3"), 0.0, 2.0)
    assert not store.changes.was_taken(("phones", "2002", "call-3"), 0.0, 9.0)
    assert store.changes.newest_taken(2) == [(("phones", "2001", "call-4"), 4.0), (("phones", "2001", "call-3"), 3.0)]
    await store.record(TakenOnceExpired(4.0))
    assert store.changes.newest_taken(9) == [(("phones", "2001", "call-4"), 4.0)]


def test_what_an_older_gateway_had_taken_is_still_known(tmp_path: Path) -> None:
    connection = database.connect(tmp_path)
    for number, script in database.migrations()[:3]:
        database.apply(connection, number, script)
    for reference, when in (("call-2", 2.0), ("call-1", 1.0)):
        connection.execute("INSERT INTO taken_once VALUES ('phones', '2001', ?, ?)", (reference, when))
    connection.close()
    store = open_store(tmp_path)
    assert [name[2] for name, _ in store.changes.newest_taken(9)] == ["call-2", "call-1"]
    assert store.changes.was_taken(("phones", "2001", "call-1"), 1.0, 1.0)
    store.close()
