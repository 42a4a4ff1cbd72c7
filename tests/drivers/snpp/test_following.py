"""Level 3: a client follows its message to the answer of a person, across restarts and a full disk."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from drivers.snpp import DRIVER, SETTINGS
from gatewayd.clock import settle
from gatewayd.driver import Capabilities, Progress
from gatewayd.errors import DeliveryFailedForNow, NotDurable, StoreUnavailable
from tests.drivers.snpp.site import Gateway, Memory, serving

pytestmark = pytest.mark.timeout(20)


async def test_a_message_is_followed_to_its_answer() -> None:
    async with serving() as (gateway, client):
        tag = await client.page_two_way("100", "core switch down")
        (text,) = gateway.texts
        assert (text.recipient, text.reference) == ("100", tag.split()[0])
        assert (await client.look(tag)).startswith("960 0 ")
        gateway.tells(Progress.PAGED)
        gateway.tells(Progress.DELIVERED)
        assert (await client.look(tag)).startswith("861 1 ")
        gateway.tells(Progress.ACCEPTED)
        assert (await client.follow(tag)).endswith(" 1 Accept")


async def test_a_declined_message_is_the_choice_that_declines() -> None:
    async with serving() as (gateway, client):
        tag = await client.page_two_way("100", "a")
        gateway.tells(Progress.DECLINED)
        assert (await client.follow(tag)).startswith("888 1 ")
        assert client.replies[1].endswith(" 2 Decline")


async def test_a_tag_survives_a_restart_with_its_status() -> None:
    memory = Memory()
    async with serving(memory) as (gateway, client):
        tag = await client.page_two_way("100", "a")
        gateway.tells(Progress.READ)
    async with serving(memory) as (_, client):
        assert (await client.look(tag)).startswith("870 1 ")


async def test_what_the_disk_did_not_take_is_written_when_it_does() -> None:
    memory = Memory()
    async with serving(memory) as (gateway, client):
        tag = await client.page_two_way("100", "a")
        memory.failures = 1
        gateway.tells(Progress.DELIVERED)
        await asyncio.sleep(0)
        gateway.tells(Progress.ACCEPTED)
        assert (await client.look(tag)).startswith("888 2 ")
    async with serving(memory) as (_, client):
        assert (await client.look(tag)).startswith("888 2 ")


async def test_news_that_come_while_older_ones_are_written_are_written_too() -> None:
    memory = Memory()
    async with serving(memory) as (gateway, client):
        await client.page_two_way("100", "a")
        memory.is_free.clear()
        gateway.tells(Progress.DELIVERED)
        await settle()
        gateway.tells(Progress.READ)
        memory.is_free.set()
        await settle()
        assert [value["sequence"] for value in memory.kept.values()] == [2]


async def test_a_message_that_cannot_be_stored_has_no_tag() -> None:
    memory = Memory()
    async with serving(memory) as (gateway, client):
        gateway.failures = [StoreUnavailable("the disk is full")]
        with pytest.raises(DeliveryFailedForNow, match=r"^554 "):
            await client.page_two_way("100", "a")
        memory.failures = 1
        with pytest.raises(DeliveryFailedForNow, match=r"^554 "):
            await client.page_two_way("100", "a")
        assert gateway.reports == []
    assert memory.kept == {}


async def test_a_message_with_a_tag_is_reported_while_nothing_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def owed(changes: dict[str, object]) -> None:
        raise NotDurable(f"{len(changes)} changes wait in memory")

    memory, took = Memory(), []
    async with serving(memory) as (gateway, client):

        async def report(what: object) -> None:
            took.append(what)
            raise NotDurable("it has taken effect")

        monkeypatch.setattr(memory, "save", owed)
        monkeypatch.setattr(gateway, "report", report)
        with pytest.raises(DeliveryFailedForNow, match=r"^554 "):
            await client.page_two_way("100", "a")
        assert len(took) == 1


async def test_a_tag_is_on_disk_before_its_message_is_reported() -> None:
    memory = Memory()
    async with serving(memory) as (gateway, client):
        gateway.store_is_free.clear()
        paging = asyncio.create_task(client.page_two_way("100", "a"))
        await gateway.asked.wait()
        (key,) = memory.kept
        gateway.tells(Progress.ACCEPTED, key.removeprefix("tag "))
        gateway.store_is_free.set()
        assert (await client.look(await paging)).startswith("888 1 ")


async def test_a_tag_that_is_given_up_is_forgotten_on_disk() -> None:
    memory = Memory()
    async with serving(memory) as (_, client):
        tag = await client.page_two_way("100", "a")
        memory.failures = 1
        with pytest.raises(DeliveryFailedForNow, match=r"^554 "):
            await client.session(f"KTAG {tag}", "QUIT")
        assert (await client.look(tag)).startswith("960 ")
        await client.session(f"KTAG {tag}", "QUIT")
        with pytest.raises(DeliveryFailedForNow, match=r"^550 "):
            await client.look(tag)
    assert memory.kept == {}


async def test_a_tag_is_kept_as_long_as_the_line_or_its_client_says() -> None:
    async with serving(tag_hours=2) as (gateway, client):
        await client.page_two_way("100", "a")
        await client.session("2WAY", "PAGE 1", "EXPT 5", "MESS a", "SEND", "QUIT")
        first, second = [value["expires"] - gateway.clock.now() for value in gateway.memory.kept.values()]
    assert (first, second) == (pytest.approx(7200, abs=20), pytest.approx(18_000, abs=20))


def test_the_line_follows_where_level_3_is_offered() -> None:
    assert DRIVER(Gateway(), SETTINGS()).capabilities == Capabilities(receives=True, follows=True)
    assert DRIVER(Gateway(), SETTINGS(two_way=False)).capabilities == Capabilities(receives=True)


def test_a_level_that_there_is_not_fails_when_the_configuration_is_checked() -> None:
    with pytest.raises(ValidationError, match="levels"):
        SETTINGS(levels={"12": "high"})
