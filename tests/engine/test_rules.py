"""The pure rules, one table each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.driver import Outcome, Receipt
from gatewayd.engine import answers, bounds, delivery, escalation, routing, supervision
from gatewayd.engine.change import Policy
from gatewayd.engine.directory import Directory
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    Answer,
    Escalation,
    EscalationState,
    Event,
    Group,
    MsgStatus,
    Page,
    PageState,
    Plan,
    Priority,
    Route,
    Site,
    Step,
)
from tests.engine.conftest import DOCTOR, NIGHT, NURSE, PLAN, SITE

RUN = Escalation(1, 1, PLAN, 1, 1, 0.0, Priority.NORMAL)
PAGE = Page(1, 1, "pager", "2001", "T", Priority.NORMAL, 0.0, 0.0, 1800.0, 0.0, user_id=NURSE, cycle=1, step=1)
POLICY = Policy(retry_waits=(2.0, 5.0), unknown_attempts=2)
CALL = AlarmActivated("3-12", "ROOM 12", "99", fields={"bed": "2", "text": "forged"})

# --- escalation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "cycle", "cycles", "reaching", "expected"),
    [
        (1, 1, 2, "abc", (2, 1)),
        (3, 1, 2, "abc", (1, 2)),
        (3, 2, 2, "abc", None),
        (3, 9, 0, "abc", (1, 10)),
        (1, 1, 2, "ac", (3, 1)),
        (1, 1, 2, "a", (1, 2)),
        (1, 2, 2, "a", None),
        (1, 1, 0, "", None),
    ],
)
def test_the_next_step_is_the_next_that_reaches_anybody(
    step: int, cycle: int, cycles: int, reaching: str, expected: tuple[int, int] | None
) -> None:
    steps = (Step((1,), 10.0), Step((2,), 20.0), Step((3,), 30.0))
    reached = {steps["abc".index(letter)] for letter in reaching}
    plan = Plan(PLAN, "p", steps, cycles)
    run, paged = escalation.advance(replace(RUN, step=step, cycle=cycle), plan, 100.0, lambda one: one in reached)
    if expected is None:
        assert (run.state, paged) == (EscalationState.EXHAUSTED, None)
    else:
        assert (run.step, run.cycle) == expected
        assert paged == steps[run.step - 1]
        assert run.due == 100.0 + paged.wait


def test_a_plan_starts_with_its_first_step_and_one_without_steps_is_exhausted() -> None:
    plan = Plan(PLAN, "p", (Step((1,), 10.0),))
    assert escalation.start(RUN, plan, 5.0, lambda _: True).escalation.due == 15.0
    assert escalation.start(RUN, replace(plan, steps=()), 5.0, lambda _: True).step is None


# --- delivery -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "attempts", "state", "due"),
    [
        (Outcome.SENT, 0, PageState.SENT, 0.0),
        (Outcome.RECEIVED, 0, PageState.RECEIVED, 0.0),
        (Outcome.READ, 0, PageState.READ, 0.0),
        (Outcome.REFUSED, 0, PageState.FAILED, 0.0),
        (Outcome.FAILED, 0, PageState.QUEUED, 102.0),
        (Outcome.FAILED, 1, PageState.QUEUED, 105.0),
        (Outcome.FAILED, 99, PageState.QUEUED, 105.0),
        (Outcome.UNKNOWN, 0, PageState.QUEUED, 102.0),
        (Outcome.UNKNOWN, 1, PageState.UNKNOWN, 0.0),
    ],
)
def test_a_receipt_ends_a_page_or_queues_it_again(
    outcome: Outcome, attempts: int, state: PageState, due: float
) -> None:
    moved = delivery.settle(replace(PAGE, attempts=attempts), Receipt(outcome, "word"), 100.0, POLICY)
    assert (moved.state, moved.due, moved.attempts, moved.detail) == (state, due, attempts + 1, "word")


def test_a_device_may_ask_for_a_longer_wait_but_not_beyond_the_end() -> None:
    later = delivery.settle(PAGE, Receipt(Outcome.FAILED, retry_after=60.0), 100.0, POLICY)
    assert later.due == 160.0
    for odd in (float("nan"), -5.0):
        assert delivery.settle(PAGE, Receipt(Outcome.FAILED, retry_after=odd), 100.0, POLICY).due == 102.0
    away = delivery.settle(PAGE, Receipt(Outcome.FAILED, "busy", retry_after=float("inf")), 100.0, POLICY)
    assert (away.state, away.due) == (PageState.QUEUED, PAGE.expires)  # it may be back before
    never = delivery.settle(PAGE, Receipt(Outcome.FAILED, "busy"), PAGE.expires - 1.0, POLICY)
    assert (never.state, never.detail) == (PageState.FAILED, "busy (expired)")


@pytest.mark.parametrize("state", [PageState.WITHDRAWN, PageState.UNKNOWN])
def test_a_page_that_was_taken_back_is_not_tried_again(state: PageState) -> None:
    taken = replace(PAGE, state=state)
    assert delivery.settle(taken, Receipt(Outcome.FAILED), 100.0, POLICY).state is state
    assert delivery.settle(taken, Receipt(Outcome.SENT), 100.0, POLICY).state is PageState.SENT


@given(st.lists(st.sampled_from(PageState), max_size=6))
def test_a_delivered_page_stays_delivered_whatever_its_device_says_later(words: list[PageState]) -> None:
    page = replace(PAGE, state=PageState.RECEIVED)
    for word in words:
        page = delivery.confirm(page, word, "x")
    assert page.state is (PageState.READ if PageState.READ in words else PageState.RECEIVED)


def test_the_next_way_is_the_one_right_behind_if_it_is_still_held() -> None:
    ways = [replace(PAGE, id=way + 1, way=way, held=way > 0) for way in range(3)]
    assert delivery.next_way(ways[0], ways) == ways[1]
    taken = replace(ways[1], held=False, state=PageState.SENT)
    assert delivery.next_way(ways[0], [ways[0], taken, ways[2]]) is None
    assert delivery.next_way(taken, [ways[0], taken, ways[2]]) == ways[2]
    assert delivery.next_way(replace(ways[0], cycle=2), ways) == ways[1]
    assert delivery.next_way(replace(ways[0], user_id=None), ways) is None
    assert delivery.next_way(ways[0], [replace(way, user_id=DOCTOR) for way in ways]) is None


@pytest.mark.parametrize(
    ("before", "states", "after"),
    [
        (MsgStatus.QUEUED, (), MsgStatus.QUEUED),
        (MsgStatus.QUEUED, (PageState.QUEUED,), MsgStatus.QUEUED),
        (MsgStatus.QUEUED, (PageState.FAILED, PageState.QUEUED), MsgStatus.QUEUED),
        (MsgStatus.QUEUED, (PageState.FAILED, PageState.FAILED), MsgStatus.ERROR_SEND),
        (MsgStatus.ERROR_SEND, (PageState.FAILED, PageState.SENT), MsgStatus.SENT),
        (MsgStatus.QUEUED, (PageState.UNKNOWN,), MsgStatus.SENT),
        (MsgStatus.RECEIVED, (PageState.SENT,), MsgStatus.RECEIVED),
        (MsgStatus.SENT, (PageState.READ,), MsgStatus.READ),
        (MsgStatus.ACKNOWLEDGE, (PageState.FAILED,), MsgStatus.ACKNOWLEDGE),
        (MsgStatus.QUEUED_DELETE, (PageState.READ,), MsgStatus.QUEUED_DELETE),
    ],
)
def test_an_event_follows_its_pages_upwards(before: MsgStatus, states: tuple[PageState, ...], after: MsgStatus) -> None:
    event = Event(1, NURSE, 1, before, 0.0)
    others = [replace(PAGE, user_id=DOCTOR, state=PageState.READ), replace(PAGE, message_id=2, state=PageState.READ)]
    assert delivery.event_status(event, [*others, *(replace(PAGE, state=state) for state in states)]) is after


@pytest.mark.parametrize(
    ("states", "failed"),
    [((), False), (("failed",), True), (("failed", "failed"), True), (("failed", "queued"), False), (("sent",), False)],
)
def test_a_step_has_failed_when_all_its_pages_have(states: tuple[str, ...], *, failed: bool) -> None:
    pages = [replace(PAGE, state=PageState(state)) for state in states]
    assert delivery.step_failed([*pages, replace(PAGE, step=2, state=PageState.FAILED)], 1, 1) is failed


# --- answers --------------------------------------------------------------------------------------------------------

YES, NO = Answer.ACCEPT, Answer.DECLINE


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("OK", (YES, None)),
        ("ok.", (YES, None)),
        (" 1 ", (YES, None)),
        ("#4711", (YES, 4711)),
        ("JA 4711", (YES, 4711)),
        ("ack: #12!", (YES, 12)),
        ("1 #12", (YES, 12)),
        ("1 12", (YES, 12)),
        ("2", (NO, None)),
        ("no #7", (NO, 7)),
        ("Nein", (NO, None)),
        ("", None),
        ("112", None),
        ("4711", None),
        ("12", None),
        ("21", None),
        ("perhaps", None),
        ("no, but I am near", None),
        ("OK OK", None),
        ("#", None),
        ("OK #1234567890123456", None),
        ("O K", None),
        ("\u0661", None),
        ("OK" + " " * 100, (YES, None)),
        ("OK" + " " * 100 + "#1", None),
    ],
)
def test_a_text_is_an_answer_only_when_it_is_nothing_else(text: str, answer: tuple[Answer, int | None] | None) -> None:
    assert answers.parse(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("приду", (YES, None)),
        ("KOMME 12", (YES, 12)),
        ("5 #12", (YES, 12)),
        ("512", None),
        ("unMÖGLICH", (NO, None)),
        ("OK", None),
        ("1", None),
    ],
)
def test_the_words_of_a_site_take_the_place_of_the_common_ones(
    text: str, answer: tuple[Answer, int | None] | None
) -> None:
    words = answers.Words.of(("Приду", "komme", "5"), ("Unmöglich",))
    assert answers.parse(text, words) == answer


@settings(max_examples=200)
@given(st.text(max_size=60) | st.text("OKNO12#. \t", max_size=20))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parsed = answers.parse(text)
    assert parsed is None or parsed.code is None or 0 <= parsed.code < 10**15


# --- routing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "value", "fitting"),
    [
        ("", "anything", True),
        ("ward", "WARD", True),
        ("ward", "ward-1", False),
        ("ward*", "ward-1", True),
        ("*panel", "ward-panel", True),
        ("w*p*l", "ward-panel", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab*", "ab", False),
        ("*ab*ab*", "xababx", True),
        ("*", "", True),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("*\n*", "a\nb", True),
    ],
)
def test_a_star_stands_for_any_run_of_characters(pattern: str, value: str, *, fitting: bool) -> None:
    assert routing.fits(pattern, value) is fitting


@settings(max_examples=200)
@given(st.text("ab*", max_size=6), st.text("ab", max_size=10))
def test_patterns_agree_with_the_naive_reading(pattern: str, value: str) -> None:
    def naive(pattern: str, value: str) -> bool:
        if not pattern:
            return not value
        if pattern[0] == "*":
            return any(naive(pattern[1:], value[start:]) for start in range(len(value) + 1))
        return value[:1] == pattern[0] and naive(pattern[1:], value[1:])

    assert routing.fits(pattern, value) is (not pattern or naive(pattern, value))


def test_a_hostile_text_does_not_slow_a_pattern_down() -> None:
    assert not routing.fits("*a*a*a*a*a*a*a*a*b", "a" * 200_000)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{text} bed {bed}", "ROOM 12 bed 2"),
        ("{line}/{key}/{address}", "panel/3-12/99"),
        ("{unknown} {text!r} {0}", "{unknown} {text!r} {0}"),
        ("   ", "panel: 3-12"),
        ("{text}" * 1000, ("ROOM 12" * 1000)[:2000]),
    ],
)
def test_a_template_takes_the_reports_own_words(template: str, text: str) -> None:
    assert routing.fill(template, "panel", CALL) == text


def test_the_first_route_that_covers_the_report_and_still_leads_somewhere_counts() -> None:
    definitions = (AlarmDefinition(2, "call", NURSE, "{text}!"), AlarmDefinition(3, "other", DOCTOR))
    routes = (
        Route(1, 1, 99, line="panel"),
        Route(2, 2, 3, line="panel", source="fault"),
        Route(3, 3, 3, address="98"),
        Route(4, 4, 2, line="pan*", text="room*"),
        Route(5, 5, 3),
    )
    directory = Directory(Site(definitions=definitions, routes=routes, fallback_id=7))
    matched = routing.match("panel", CALL, directory)
    assert (matched.name, matched.recipient_id, matched.text) == ("call", NURSE, "ROOM 12!")
    assert routing.match("panel", replace(CALL, fault=True), directory).name == "other"


def test_what_no_route_covers_goes_to_the_fallback_with_its_raw_text() -> None:
    matched = routing.match("panel", replace(CALL, priority=Priority.LOW), Directory(Site(fallback_id=7)))
    assert (matched.recipient_id, matched.text, matched.priority) == (7, "panel: ROOM 12", Priority.LOW)
    assert routing.match("panel", replace(CALL, fault=True), Directory(Site())).priority is Priority.HIGH


@pytest.mark.parametrize(
    ("defined", "reported", "expected"),
    [
        (Priority.EMERGENCY, Priority.LOW, Priority.EMERGENCY),
        (Priority.LOW, Priority.EMERGENCY, Priority.LOW),
        (None, Priority.HIGH, Priority.HIGH),
        (None, None, Priority.NORMAL),
    ],
)
def test_the_site_says_how_urgent_an_alarm_is_and_the_device_where_the_site_does_not(
    defined: Priority | None, reported: Priority | None, expected: Priority
) -> None:
    site = Site(definitions=(AlarmDefinition(1, "call", NURSE, priority=defined),), routes=(Route(1, 1, 1),))
    assert routing.match("panel", replace(CALL, priority=reported), Directory(site)).priority is expected


# --- directory, supervision, bounds -----------------------------------------------------------------------------------


def test_groups_within_groups_are_resolved_once_and_cycles_end() -> None:
    groups = (Group(NIGHT, "night", (20, NURSE, 404)), Group(20, "inner", (NIGHT, DOCTOR, NURSE, PLAN, 1)))
    targets = Directory(replace(SITE, groups=groups)).expand((NIGHT, 20, NURSE))
    assert [user.id for user in targets.users] == [DOCTOR, NURSE]
    assert [plan.id for plan in targets.plans] == [PLAN]
    assert [contact.id for contact in targets.contacts] == [1]
    assert not Directory(replace(SITE, groups=groups)).expand((404,))


def test_a_line_is_tried_again_soon_and_never_later_than_five_seconds() -> None:
    waits = [supervision.back_off(failures) for failures in range(1, 50)]
    assert waits[0] <= 0.5
    assert waits == sorted(waits)
    assert max(waits) <= 5.0


@given(st.text(max_size=400), st.text(max_size=400))
def test_identities_stay_apart_and_stay_themselves(one: str, other: str) -> None:
    assert (bounds.identity(one) == bounds.identity(other)) == (one == other)
    assert len(bounds.identity(one)) <= bounds.LONGEST_NAME
    assert bounds.identity(bounds.identity(one)) == bounds.identity(one)
    bounds.identity(one).encode()
