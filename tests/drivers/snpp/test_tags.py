"""What a followed message says of itself, whatever becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.snpp.draft import ReplyType, Wishes
from drivers.snpp.tags import PREFIX, Stage, Tag, TagBook
from gatewayd.driver import Progress

PAGED, DELIVERED, READ = Progress.PAGED, Progress.DELIVERED, Progress.READ
ACCEPTED, DECLINED, UNREACHED, CLEARED = Progress.ACCEPTED, Progress.DECLINED, Progress.UNREACHED, Progress.CLEARED
CHOICES = {"1": "Accept", "2": "Decline"}


def tag(**wishes: Any) -> Tag:  # noqa: ANN401 - any wish
    return Tag.of("12345678", "654321", Wishes(**wishes), 1_700_000_000.0, 100.0)


def after(found: Tag, *news: Progress) -> str:
    """Return the code of the status after some news, and the words of an answer."""
    for progress in news:
        found = found.moved(progress, "Anna", found.time + 1)
    code, _, _, words = found.status.split(" ", 3)
    return f"{code} {words}" if code in {"888", "889"} else code


@pytest.mark.parametrize(
    ("wishes", "news", "status"),
    [
        ({}, (), "960"),
        ({}, (PAGED,), "960"),
        ({}, (PAGED, DELIVERED), "880"),
        ({"read": True}, (DELIVERED,), "860"),
        ({"reply": ReplyType.YES_NO}, (DELIVERED,), "861"),
        ({}, (DELIVERED, READ), "881"),
        ({"read": True}, (READ,), "881"),
        ({"reply": ReplyType.TEXT}, (READ,), "870"),
        ({"read": True}, (ACCEPTED,), "881"),
        ({"reply": ReplyType.YES_NO}, (ACCEPTED,), "889 YES"),
        ({"reply": ReplyType.YES_NO}, (DECLINED,), "889 NO"),
        ({"choices": CHOICES}, (DELIVERED, READ, ACCEPTED), "888 1 Accept"),
        ({"choices": CHOICES}, (DECLINED,), "888 2 Decline"),
        ({"choices": CHOICES}, (DECLINED, ACCEPTED), "888 1 Accept"),
        ({"choices": CHOICES}, (ACCEPTED, DECLINED, READ, DELIVERED, UNREACHED), "888 1 Accept"),
        ({"reply": ReplyType.YES_NO, "choices": CHOICES}, (DECLINED,), "888 2 Decline"),
        ({"reply": ReplyType.NONE, "choices": CHOICES}, (ACCEPTED,), "881"),
        ({}, (UNREACHED,), "780"),
        ({}, (Progress.FAILED,), "780"),
        ({}, (UNREACHED, DELIVERED), "880"),
        ({}, (DELIVERED, UNREACHED), "880"),
        ({"choices": CHOICES}, (DELIVERED, READ, UNREACHED), "780"),
        ({"choices": CHOICES}, (UNREACHED, ACCEPTED), "888 1 Accept"),
        ({"choices": CHOICES}, (CLEARED,), "870"),
    ],
)
def test_news_move_the_status(wishes: dict[str, Any], news: tuple[Progress, ...], status: str) -> None:
    assert after(tag(**wishes), *news) == status


def test_the_end_of_an_alarm_that_nobody_ended_says_nothing_of_its_message() -> None:
    found = tag()
    assert found.moved(CLEARED, "", 5.0) is found


def test_every_move_has_a_number_and_a_time() -> None:
    found = tag().moved(DELIVERED, "Anna", 1_700_000_100.0)
    assert (found.sequence, found.time, found.who) == (1, 1_700_000_100.0, "Anna")
    assert found.moved(DELIVERED, "Bert", 1_700_000_200.0) is found
    assert found.status == "880 1 231114221500+0 delivered"


@pytest.mark.parametrize(
    ("choices", "accepted", "declined"),
    [
        ({"1": "Acknowledge", "2": "Decline", "3": "Escalate"}, "888 1 Acknowledge", "888 2 Decline"),
        ({"1": "Decline", "2": "Accept"}, "888 2 Accept", "888 1 Decline"),
        ({"7": "Nein", "8": "Ja"}, "888 8 Ja", "888 7 Nein"),
        ({"1": "Not now", "2": "Noted"}, "888 2 Noted", "888 1 Not now"),
        ({"1": "On my way", "2": "Later"}, "888 1 On my way", "888 2 Later"),
        ({"1": "OK"}, "888 1 OK", "889 NO"),
        ({"1": "no"}, "889 YES", "888 1 no"),
        ({"1": "Übernehme"}, "888 1 ?bernehme", "889 NO"),
        ({"1": "Yes", "2": "Somebody else"}, "888 1 Yes", "888 2 Somebody else"),
    ],
)
def test_answers_are_the_choices_of_the_client(choices: dict[str, str], accepted: str, declined: str) -> None:
    found = tag(choices=choices)
    assert (after(found, ACCEPTED), after(found, DECLINED)) == (accepted, declined)


@settings(deadline=None)
@given(st.lists(st.sampled_from(Progress), max_size=8), st.sampled_from([None, *ReplyType]), st.booleans())
def test_a_tag_that_was_remembered_is_the_same(news: list[Progress], reply: ReplyType | None, read: bool) -> None:  # noqa: FBT001
    found = tag(reply=reply, read=read, choices=CHOICES)
    for progress in news:
        found = found.moved(progress, "Ä", found.time + 1)
    assert Tag.from_json("12345678", json.loads(json.dumps(found.to_json()))) == found


def test_the_memory_of_a_line_keeps_tags_and_what_is_none_is_left_alone() -> None:
    found = tag()
    book = TagBook({PREFIX + "12345678": found.to_json(), PREFIX + "9": {"pass": "1"}, "other": 3, PREFIX + "8": None})
    assert book.find("12345678", "654321", 0.0) == found
    assert "9" not in book
    assert "8" not in book
    assert book.find("12345678", "654320", 0.0) is None


def test_changes_are_what_has_to_be_remembered() -> None:
    book = TagBook({})
    assert book.keep(tag()) == {"tag 12345678": tag().to_json()}
    assert book.tell("12345678", DELIVERED, "Anna", 5.0)["tag 12345678"]["stage"] == Stage.DELIVERED
    assert book.tell("12345678", DELIVERED, "Anna", 6.0) == {}
    assert book.tell("87654321", DELIVERED, "Anna", 6.0) == {}
    assert (book.expire(99.0), book.expire(100.0)) == ({}, {"tag 12345678": None})
    assert book.drop("12345678") == {}
