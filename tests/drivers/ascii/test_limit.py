"""Patterns that take too long: the loop goes on, and the line goes to a person."""

from __future__ import annotations

import gc
import re
import signal
import sys
import threading
import time
from typing import Any

import pytest

from drivers.ascii.events import RecordReceived
from drivers.ascii.limit import LIMIT, TimeLimit
from drivers.ascii.patience import MOST_GIVEN_UP, TooSlowError
from drivers.ascii.protocol import Receiver
from gatewayd.clock import settle
from gatewayd.model import AlarmActivated
from tests.drivers.ascii.samples import line, try_rules
from tests.drivers.ascii.site import Site

# What no configuration may hold, and what the check of patterns cannot see, each with a line that makes it explode.
PATHOLOGICAL = [
    (r"(a+)+$", "a" * 60 + "b"),
    (r"(a|aa)+$", "a" * 80 + "b"),
    (r"(?:\S+ ?)*x", "ab " * 300),
    (r".*\d.*\d.*\d.*\d.*\d.*x", "1 " * 512),
    (r"\S*\S*\S*\S*\S*\S*x", "a" * 1024),
    (r"(\w*)(\w*)(\w*)(\w*)\1\2\3\4x", "ab" * 512),
    (r"(?=(\S*\S*\S*\S*\S*x))", "a" * 1024),
]
SLOW = r"^\S*\S*\S*\S*\S*\S*[xy]"  # no repetition inside another one, and no `.*`: it passes the check of patterns
HOSTILE = "a" * 250


@pytest.mark.parametrize(("pattern", "text"), PATHOLOGICAL)
def test_search_that_takes_too_long_is_given_up_by_name(pattern: str, text: str) -> None:
    started = time.process_time()
    with TimeLimit() as patience:
        assert patience.ask("this one", re.compile(pattern).search, text) is None
    assert patience.given_up == ["this one"]
    assert patience.exhausted
    assert time.process_time() - started < 10 * LIMIT


def test_timer_runs_only_while_patterns_are_asked() -> None:
    with TimeLimit() as patience:
        assert signal.getitimer(signal.ITIMER_VIRTUAL)[1] == pytest.approx(LIMIT / 2)
        assert patience.ask("quick", re.compile("a").search, "a") is not None
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert (patience.given_up, patience.exhausted) == ([], False)


def test_after_some_slow_patterns_no_further_one_is_asked() -> None:
    asked: list[str] = []

    def gives_up(text: str) -> None:
        asked.append(text)
        raise TooSlowError

    with TimeLimit() as patience:
        for _ in range(5):
            patience.ask("slow", gives_up, "x")
    assert len(asked) == len(patience.given_up) == MOST_GIVEN_UP
    with patience:
        assert not patience.exhausted
        assert patience.ask("again", str.upper, "x") == "X"


class Ticking:
    """A pattern whose search is met by ticks of the timer, here and in code that runs meanwhile."""

    def __init__(self, limit: TimeLimit, *, ticks: int) -> None:
        self.limit = limit
        self.ticks = ticks

    def search(self, text: str) -> str:
        here = sys._getframe()
        for _ in range(5):
            self.limit.tick(here)  # a finalizer, say
        self.limit.asking = False
        for _ in range(5):
            self.limit.tick(here.f_back)  # just before the search, or after it
        self.limit.asking = True
        for _ in range(self.ticks):
            self.limit.tick(here.f_back)
        return text


def test_search_is_left_at_the_second_tick_that_meets_it_and_nothing_else_is_interrupted() -> None:
    with TimeLimit() as limit:
        limit.tick(sys._getframe())
        limit.tick(None)
        assert limit.ask("quick", Ticking(limit, ticks=1).search, "x") == "x"
        assert limit.ask("another", Ticking(limit, ticks=1).search, "x") == "x"
        assert limit.ask("slow", Ticking(limit, ticks=2).search, "x") is None
        assert limit.ask("quick again", Ticking(limit, ticks=1).search, "x") == "x"
    assert limit.given_up == ["slow"]


