"""Lists: filters, orders, parts, and patterns that mean what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.model import Message, MessageKind, MsgStatus, Priority
from gatewayd.store import Query
from gatewayd.store.alarms import ORDERS
from gatewayd.store.inbox import ORDERS as INBOX_ORDERS
from gatewayd.store.listing import like
from tests.store import samples

if TYPE_CHECKING:
    from gatewayd.store import Store

NAMES = ("100%", "1000", "a_b", "axb", "back\\slash", "Star*", "ümlaut")


async def fill(store: Store) -> None:
    alarms = [samples.alarm(number, name=name, line=f"l{number}") for number, name in enumerate(NAMES, 1)]
    await store.record(*alarms)


def names(store: Store, query: Query) -> set[str]:
    return {alarm.name for alarm in store.alarms.listing(query).items}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("100%", {"100%"}),
        ("100", {"100%", "1000"}),
        ("a_b", {"a_b"}),
        ("A", {"a_b", "axb", "back\\slash", "Star*", "ümlaut"}),
        ("\\", {"back\\slash"}),
        ("1*", {"100%", "1000"}),
        ("*b", {"a_b", "axb"}),
        ("a*b", {"a_b", "axb"}),
        ("*", set(NAMES)),
        ("x*", set()),
        ("ÜMLAUT", {"ümlaut"}),
        ("Üml*", {"ümlaut"}),
        ("back\\SL", {"back\\slash"}),
        ("' OR 1=1 --", set()),
    ],
)
async def test_a_pattern_means_what_it_says(store: Store, pattern: str, found: set[str]) -> None:
    await fill(store)
    assert names(store, Query(filter_field="name", pattern=pattern)) == found


async def test_a_line_is_compared_whole_unless_there_is_a_star(store: Store) -> None:
    await fill(store)
    assert names(store, Query(filter_field="gateway", pattern="l")) == set()
    assert names(store, Query(filter_field="gateway", pattern="L1")) == {"100%"}
    assert names(store, Query(filter_field="gateway", pattern="l*")) == set(NAMES)


def test_what_sqlite_reads_as_a_wildcard_is_escaped() -> None:
    assert like("50%_\\", exact=True) == "50\\%\\_\\\\"
    assert like("a", exact=False) == "%a%"


async def test_parts_of_a_list_make_the_whole(store: Store) -> None:
    await fill(store)
    whole = store.alarms.listing(Query()).items
    parts = [store.alarms.listing(Query(offset=at, limit=2)) for at in range(0, 8, 2)]
    assert sum((part.items for part in parts), ()) == whole
    assert {part.total for part in parts} == {len(NAMES)}


@pytest.mark.parametrize("name", ORDERS)
async def test_every_order_of_alarms_runs_both_ways(store: Store, name: str) -> None:
    await store.record(
        samples.alarm(1, name="a", line="a", active_text="a", priority=Priority.HIGH, active_time=1.0),
        samples.alarm(2, name="B", line="B", active_text="B", priority=Priority.LOW, active_time=2.0),
    )
    for descending, first in ((False, 1), (True, 2)):
        assert store.alarms.listing(Query(order=((name, descending),))).items[0].id == first


@pytest.mark.parametrize("name", INBOX_ORDERS)
async def test_every_order_of_an_inbox_runs_both_ways(store: Store, name: str) -> None:
    for number, text in ((1, "a"), (2, "B")):
        message = Message(
            number,
            text,
            Priority(number),
            float(number),
            MessageKind.USER,
            number,
            from_user_id=number,
            from_address=text,
        )
        await store.record(message, replace(samples.EVENT, id=number, message_id=number, status=MsgStatus(number)))
    for descending, first in ((False, 1), (True, 2)):
        assert store.inbox.listing(5, Query(order=((name, descending),))).items[0].event.id == first


async def test_deleted_events_and_other_inboxes_are_not_listed(store: Store) -> None:
    await store.record(
        samples.MESSAGE,
        replace(samples.EVENT, id=1, user_id=5),
        replace(samples.EVENT, id=2, user_id=6, status=MsgStatus.QUEUED_DELETE),
    )
    assert [item.event.id for item in store.inbox.listing(5, Query()).items] == [1]
    assert store.inbox.listing(6, Query()).total == 0


async def test_cleared_alarms_are_not_listed_and_the_most_urgent_come_first(store: Store) -> None:
    await store.record(
        samples.ALARM,
        samples.alarm(2, priority=Priority.LOW, active_time=9.0),
        samples.alarm(3, priority=Priority.EMERGENCY, active_time=1.0),
        samples.alarm(4, priority=Priority.EMERGENCY, active_time=2.0),
    )
    assert [alarm.id for alarm in store.alarms.listing(Query()).items] == [4, 3, 2]


async def test_a_total_follows_what_is_written_and_is_counted_once(store: Store) -> None:
    await store.record(samples.MESSAGE, samples.EVENT)
    owner = samples.EVENT.user_id
    counted: list[str] = []
    store._reader._connection.set_trace_callback(lambda sql: counted.append(sql) if "COUNT" in sql else None)
    totals = [store.inbox.listing(owner, Query()).total for _ in range(3)]
    assert (totals, len(counted)) == ([1, 1, 1], 1)
    second = replace(samples.MESSAGE, id=samples.MESSAGE.id + 1)
    await store.record(second, replace(samples.EVENT, id=samples.EVENT.id + 1, message_id=second.id))
    assert store.inbox.listing(owner, Query()).total == 2
    store.writer.write_now([("DELETE FROM events", ())])
    assert store.inbox.listing(owner, Query()).total == 0
