"""The memory of transactions that are over."""

from __future__ import annotations

import pytest

from drivers.sip.fading import Fading
from drivers.sip.message import parse_message
from drivers.sip.timing import Agenda
from drivers.sip.transactions import client_key
from tests.drivers.sip.net import GATEWAY, PHONE, Site, page
from tests.drivers.sip.samples import request


@pytest.fixture
def agenda() -> Agenda:
    return Agenda()


def test_what_was_kept_ends_at_its_time_or_a_moment_later(agenda: Agenda) -> None:
    fading = Fading[str, int](agenda.at, 100)
    for number in range(10):
        fading.keep(f"key {number}", number, 5.0 + number / 10)
    agenda.run(4.9)
    assert [fading.get(f"key {number}") for number in (0, 9)] == [0, 9]
    agenda.run(5.0)
    assert (fading.get("key 0"), fading.get("key 1")) == (None, 1)
    agenda.run(5.5)
    assert (fading.get("key 5"), fading.get("key 6")) == (None, 6)
    agenda.run(6.5)
    assert (len(fading), len(agenda)) == (0, 0)


def test_however_many_are_kept_there_is_one_timer(agenda: Agenda) -> None:
    fading = Fading[int, int](agenda.at, 1_000)
    for number in range(500):
        fading.keep(number, number, 5.0)
    assert len(agenda) == 1


def test_when_there_are_too_many_the_oldest_go(agenda: Agenda) -> None:
    fading = Fading[int, int](agenda.at, 3)
    for number in range(5):
        fading.keep(number, number, 5.0)
    assert [fading.get(number) for number in range(5)] == [None, None, 2, 3, 4]


def test_heavy_ones_push_out_as_many_as_they_weigh(agenda: Agenda) -> None:
    fading = Fading[str, int](agenda.at, 10)
    for name, weight in (("a", 4), ("b", 3), ("c", 3), ("d", 5), ("e", 2)):
        fading.keep(name, 0, 5.0, weight)
    assert [name for name in "abcde" if fading.get(name) is not None] == ["c", "d", "e"]
    agenda.run(6.0)
    fading.keep("f", 0, 7.0, 10)
    assert fading.get("f") == 0, "what faded weighs nothing"
    fading.keep("g", 0, 7.0, 11)
    assert len(fading) == 0


def test_the_memory_of_an_answer_holds_the_answer_and_nothing_else() -> None:
    site = Site(authenticate=False)
    sent = request("REGISTER", "sip:gateway.local", b"", to="<sip:x@gateway.local>", contact="*", expires="0")
    (first,) = site.hand_in(sent)
    assert site.gateway.layer._servers == {}
    assert site.gateway.layer._by_number == {}
    (again,) = site.hand_in(sent)
    assert again.to_bytes() == first.to_bytes()
    assert site.counters["retransmissions"] == 1


def test_an_answer_that_comes_twice_is_absorbed_until_timer_k_and_stray_afterwards() -> None:
    site = Site()
    site.register()
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    answers = [data for _, target, data in site.net.sent if target == GATEWAY and data.startswith(b"SIP/2.0 200")]
    branch = client_key(parse_message(answers[-1]))[0]  # type: ignore[arg-type]
    assert branch
    before = site.counters["stray_responses"]
    site.hand_in(answers[-1], PHONE)
    assert site.counters["stray_responses"] == before
    site.net.advance(6)
    site.hand_in(answers[-1], PHONE)
    assert site.counters["stray_responses"] == before + 1
