"""Texts from people and programs: once, to the right person, as an alarm where a route says so; and what lines hear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Capabilities, News, Outcome, Progress, Receipt
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import AlarmDefinition, Contact, PageConfirmed, PageState, Priority, Recorded, Route, TextReceived
from tests.engine.conftest import ADMIN, DOCTOR, NURSE, PHONE_C, PLAN, SITE, Box, DeskDevice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.engine.change import Change

DAY = 86_400.0


class Pager(DeskDevice):
    """A device that wants to know what becomes of what it reported."""

    news: list[News]

    def tell(self, news: News) -> None:
        self.news.append(news)


def heard(device: DeskDevice) -> list[tuple[str, Progress, str]]:
    return [(one.key, one.progress, one.who) for one in device.news] if isinstance(device, Pager) else []


@pytest.fixture
async def following(tmp_path: Path) -> AsyncIterator[Box]:
    """A box whose panel follows its calls."""

    class FollowingBox(Box):
        def _line(self, name: str, capabilities: Capabilities) -> DeskDevice:
            if name != "ward-panel":
                return super()._line(name, capabilities)
            found: list[Pager] = []

            def make(line: object) -> Pager:
                device = Pager(line, replace(capabilities, follows=True))  # type: ignore[arg-type]
                device.news = []
                found.append(device)
                return device

            self.engine.add_line(name, make)
            return found[0]

    box = FollowingBox(tmp_path)
    await settle()
    yield box
    await box.stop()


async def says(
    box: Box, text: str, recipient: str = "", reference: str = "", priority: Priority | None = None
) -> Recorded:
    recorded = await box.engine.report("ward-panel", TextReceived("100", text, recipient, reference, priority))
    await settle()
    return recorded


@pytest.mark.parametrize("recipient", ["doctor", "DOCTOR ", "phone-c", "2002", str(DOCTOR), str(PHONE_C)])
async def test_a_text_reaches_the_person_whom_its_sender_names(box: Box, recipient: str) -> None:
    assert await says(box, "please call back", recipient) is Recorded.FORWARDED
    assert [page.address for page in box.phones.pages] == ["2002"]
    assert box.texts_of(ADMIN) == []


@pytest.mark.parametrize("recipient", ["nobody", "99", "²", "0", "", "9" * 4000])
async def test_a_text_for_somebody_unknown_reaches_the_fallback_recipient_and_the_journal_says_so(
    box: Box, recipient: str
) -> None:
    assert await says(box, "please call back", recipient) is Recorded.FORWARDED
    assert box.texts_of(ADMIN) == ["ward-panel 100: please call back"]
    entry = box.store.journal.latest(1)[0].text
    assert ("there is no recipient" in entry) == bool(recipient)


async def test_a_text_that_is_for_somebody_is_no_answer(box: Box) -> None:
    await box.activates("12")
    assert await box.engine.report("phones", TextReceived("2001", "OK", "doctor")) is Recorded.FORWARDED
    assert box.alarm().accepted_time is None


async def test_the_same_text_from_its_device_is_taken_once(box: Box) -> None:
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.FORWARDED
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.REPEAT
    await box.is_killed()
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.REPEAT
    assert len(box.texts_of(DOCTOR)) == 1
    assert await says(box, "boiler is leaking", "doctor", "call-2") is Recorded.FORWARDED
    assert len(box.texts_of(DOCTOR)) == 2


async def test_a_text_that_was_not_written_is_taken_when_it_comes_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Change) -> None:
        raise StoreUnavailable("the disk takes nothing")

    with monkeypatch.context() as broken:
        broken.setattr(box.engine._core, "carry_out", refuse)
        with pytest.raises(StoreUnavailable):
            await says(box, "boiler is leaking", "doctor", "call-1")
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.FORWARDED
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.REPEAT


async def test_a_reference_is_forgotten_after_a_day(box: Box) -> None:
    await says(box, "boiler is leaking", "doctor", "call-1")
    await box.passes(DAY + 1)
    assert await says(box, "boiler is leaking", "doctor", "call-1") is Recorded.FORWARDED


async def test_a_device_may_say_that_its_references_come_round_sooner(box: Box) -> None:
    text = TextReceived("100", "please come", "doctor", "call-1", known_for=120.0)
    assert await box.engine.report("ward-panel", text) is Recorded.FORWARDED
    await box.passes(119)
    assert await box.engine.report("ward-panel", text) is Recorded.REPEAT
    await box.passes(2)
    assert await box.engine.report("ward-panel", text) is Recorded.FORWARDED
    await box.passes(119)
    assert await box.engine.report("ward-panel", text) is Recorded.REPEAT


async def test_a_repeated_decline_does_not_decline_the_next_step_too(box: Box) -> None:
    await box.activates("12")
    decline = TextReceived("2001", "NO", "", "sms-7")
    assert await box.engine.report("phones", decline) is Recorded.ANSWERED
    assert await box.engine.report("phones", decline) is Recorded.REPEAT
    await settle()
    assert [run.step for run in box.store.paging.escalations_of_alarm(1)] == [2]


async def test_a_text_keeps_the_priority_that_its_sender_gave_it(box: Box) -> None:
    await says(box, "slow", "doctor", priority=Priority.LOW)
    await says(box, "fast", "doctor", priority=Priority.EMERGENCY)
    assert [page.priority for page in box.phones.pages] == [Priority.LOW, Priority.EMERGENCY]


ALARM_KEY_SITE = replace(
    SITE,
    definitions=(*SITE.definitions, AlarmDefinition(2, "panic", PLAN, text="PANIC {sender}: {text}")),
    routes=(*SITE.routes, Route(2, 2, 2, line="ward-panel", address="10*", text="*help*", source="text")),
    contacts=(*SITE.contacts, Contact(50, "porter", "phones", "2050")),
)


async def test_a_route_for_texts_makes_an_alarm_of_what_a_person_writes(tmp_path: Path) -> None:
    box = Box(tmp_path, ALARM_KEY_SITE)
    await settle()
    assert await says(box, "Help me") is Recorded.NEW
    assert (box.alarm().name, box.alarm().active_text) == ("panic", "PANIC 100: Help me")
    assert box.pager.texts == ["PANIC 100: Help me"]
    assert await says(box, "Help me") is Recorded.REPEAT
    assert box.alarm().repeats == 1
    assert await says(box, "hello") is Recorded.FORWARDED
    await box.stop()


async def test_the_same_words_call_again_once_somebody_took_the_first_call(tmp_path: Path) -> None:
    box = Box(tmp_path, ALARM_KEY_SITE)
    await settle()
    assert await says(box, "Help me") is Recorded.NEW
    await box.accepts(NURSE)
    assert await says(box, "Help me") is Recorded.NEW
    assert (box.alarm(1).is_active, box.alarm(2).is_active) == (False, True)
    assert box.pager.texts == ["PANIC 100: Help me"] * 2  # and no reset text between them
    assert "came again" in box.journal(1)[-1]
    await box.stop()


async def test_the_same_words_call_again_after_nobody_came(tmp_path: Path) -> None:
    box = Box(tmp_path, ALARM_KEY_SITE)
    await settle()
    await says(box, "Help me")
    for _ in range(6):
        await box.passes(61)
    assert await says(box, "Help me") is Recorded.NEW
    assert box.store.paging.escalations_of_alarm(2)[0].step == 1
    await box.stop()


async def test_without_such_a_route_a_text_is_no_alarm_not_even_where_a_route_takes_everything(tmp_path: Path) -> None:
    box = Box(tmp_path, replace(SITE, routes=(Route(1, 1, 1),)))
    await settle()
    assert await says(box, "Help me") is Recorded.FORWARDED
    assert box.store.alarms.get(1) is None
    await box.stop()


# --- what the line hears ----------------------------------------------------------------------------------------------


async def test_a_line_that_follows_hears_what_became_of_its_alarm(following: Box) -> None:
    box = following
    box.pager.outcomes = [Receipt(Outcome.RECEIVED)]
    await box.activates("12")
    assert ("12", Progress.DELIVERED, "ward-pager") in heard(box.panel)
    assert ("12", Progress.PAGED, "nurse") in heard(box.panel)
    await box.accepts(NURSE)
    assert heard(box.panel)[-1] == ("12", Progress.ACCEPTED, "nurse")
    await box.resets("12")
    assert heard(box.panel)[-1] == ("12", Progress.CLEARED, "")


async def test_a_line_hears_that_somebody_declined_and_that_nobody_came(following: Box) -> None:
    box = following
    await box.activates("12")
    await box.text("2001", "NO")
    assert heard(box.panel)[-1] == ("12", Progress.PAGED, "doctor")
    assert ("12", Progress.DECLINED, "nurse") in heard(box.panel)
    for _ in range(6):
        await box.passes(60)
    assert ("12", Progress.UNREACHED, "") in heard(box.panel)


async def test_a_line_hears_that_the_way_to_people_is_at_fault_when_no_page_of_a_plan_got_through(
    following: Box,
) -> None:
    box = following
    for device in (box.phones, box.pager):
        device.outcomes = [Receipt(Outcome.REFUSED, "no such phone")] * 30
    await box.activates("12")
    for _ in range(9):
        await box.passes(60)
    told = {progress for _, progress, _ in heard(box.panel)}
    assert told == {Progress.FAILED}


async def test_a_line_hears_of_its_text_by_the_reference_also_after_a_kill(following: Box) -> None:
    box = following
    gate = box.phones.hold_back()
    await says(box, "please call back", "doctor", "tag-9")
    await box.is_killed()
    gate.set()
    await settle()
    assert heard(box.panel) == [("tag-9", Progress.PAGED, "doctor")]
    await box.engine.read(box.user(DOCTOR), box.event_of(DOCTOR))
    assert heard(box.panel)[-1] == ("tag-9", Progress.READ, "doctor")


async def test_a_line_hears_when_every_page_of_its_text_failed(following: Box) -> None:
    box = following
    box.phones.outcomes = [Receipt(Outcome.REFUSED, "no such phone")]
    await says(box, "please call back", "doctor", "tag-9")
    assert heard(box.panel) == [("tag-9", Progress.FAILED, "")]


async def test_a_line_is_told_nothing_that_is_not_on_disk(following: Box) -> None:
    box = following
    box.phones.outcomes = [Receipt(Outcome.SENT, reference="r1")]
    await says(box, "please call back", "doctor", "tag-9")
    box.disk.full = True
    before = heard(box.panel)
    with pytest.raises(NotDurable):
        await box.engine.report("phones", PageConfirmed("r1", PageState.RECEIVED))
    assert heard(box.panel) == before
    box.disk.full = False
    await box.passes(2)
    assert len(heard(box.panel)) == len(before) + 1


async def test_a_driver_that_fails_at_the_news_does_not_stop_the_paging(following: Box) -> None:
    box = following
    box.panel.news = None  # type: ignore[attr-defined]  # so that listening fails
    await box.activates("12")
    assert len(box.pager.texts) == 1
    assert box.store.paging.get(1).state is PageState.SENT  # type: ignore[union-attr]


async def test_a_line_that_does_not_follow_is_told_nothing(box: Box) -> None:
    def told(news: News) -> None:
        raise AssertionError(news)

    box.panel.tell = told  # type: ignore[method-assign]
    await box.activates("12")
    await box.accepts(NURSE)
    assert box.alarm().accepted_by == NURSE


async def test_references_that_are_too_old_leave_the_store(box: Box) -> None:
    await says(box, "boiler is leaking", "doctor", "call-1")
    await box.passes(DAY + 1)
    await says(box, "boiler is leaking", "doctor", "call-2")
    kept = box.store._reader.all("SELECT reference FROM taken_once")
    assert kept == [("call-2",)]


async def test_a_text_is_not_delivered_after_its_sender_has_no_use_for_it(box: Box) -> None:
    box.phones.outcomes = [Receipt(Outcome.FAILED, "not registered")] * 9
    report = TextReceived("100", "coffee is ready", "2002", lifetime=4.0)
    assert await box.engine.report("ward-panel", report) is Recorded.FORWARDED
    await box.passes(600)
    assert len(box.phones.pages) == 2  # at once, and two seconds later
    assert box.store.paging.get(1).state is PageState.FAILED  # type: ignore[union-attr]


@pytest.mark.parametrize("lifetime", [0.0, 1e12])
async def test_a_text_is_sent_at_once_whatever_its_sender_says_and_for_no_longer_than_a_page(
    box: Box, lifetime: float
) -> None:
    before = box.clock.now()
    await box.engine.report("ward-panel", TextReceived("100", "coffee is ready", "2002", lifetime=lifetime))
    await settle()
    (page,) = box.phones.pages
    assert page.expires == before + (1.0 if not lifetime else 1800.0)


async def test_a_text_from_nobody_in_particular_names_its_line(box: Box) -> None:
    await box.engine.report("ward-panel", TextReceived("", "paper is out"))
    assert box.texts_of(ADMIN) == ["ward-panel: paper is out"]
