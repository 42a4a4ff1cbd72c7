"""A program pages by SNPP through the whole engine, and hears what the person said, across a kill of the gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from drivers.snpp import DRIVER, SETTINGS
from drivers.snpp.simulator import ClientSettings, SnppClient
from gatewayd.clock import SystemClock, settle
from gatewayd.model import Priority
from tests.engine.conftest import ADMIN, NURSE, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(20)


class Office(Box):
    """A box with an SNPP line, served for real; everything else is on the manual clock."""

    def _open(self) -> None:
        super()._open()
        self.it = self.engine.add_line("it", lambda line: DRIVER(line, SETTINGS(port=0)))
        self.serving = asyncio.create_task(self.it.supervise())

    async def client(self) -> SnppClient:
        """Return a program that pages through the line, once it listens."""
        await self.it.first_attempt.wait()
        driver = self.it.driver
        assert driver is not None
        assert driver.bound is not None
        return SnppClient(SystemClock(), ClientSettings(server=f"127.0.0.1:{driver.bound[1]}", caller="nagios"))

    async def ends_serving(self) -> None:
        self.serving.cancel()
        await asyncio.gather(self.serving, return_exceptions=True)

    async def is_killed(self) -> None:
        await self.ends_serving()
        await super().is_killed()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    started = Office(tmp_path)
    await settle()
    yield started
    await started.ends_serving()
    await started.stop()


async def test_the_pager_id_is_the_recipient_and_the_level_its_priority(office: Office) -> None:
    client = await office.client()
    await client.session("CALL nagios", "LEVE 0", "PAGE nurse", "PAGE 2002", "MESS core switch down", "SEND", "QUIT")
    await settle()
    assert [(page.address, page.priority) for page in office.phones.pages] == [
        ("2001", Priority.HIGH),
        ("2002", Priority.NORMAL),
    ]
    assert all("nagios: core switch down" in page.text for page in office.phones.pages)


async def test_a_pager_that_nobody_is_goes_to_the_fallback_recipient(office: Office) -> None:
    await (await office.client()).page("nobody", "core switch down")
    assert office.texts_of(ADMIN) == ["it nagios: core switch down"]


async def test_the_answer_of_the_person_is_the_choice_of_the_program(office: Office) -> None:
    client = await office.client()
    tag = await client.page_two_way("nurse", "core switch down")
    await settle()
    assert (await client.look(tag)).startswith("960 ")
    await office.text("2001", "OK")
    assert (await client.follow(tag)).endswith(" 1 Accept")


async def test_a_decline_and_reading_in_the_inbox_are_told_too(office: Office) -> None:
    client = await office.client()
    tag = await client.page_two_way("nurse", "core switch down")
    await settle()
    await office.engine.read(office.user(NURSE), office.event_of(NURSE))
    assert (await client.look(tag)).startswith("870 ")
    await office.text("2001", "NO")
    assert (await client.follow(tag)).endswith(" 2 Decline")


async def test_after_a_kill_the_program_still_hears_the_answer(office: Office) -> None:
    tag = await (await office.client()).page_two_way("nurse", "core switch down")
    await settle()
    await office.is_killed()
    client = await office.client()
    assert (await client.look(tag)).startswith("960 ")
    await office.text("2001", "OK")
    assert (await client.follow(tag)).startswith("888 ")


async def test_a_message_that_is_sent_again_after_half_of_it_was_stored_pages_nobody_twice(office: Office) -> None:
    client = await office.client()
    office.disk.fail_at = office.disk.commits + 2
    client.faults.plan("twice")
    await client.session("PAGE nurse", "PAGE 2002", "MESS a", "SEND", "QUIT")
    await settle()
    assert office.disk.fired
    assert [reply[:3] for reply in client.replies] == ["220", "250", "250", "250", "554", "250", "221"]
    assert sorted(page.address for page in office.phones.pages) == ["2001", "2002"]
