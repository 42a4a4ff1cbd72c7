"""The headers of a push, and what every answer means for the page."""

from __future__ import annotations

import math
import re

import pytest

from drivers.webpush.protocol import LONGEST_TTL, LONGEST_WAIT, Answer, push_headers, readable, receipt_of, topic
from gatewayd.driver import Outcome
from gatewayd.model import NotificationKind, Priority
from tests.drivers.webpush.house import START, page


@pytest.mark.parametrize(
    ("left", "ttl"),
    [
        (600, "600"),
        (59.99, "59"),
        (0, "0"),
        (-5, "0"),
        (1e12, str(LONGEST_TTL)),
        (math.inf, str(LONGEST_TTL)),
        (math.nan, "0"),
    ],
)
def test_push_is_kept_as_long_as_the_page_is_wanted(left: float, ttl: str) -> None:
    assert push_headers(page(expires=START + left), START)["TTL"] == ttl


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [
        (Priority.EMERGENCY, "high"),
        (Priority.HIGH, "high"),
        (Priority.NORMAL, "normal"),
        (Priority.LOW, "normal"),
    ],
)
def test_urgency_follows_the_priority(priority: Priority, urgency: str) -> None:
    assert push_headers(page(priority=priority), START)["Urgency"] == urgency


def test_topic_is_the_same_for_the_same_message_and_only_for_that() -> None:
    event, alarm = NotificationKind.USER_EVENT, NotificationKind.ACTIVE_ALARM
    first = push_headers(page(push=event, id=1, cycle=1), START)["Topic"]
    assert push_headers(page(push=event, id=2, cycle=2), START + 60)["Topic"] == first
    assert push_headers(page(push=event, message_id=2), START)["Topic"] != first
    assert push_headers(page(push=alarm), START)["Topic"] != first  # the event of a message is not its alarm


@pytest.mark.parametrize("kind", ["", NotificationKind.USER_EVENT])
def test_topic_is_one_that_rfc_8030_allows(kind: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", topic(2**63, kind))


ANSWERS = [
    *((status, Outcome.SENT) for status in (200, 201, 202, 204)),
    *((status, Outcome.REFUSED) for status in (301, 307, 308, 400, 401, 403, 404, 405, 410, 411, 413, 418)),
    *((status, Outcome.FAILED) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
]


@pytest.mark.parametrize(("status", "outcome"), ANSWERS)
def test_every_status_has_its_receipt(status: int, outcome: Outcome) -> None:
    receipt = receipt_of(Answer(status, "quota exceeded", "17"), START)
    assert receipt.outcome is outcome
    assert receipt.retry_after == (17 if outcome is Outcome.FAILED else None)
    if outcome is Outcome.SENT:
        assert receipt.detail == ""
    else:
        assert receipt.detail.endswith(f"({status}): quota exceeded")


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "VAPID"), (403, "VAPID"), (404, "deleted"), (410, "deleted"), (413, "too large"), (307, "not followed")],
)
def test_detail_says_what_a_person_can_make_of_it(status: int, word: str) -> None:
    assert word in receipt_of(Answer(status), START).detail


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", 120), (" 5 ", 5), ("0", 0), ("999999999999999", LONGEST_WAIT), ("86400", LONGEST_WAIT),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60), ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("", None), ("soon", None), ("-3", None), ("1.5", None), ("٣", None), ("9" * 5000, LONGEST_WAIT),
    ],
)  # fmt: skip
def test_wish_of_the_service_is_understood_in_both_forms_and_bounded(text: str, wait: float | None) -> None:
    assert receipt_of(Answer(503, retry_after=text), START).retry_after == wait


def test_words_of_a_service_are_one_bounded_line_without_secrets() -> None:
    said = readable("no\r\n\x1b[2J such\x00 token /push/abc " + "x" * 500, "/push/abc", "")
    assert said.startswith("no [2J such token *** xxx")
    assert len(said) == 100