def test_many_quick_searches_that_take_long_together_are_all_answered() -> None:
    pattern = re.compile(r"^\S+ \S+ x")
    started = time.process_time()
    with TimeLimit(0.002) as patience:
        while time.process_time() - started < 0.2:
            assert patience.ask("quick", pattern.search, "FIRE ZONE 3 ROOM 214") is None
    assert patience.given_up == []


def test_finalizer_that_runs_meanwhile_is_not_interrupted() -> None:
    finished: list[bool] = []

    class Garbage:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
            finished.append(True)

    def search(text: str) -> str:
        Garbage()
        gc.collect()
        return text

    with TimeLimit(0.01) as patience:
        patience.ask("with garbage", search, "x")
    assert finished == [True]


def test_in_another_thread_nothing_is_interrupted_and_nothing_breaks() -> None:
    found: list[Any] = []

    def work() -> None:
        with TimeLimit(0.001) as patience:
            found.append(patience.ask("long", re.compile(r"(?:a?){18}a{18}").search, "a" * 18))
            found.append(signal.getitimer(signal.ITIMER_VIRTUAL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] is not None
    assert found[1] == (0.0, 0.0)


# --- what becomes of the line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        [{"match": SLOW}],
        [{"match": SLOW}, {"match": ".", "kind": "ignore"}],
        [{"match": SLOW}, {"match": "^a", "kind": "reset", "key": "3"}],
        [{"match": SLOW}, {"match": "^a", "kind": "reset_all"}],
        [{"match": SLOW, "kind": "ignore"}],
    ],
)
@pytest.mark.parametrize("unmatched", ["alarm", "count"])
def test_line_that_the_rules_could_not_judge_in_time_is_an_alarm_and_ends_none(
    rules: list[dict[str, Any]], unmatched: str
) -> None:
    (result,) = try_rules(line(rules=rules, unmatched=unmatched), HOSTILE + "\n")
    (report,) = result.reports
    assert isinstance(report, AlarmActivated)
    assert (report.text, result.given_up) == (HOSTILE, ("rule 1",))


def test_alarm_that_a_later_rule_finds_in_such_a_line_is_that_alarm() -> None:
    rules = [{"match": SLOW}, {"match": "^a", "key": "3", "text": "FIRE"}]
    (result,) = try_rules(line(rules=rules), HOSTILE + "\n")
    (report,) = result.reports
    assert isinstance(report, AlarmActivated)
    assert (report.key, report.text) == ("3", "FIRE")


@pytest.mark.parametrize("slow", [{"ignore": [SLOW]}, {"first_line": SLOW}])
def test_patterns_that_are_no_rules_are_given_up_as_well(slow: dict[str, Any]) -> None:
    receiver = Receiver(line(slow, rules=[{"match": "^a", "text": "FIRE"}]).config, 0.0)
    started = time.process_time()
    receiver.receive_data(f"{HOSTILE}\n".encode() * 40, 0.0)
    receiver.flush(1.0)
    records = [event.text for event in iter(receiver.next_event, None) if isinstance(event, RecordReceived)]
    assert records == [HOSTILE] * 40
    assert time.process_time() - started < 10 * MOST_GIVEN_UP * LIMIT


async def test_loop_goes_on_while_a_line_is_flooded_with_hostile_text() -> None:
    site = Site({"rules": [{"match": SLOW}, {"match": "^FIRE (?P<key>\\d)"}]})
    await site.start()
    started = time.process_time()
    await site.says(*[HOSTILE] * 5, "FIRE 3")
    await settle()
    assert time.process_time() - started < 5 * 6 * LIMIT
    assert site.gateway.alarms == [HOSTILE] * 5 + ["FIRE 3"]
    assert site.gateway.counts["slow_patterns"] == 5
    await site.stop()
