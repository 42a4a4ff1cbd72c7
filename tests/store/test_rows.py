"""What goes into the store comes out again, and what has gone keeps its number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import Anchor
from gatewayd.errors import Invalid
from gatewayd.model import Alarm, EscalationState, Message, MsgStatus, Page, PageState, Site
from gatewayd.store import open_store
from tests.store import samples

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.store import Store


async def test_every_row_comes_back_as_it_was(store: Store) -> None:
    rows = (samples.ALARM, samples.MESSAGE, samples.EVENT, samples.PAGE, samples.ESCALATION, samples.ENTRY)
    await store.record(*rows, samples.TOKEN)
    item = store.inbox.item(1)
    assert item is not None
    assert store.alarms.get(1) == samples.ALARM
    assert (item.message, item.event) == (samples.MESSAGE, samples.EVENT)
    assert (item.current_cycle, item.current_step) == (3, 2)
    assert store.paging.get(1) == samples.PAGE
    assert store.paging.escalation(1) == samples.ESCALATION
    assert store.journal.of_alarm(1) == store.journal.latest(5) == [samples.ENTRY]
    assert store.token(samples.TOKEN.hash) == samples.TOKEN


async def test_a_later_version_replaces_the_earlier_one(store: Store) -> None:
    await store.record(samples.ALARM)
    await store.record(replace(samples.ALARM, repeats=7, cleared_time=None))
    found = store.alarms.get(1)
    assert found is not None
    assert (found.repeats, found.is_active) == (7, True)


async def test_whatever_moves_in_a_row_is_written_and_the_rest_stays_as_it_was_first(store: Store) -> None:
    await store.record(samples.PAGE, samples.EVENT, samples.ESCALATION)
    page = replace(
        samples.PAGE,
        due=7.0,
        expires=8.0,
        way=5,
        held=not samples.PAGE.held,
        state=PageState.READ,
        attempts=9,
        detail="seen",
        reference="r9",
    )
    event = replace(samples.EVENT, status=MsgStatus.REPLIED, status_time=7.0, cycle=8, step=9)
    run = replace(samples.ESCALATION, step=8, cycle=9, due=7.0, state=EscalationState.CLEARED)
    await store.record(replace(page, text="?", line="?"), replace(event, user_id=99), replace(run, plan_id=99))
    found = store.inbox.of_user(samples.EVENT.user_id, samples.EVENT.message_id)
    assert (store.paging.get(1), found, store.paging.escalation(1)) == (page, event, run)


def test_the_site_comes_back_as_it_was_with_routes_in_their_order(store: Store) -> None:
    store.save_site(samples.SITE)
    assert store.load_site() == replace(samples.SITE, routes=samples.SITE.routes[::-1])


def test_a_recipient_id_is_never_given_twice(store: Store) -> None:
    store.save_site(samples.SITE)
    store.save_site(Site())
    assert store.next_recipient_id() == 11


async def test_an_id_is_never_given_twice_not_even_after_a_purge(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.record(replace(samples.ALARM, id=41), replace(samples.PAGE, id=42))
    store.writer.write_now([("DELETE FROM alarms", ()), ("DELETE FROM pages", ())])
    store.close()
    again = open_store(tmp_path)
    assert (again.next_id(Alarm), again.next_id(Page), again.next_id(Message)) == (42, 43, 1)
    again.close()


async def test_a_line_remembers_changes_and_forgets_what_is_none(store: Store) -> None:
    await store.save_line_memory("sip", {"a": 1, "b": {"c": [True, None]}})
    await store.save_line_memory("sip", {"a": None, "d": "x"})
    assert store.line_memory("sip") == {"b": {"c": [True, None]}, "d": "x"}
    assert store.line_memory("other") == {}


def test_a_line_keeps_its_number(store: Store) -> None:
    assert store.line_ids(["b", "a"]) == {"b": 1, "a": 2}
    assert store.line_ids(["c", "a"]) == {"b": 1, "a": 2, "c": 3}


async def test_the_timeline_has_reached_the_newest_page(store: Store) -> None:
    assert store.anchor() == (None, 0.0)
    store.save_anchor(Anchor("boot", 12.5))
    await store.record(replace(samples.PAGE, created=1.0), replace(samples.PAGE, id=2, created=5.0))
    assert store.anchor() == (Anchor("boot", 12.5), 5.0)


async def test_a_value_that_cannot_be_stored_is_refused_alone(store: Store) -> None:
    for bad in (replace(samples.MESSAGE, text="\ud800"), replace(samples.MESSAGE, from_user_id=1 << 70)):
        with pytest.raises(Invalid):
            await store.record(bad)
    await store.record(samples.MESSAGE)
    assert store.inbox.message(1) == samples.MESSAGE
