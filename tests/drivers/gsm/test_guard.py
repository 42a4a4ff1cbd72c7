"""Machines that answer by themselves, and strangers, set off no pages without end; people are always heard."""

from __future__ import annotations

import pytest

from drivers.gsm.guard import MANY, MAX_SENDERS, Guard, is_answer
from tests.drivers.gsm.site import ANNA, BERT, Site


def test_guard_remembers_a_bounded_number_of_senders() -> None:
    guard = Guard(5)
    for number in range(MAX_SENDERS + 50):
        guard.objection(f"+49{number}", "hello", 0)
        guard.paged(f"+49{number}", 0)
    assert len(guard._recent) == len(guard._known) == MAX_SENDERS


async def test_machine_that_answers_every_page_is_held_back_and_a_person_is_told_once() -> None:
    site = Site()
    await site.start()
    await site.sends()
    for _ in range(8):
        await site.modem.receives(ANNA, "I am driving and will call you back later.")
        await site.clock.advance(10)
    assert len(site.line.texts) == 3
    assert len(site.line.faults) == 1
    assert "machine" in site.line.faults[0]
    assert site.modem.state.memory == {}


async def test_machine_that_answers_every_page_in_other_words_is_held_back_too() -> None:
    site = Site()
    await site.start()
    await site.sends()
    for number in range(60):
        await site.modem.receives(ANNA, f"On holiday! It is {number} o'clock")
        await site.modem.receives(ANNA, "OK")
        await site.clock.advance(5)
    assert [text for _, text in site.line.texts].count("OK") == 60
    assert len(site.line.texts) == 60 + MANY
    why = "more than 20 texts in 10 minutes: a machine answers"
    assert site.line.faults == [f"a text of {ANNA} is held back ({why}): On holiday! It is 59 o'clock"]


@pytest.mark.parametrize(
    ("text", "answers"),
    [("1", True), (" Nein ", True), ("OK #4711", True), ("komme 4711", True), ("On holiday", False), ("", True)],
)
def test_answer_of_a_person_is_short_or_names_its_page(text: str, answers: bool) -> None:  # noqa: FBT001
    assert is_answer(text) is answers


async def test_person_may_repeat_a_short_answer_as_often_as_there_are_pages() -> None:
    site = Site()
    await site.start()
    await site.sends()
    for _ in range(40):
        await site.modem.receives(ANNA, "OK #4711")
        await site.clock.advance(1)
    assert len(site.line.texts) == 40


async def test_stranger_is_heard_only_so_often() -> None:
    site = Site(strangers_per_hour=2)
    await site.start()
    for number in range(5):
        await site.modem.receives(BERT, f"{number}")
        await site.clock.advance(1)
    assert len(site.line.texts) == 2
    assert "stranger" in site.line.faults[0]
    await site.clock.advance(3_700)
    assert site.line.faults == []
    await site.modem.receives(BERT, "again")
    await site.clock.advance(1)
    assert len(site.line.texts) == 3


async def test_all_strangers_together_have_a_limit() -> None:
    site = Site(strangers_per_hour=2)
    await site.start()
    for number in range(20):
        await site.modem.receives(f"+4917012345{number:02}", "hello")
        await site.clock.advance(1)
    assert len(site.line.texts) == 10
