"""Level 3 of RFC 1861: a message that is followed, and what becomes of it."""

from __future__ import annotations

import pytest

from drivers.snpp.draft import Pager, ReplyType, Wishes
from drivers.snpp.protocol import (
    CommandRefused,
    MessageSubmitted,
    TagGivenUp,
)
from drivers.snpp.tags import MOST_TAGS, Tag, TagBook
from tests.drivers.snpp.dialogue import codes, events, new, said, submitted


def followed(**changes: object) -> Tag:
    values = {"number": "12345678", "pass_code": "654321", "time": 1_700_000_000.0, "expires": 100.0} | changes
    return Tag(**values)  # type: ignore[arg-type]


def book(*tags: Tag) -> TagBook:
    found = TagBook({})
    for tag in tags:
        found.keep(tag)
    return found


def test_a_two_way_message_says_what_its_client_wants_to_know() -> None:
    session = new()
    wishes = ("ACKR 1", "RTYP multichoice", "MCRE 1 Accept", "MCRE 02 Busy now", "EXPT 2")
    assert codes(session, "2WAY", "PAGE 1", "MESS a", *wishes) == ["250", "850", "250"] + ["250"] * 5
    assert codes(session, "SEND") == []
    wanted = Wishes(read=True, reply=ReplyType.CHOICE, choices={"1": "Accept", "02": "Busy now"}, lifetime=7200.0)
    assert submitted(session) == MessageSubmitted(0, (Pager("1"),), "a", "", wanted)
    session.settle(0.0, "960 1 2 queued", recorded=True)
    assert codes(session, "PAGE 1", "PAGE 2", "MESS a", "SEND") == ["960", "250", "250", "250"]
    assert submitted(session).two_way is None


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("2WAY", "2WAY"), "503"),
        (("PAGE 1", "2WAY"), "503"),
        (("2WAY", "PAGE 1", "PAGE 2"), "552"),
        (("2WAY", "PAGE 9"), "550"),
        (("2WAY", "SEND"), "503"),
        (("2WAY", "NOQU"), "550"),
        (("2WAY", "ACKR 2"), "550"),
        (("2WAY", "RTYP WHATEVER"), "550"),
        (("2WAY", "EXPT 0"), "550"),
        (("2WAY", "EXPT 169"), "550"),
        (("2WAY", "EXPT \u00b2"), "550"),
        (("2WAY", "MCRE 1"), "550"),
        (("2WAY", "MCRE 100 x"), "550"),
        (("2WAY", "MCRE 1 " + "x" * 41), "550"),
        (("2WAY", "MCRE 1 a", "MCRE 1 b"), "502"),
        (("2WAY", *[f"MCRE {number} a" for number in range(17)]), "552"),
        (("ACKR 1",), "503"),
        (("RTYP NONE",), "503"),
        (("MCRE 1 a",), "503"),
        (("EXPT 1",), "503"),
        (("PING 9",), "550"),
        (("MSTA 1 2",), "550"),
        (("MSTA 12345678 0",), "550"),
        (("MSTA 12345678",), "550"),
        (("KTAG 12345678 0",), "550"),
    ],
)
def test_what_level_3_cannot_do_is_refused(lines: tuple[str, ...], code: str) -> None:
    session = new(book(followed()), pagers=frozenset({"1", "2"}))
    assert codes(session, *lines)[-1] == code
    assert events(session)[-1] == CommandRefused()


def test_the_only_type_that_net_snpp_can_say_asks_for_an_answer() -> None:
    session = new()
    assert codes(session, "2WAY", "PAGE 1", "MESS a", "RTYP 1", "SEND") == ["250", "850", "250", "250"]
    wanted = submitted(session).two_way
    assert wanted is not None
    assert wanted.reply_type is ReplyType.YES_NO


def test_where_level_3_is_not_offered_it_is_refused() -> None:
    assert codes(new(two_way=False), "2WAY", "ACKR 1") == ["550", "550"]


def test_where_logins_are_asked_for_nobody_looks_at_messages_without_one() -> None:
    session = new(book(followed()), logins={"it": "secret"})
    assert codes(session, "2WAY", "PING 1", "MSTA 12345678 654321", "KTAG 12345678 654321") == ["550"] * 4
    assert codes(session, "LOGI it secret", "PING 1", "MSTA 12345678 654321") == ["250", "821", "960"]


def test_a_reset_ends_the_two_way_message_too() -> None:
    assert codes(new(), "2WAY", "PAGE 1", "RESE", "PAGE 1", "ACKR 1") == ["250", "850", "250", "250", "503"]


def test_the_status_has_a_number_and_a_time_of_the_world() -> None:
    assert said(new(book(followed(sequence=3))), "MSTA 12345678 654321") == [
        "960 3 231114221320+0 message queued, awaiting delivery"
    ]


def test_a_tag_is_unknown_when_its_time_is_over() -> None:
    session = new(book(followed(expires=50.0)))
    assert said(session, "MSTA 12345678 654321", now=49.0)[0].startswith("960")
    assert said(session, "MSTA 12345678 654321", now=50.0)[0].startswith("550")


def test_a_tag_that_is_given_up_is_answered_when_it_is_forgotten_on_disk() -> None:
    session = new(book(followed()))
    said(session, "2WAY", "PAGE 1", "MESS a")
    assert codes(session, "KTAG 12345678 654321") == []
    assert events(session) == [TagGivenUp("12345678")]
    session.settle(0.0, "250 gone", recorded=True)
    assert session.data_to_send() == b"250 gone\r\n"
    said(session, "SEND")
    assert submitted(session).text == "a"


def test_no_more_messages_are_followed_than_the_line_can_keep() -> None:
    tags = book(*[followed(number=str(number)) for number in range(MOST_TAGS)])
    assert codes(new(tags), "2WAY") == ["550"]


def test_pass_codes_do_not_show_in_tags() -> None:
    assert "654321" not in repr(followed())
