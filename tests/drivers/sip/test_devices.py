"""Several devices of one user: the preferred ones first (q), the others when these do not take the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.sip.events import PageConfirmedLate, PageDone
from drivers.sip.phone import TextArrived
from gatewayd.driver import Outcome
from gatewayd.simulator import Faults
from tests.drivers.sip.net import PHONE, Site, page

OTHER = ("10.0.0.6", 5062)


class Desk:
    """2001 with a phone that is preferred and one that is not."""

    def __init__(self, q: float = 0.5) -> None:
        self.site = Site()
        self.site.register()
        self.preferred, self.faults = self.site.faults, Faults()
        self.site.register(self.site.add_phone(OTHER, "2001", self.faults))
        registrar, now = self.site.gateway.registrar, self.site.net.now
        found = registrar.current("2001", now)
        ranked = tuple(replace(each, q=q) if each.flow.peer == OTHER else each for each in found)
        registrar.apply("2001", ranked)

    def page(self, text: str = "FIRE") -> None:
        self.site.gateway.send_page(page(text), self.site.net.now)
        self.site.net.run()

    def shown(self) -> tuple[int, int]:
        """How many texts each of the two shows."""
        return len(self.site.of(TextArrived, PHONE)), len(self.site.of(TextArrived, OTHER))

    def outcomes(self) -> list[Outcome]:
        return [event.receipt.outcome for event in self.site.of(PageDone)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_who_is_preferred_and_takes_the_page_is_the_only_one_to_get_it(desk: Desk) -> None:
    desk.page()
    desk.site.net.advance(40)
    assert desk.shown() == (1, 0)
    assert desk.outcomes() == [Outcome.RECEIVED]


def test_devices_of_the_same_rank_get_it_at_once() -> None:
    desk = Desk(q=1.0)
    desk.page()
    assert desk.shown() == (1, 1)


def test_a_refusal_of_the_preferred_one_brings_the_next_one_at_once(desk: Desk) -> None:
    desk.preferred.plan("nak")
    desk.page()
    assert desk.shown() == (0, 1)
    assert desk.outcomes() == [Outcome.RECEIVED]


def test_who_does_not_answer_keeps_the_next_one_waiting_for_half_the_time_only(desk: Desk) -> None:
    desk.preferred.plan("dead")
    desk.page()
    desk.site.net.advance(3.9)
    assert desk.shown() == (0, 0)
    desk.site.net.advance(0.2)
    assert desk.shown() == (0, 1)


def test_who_was_silent_lately_keeps_nobody_waiting_and_is_asked_all_the_same(desk: Desk) -> None:
    desk.preferred.plan("dead")
    desk.faults.plan("dead")
    desk.page("first")
    desk.site.net.advance(40)
    desk.faults.repair("dead")
    desk.page("second")
    assert desk.shown() == (0, 1)
    assert desk.outcomes() == [Outcome.UNKNOWN, Outcome.RECEIVED]
    assert [each.body for each in desk.site.net.requests(PHONE) if each.method == "MESSAGE"][-1] == b"second"


def test_when_all_refuse_the_better_outcome_counts(desk: Desk) -> None:
    object.__setattr__(desk.site.phone.settings, "refuse_with", 603)
    desk.preferred.plan("nak")
    desk.faults.plan("nak")
    desk.page()
    assert desk.outcomes() == [Outcome.FAILED]


@pytest.mark.parametrize("waits", [9.0, 3.0], ids=["after it was given up", "while it is waited for"])
def test_of_two_late_answers_one_is_told_and_none_when_the_page_had_arrived(waits: float) -> None:
    desk = Desk(q=1.0)
    for faults, address in ((desk.preferred, PHONE), (desk.faults, OTHER)):
        faults.plan("late")
        phone = desk.site.net.cores[address]
        object.__setattr__(phone.settings, "late", waits if address == PHONE else 10.0)  # type: ignore[attr-defined]
    desk.page()
    desk.site.net.advance(20)
    late = desk.site.of(PageConfirmedLate)
    assert [event.outcome for event in late] == ([Outcome.RECEIVED] if waits > 8 else [])
    assert desk.outcomes() == [Outcome.UNKNOWN if waits > 8 else Outcome.RECEIVED]
