"""Lists: parts, filters and order, shown by the inbox (A18 to A20)."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.api.emm.listing import ListParams, to_query
from gatewayd.engine.directory import Directory
from gatewayd.model import Priority, Site
from tests.api.test_emm_events import EVENTS, listed

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person


async def texts(person: Person, query: str) -> list[str]:
    return [event["message"] for event in (await listed(person, query))["events"]]


async def three_alarms(gateway: Gateway) -> None:
    await gateway.activates("7", "beta 100%", Priority.NORMAL)
    await gateway.passes(1)
    await gateway.activates("8", "Alpha fire", Priority.HIGH)
    await gateway.passes(1)
    await gateway.activates("9", "gamma_x", Priority.LOW)


async def test_A20_count_is_what_came_and_total_what_there_is(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    whole = await listed(nurse)
    assert (whole["offset"], whole["count"], whole["total"]) == (0, 3, 3)
    part = await listed(nurse, "offset=2&limit=2")
    assert (part["offset"], part["count"], part["total"]) == (2, 1, 3)
    assert part["events"] == whole["events"][2:]
    beyond = await listed(nurse, "offset=50&limit=2")
    assert (beyond["count"], beyond["total"]) == (0, 3)
    assert (await listed(nurse, "limit=1"))["count"] == 1
    assert (await listed(nurse, "limit=9223372036854775807"))["count"] == 3


BAD_QUERIES: list[Any] = [
    "offset=1",
    "offset=-1&limit=1",
    "limit=-1",
    "limit=x",
    "limit=1&limit=2",
    "limit=99999999999999999999",
    "offset=9223372036854775808&limit=1",
    "filterField=text&filterValue=x",
    "filterValue=x",
    "filterField=name&filterValue=" + "x" * 101,
    "filterField=name&filterValue=" + "*a" * 7,
    "filterField=name&filterField=gateway&filterValue=x",
    "orderby=m.text",
    "orderby=MQ.Msg;DROP",
    "orderby=name%20DESC%20DESC",
    "orderby=name%20SIDEWAYS",
    "orderby=" + "name," * 9 + "name",
    "filterField=name&filterValue=a%00b",
    "filterField=name&filterValue=%ff",
    "f=xml",
    "f=json&f=html",
]


async def test_A19_A20_what_the_lists_do_not_know_is_400(nurse: Person) -> None:
    for query in BAD_QUERIES:
        separator = "" if "f=" in query.split("&", maxsplit=1)[0] else "f=json&"
        answer = await nurse.ask("GET", f"{EVENTS}?{separator}{query}", headers={"Accept": "application/json"})
        assert answer.status == 400, query
        assert answer.error["description"]


ORDERS: list[Any] = [
    ("MQ.Priority DESC", "Alpha fire"),
    ("mq.priority desc", "Alpha fire"),
    ("priority DESC", "Alpha fire"),
    ("MQ.Msg", "Alpha fire"),
    ("message DESC", "gamma_x"),
    ("MQ.QueueTM", "beta 100%"),
    ("MQ.QueueTM ASC", "beta 100%"),
    ("MQ.QueueTM DESC", "gamma_x"),
    ("I.Status DESC, MQ.Msg", "Alpha fire"),
    ("MQ.FromUserID,MQ.ThreadID DESC", "gamma_x"),
    ("", "gamma_x"),
]


async def test_A19_lists_are_ordered_by_the_documented_names(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    for orderby, first in ORDERS:
        assert (await texts(nurse, f"orderby={orderby}"))[0] == first, orderby


async def test_A20_what_is_alike_comes_in_the_order_of_its_ids_and_nothing_twice(
    gateway: Gateway, nurse: Person
) -> None:
    for number in range(5):
        await gateway.activates(str(number), "the same")
    for orderby in ("", "message", "MQ.Priority DESC", "I.Status,MQ.QueueTM"):
        parts = [await listed(nurse, f"orderby={orderby}&offset={offset}&limit=2") for offset in (0, 2, 4)]
        assert [event["id"] for part in parts for event in part["events"]] == [5, 4, 3, 2, 1], orderby


@pytest.mark.parametrize(("limit", "most"), [(None, 1000), (0, 0), (1000, 1000), (1001, 1000), (2**63 - 1, 1000)])
def test_A20_one_answer_holds_a_thousand_entries_at_most(limit: int | None, most: int) -> None:
    assert to_query(ListParams(limit=limit), (), (), Directory(Site())).limit == most


FILTERS: list[Any] = [
    ("filterField=gateway&filterValue=ward-panel", 3),
    ("filterField=gateway&filterValue=ward*", 3),
    ("filterField=gateway&filterValue=ward", 0),
    ("FILTERFIELD=Gateway&filtervalue=WARD-PANEL", 3),
    ("filterField=gateway&filterValue=3", 3),
    ("filterField=gateway&filterValue=2", 0),
    ("filterField=name&filterValue=8", 1),
    ("filterField=name&filterValue=*8", 1),
    ("filterField=name&filterValue=%25", 0),
    ("filterField=name&filterValue=_", 0),
    ("filterField=name&filterValue=%3F", 0),
    ("filterField=name&filterValue=*******8", 1),
    ("filterField=name&filterValue=' OR 1=1 --", 0),
    ("filterField=name&filterValue=", 3),
    ("filterField=&filterValue=", 3),
]


async def test_A18_filters_know_wildcards_and_nothing_else(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    for query, count in FILTERS:
        found = await listed(nurse, query)
        assert (found["count"], found["total"]) == (count, count), query
