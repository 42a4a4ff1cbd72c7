from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.snpp.draft import Pager
from drivers.snpp.protocol import (
    MAX_ERRORS,
    MAX_LINE,
    MAX_WAITING,
    CommandRefused,
    LoginRefused,
    MessageSubmitted,
    Rules,
    SessionEnded,
    State,
)
from gatewayd.model import Priority
from tests.drivers.snpp.dialogue import codes, events, new, said, submitted


def test_the_level_1_session_of_the_rfc() -> None:
    session = new()
    assert codes(session, "PAGE 5551212", "MESS Your network is hosed") == ["250", "250"]
    assert codes(session, "SEND") == []
    assert submitted(session) == MessageSubmitted(0, (Pager("5551212"),), "Your network is hosed", "")
    session.settle(1.0, "250 taken", recorded=True)
    assert session.data_to_send().startswith(b"250 ")
    assert codes(session, "QUIT") == ["221"]
    assert events(session) == [SessionEnded()]


@pytest.mark.parametrize("verb", ["page", "PAGEr", "Pager", "PAGEXYZ"])
def test_four_characters_of_a_verb_are_enough_in_any_case(verb: str) -> None:
    assert codes(new(), f"{verb} 1") == ["250"]


def test_send_is_not_answered_before_the_message_is_on_disk() -> None:
    session = new()
    assert codes(session, "PAGE 1", "MESS a", "SEND", "QUIT") == ["250", "250"]
    assert session.get_timer() is None  # the client waits for us, not we for the client
    session.settle(5.0, "250 taken", recorded=True)
    assert [line[:3] for line in session.data_to_send().decode().splitlines()] == ["250", "221"]


def test_a_message_that_could_not_be_stored_is_refused_and_may_be_sent_again() -> None:
    session = new()
    said(session, "PAGE 1", "MESS a", "SEND")
    events(session)
    session.settle(0.0, "554 not now", recorded=False)
    assert session.data_to_send().startswith(b"554 ")
    said(session, "SEND")
    again = submitted(session)
    assert (again.text, again.number) == ("a", 0)


def test_a_message_that_was_sent_is_not_sent_again() -> None:
    session = new()
    said(session, "PAGE 1", "MESS a", "SEND")
    session.settle(0.0, "250 taken", recorded=True)
    session.data_to_send()
    assert codes(session, "SEND") == ["503"]
    said(session, "PAGE 1", "MESS a", "SEND")
    assert [event.number for event in events(session) if isinstance(event, MessageSubmitted)] == [0, 1]


def test_several_lines_end_at_a_lone_dot_and_dots_are_not_doubled() -> None:
    session = new()
    assert codes(session, "PAGE 1", "DATA", "first", "..second", ". third", ".", "SEND") == ["250", "354", "250"]
    assert submitted(session).text == "first\n..second\n. third"


def test_caller_and_subject_belong_to_the_message() -> None:
    session = new()
    said(session, "CALL nagios", "SUBJ core switch", "PAGE 1", "PAGE 2", "PAGE 1", "MESS down", "SEND")
    assert submitted(session) == MessageSubmitted(0, (Pager("1"), Pager("2")), "core switch: down", "nagios")


def test_reset_forgets_everything_that_was_entered() -> None:
    session = new()
    assert codes(session, "PAGE 1", "MESS a", "RESE", "SEND") == ["250", "250", "250", "503"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("SEND",), "503"),
        (("PAGE 1", "SEND"), "503"),
        (("MESS a", "MESS b"), "503"),
        (("MESS a", "DATA"), "503"),
        (("PAGE",), "550"),
        (("PAGE \u00e4",), "550"),
        (("PAGE 999",), "550"),
        (("PAGE 1", "PAGE 2", "PAGE 3"), "552"),
        (("MESS",), "550"),
        (("MESS " + "x" * 51,), "550"),
        (("DATA", *["x" * 30] * 2, "."), "550"),
        (("DATA", "."), "550"),
        (("LEVE 12",), "550"),
        (("LEVE \u00b2",), "550"),
        (("ALER 2",), "550"),
        (("HOLD 261231120000",), "550"),
        (("nonsense",), "500"),
        (("MESS " + "x" * (MAX_LINE + 1),), "500"),
    ],
)
def test_what_cannot_be_done_is_refused_and_counted(lines: tuple[str, ...], code: str) -> None:
    session = new(pagers=frozenset({"1", "2", "3"}), longest_text=50, most_pagers=2)
    assert codes(session, *lines)[-1] == code
    assert events(session) == [CommandRefused()]


def test_options_are_taken() -> None:
    assert codes(new(), "LEVE 0", "LEVE 11", "ALER 1", "COVE 2", "HELP") == ["250"] * 4 + ["214"] * 3 + ["250"]


@pytest.mark.parametrize(
    ("options", "priority"),
    [
        ((), None),
        (("LEVE 0",), Priority.HIGH),
        (("LEVE 1",), Priority.NORMAL),
        (("LEVE 7",), Priority.LOW),
        (("LEVE 11",), Priority.NORMAL),
        (("ALER 1",), Priority.HIGH),
        (("ALER 1", "LEVE 7"), Priority.HIGH),
        (("ALER 0", "LEVE 7"), Priority.LOW),
        (("ALER 1", "ALER 0"), None),
    ],
)
def test_level_and_alert_say_how_urgent_the_next_pager_is(options: tuple[str, ...], priority: Priority | None) -> None:
    session = new()
    said(session, *options, "PAGE 1", "PAGE 2", "MESS a", "SEND")
    assert submitted(session).pagers == (Pager("1", priority), Pager("2", None))


def test_an_alert_makes_nothing_less_urgent() -> None:
    session = new(levels={0: Priority.EMERGENCY})
    assert codes(session, "LEVE 0", "ALER 1", "PAGE 1", "MESS a", "SEND") == ["250"] * 4
    assert submitted(session).pagers == (Pager("1", Priority.EMERGENCY),)


def test_where_logins_are_asked_for_nobody_pages_without_one() -> None:
    session = new(logins={"it": "secret"})
    assert codes(session, "PAGE 1", "LOGI it", "LOGI it wrong", "LOGI other secret", "PAGE 1") == ["550"] * 5
    assert codes(session, "LOGI it secret", "PAGE 1") == ["250", "250"]


def test_a_wrong_login_is_told_apart_from_other_refusals() -> None:
    session = new(logins={"it": "secret"})
    said(session, "LOGI it wrong", "nonsense")
    assert events(session) == [LoginRefused(), CommandRefused(), CommandRefused()]


def test_passwords_do_not_show_in_the_rules() -> None:
    assert "secret" not in repr(Rules(logins={"it": "secret"}))


def test_a_client_that_only_errs_is_sent_away() -> None:
    session = new()
    assert codes(session, *["x"] * (MAX_ERRORS + 5)) == ["500"] * (MAX_ERRORS - 1) + ["421"]
    assert session.state is State.ENDED


def test_a_silent_client_is_sent_away() -> None:
    session = new(idle_timeout=60.0)
    said(session, "PAGE 1", now=10.0)
    assert session.get_timer() == 70.0
    session.handle_timer(69.9)
    assert session.data_to_send() == b""
    session.handle_timer(70.0)
    assert session.data_to_send() == b"421 Timeout, Goodbye\r\n"
    assert events(session) == [SessionEnded()]
    assert session.get_timer() is None


def test_text_cannot_carry_control_codes_and_latin_1_is_understood() -> None:
    session = new()
    session.receive_data(b"PAGE 1\r\nMESS a\x02b\x1b[2J \xe4\r\nSEND\r\n", 0.0)
    assert submitted(session).text == "a b [2J \u00e4"


def test_what_is_sent_ahead_is_bounded() -> None:
    session = new()
    said(session, "PAGE 1", "MESS a", "SEND")
    session.receive_data(b"x" * (MAX_WAITING + 1), 0.0)
    assert session.data_to_send().startswith(b"421 ")
    assert len(session._waiting) == 0


WORDS = [
    b"PAGE 1\r\n",
    b"MESS a\n",
    b"DATA\r\n",
    b".\r\n",
    b"SEND\r\n",
    b"RESE\r\n",
    b"\xff\x00",
    b"LEVE 3\n",
    b"PING 1\n",
]
WORDS += [b"2WAY\n", b"MCRE 1 \xe4\n", b"RTYP TEXT\n", b"EXPT 999999999999\n", b"MSTA 1 2\n", b"KTAG 1 2\r\n"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=30)), min_size=8, max_size=30), st.booleans())
def test_any_bytes_end_in_replies_and_the_next_session_command_is_understood(chunks: list[bytes], stored: bool) -> None:  # noqa: FBT001
    session = new()
    for chunk in chunks:
        session.receive_data(chunk, 0.0)
        session.settle(0.0, "250 taken", recorded=stored)
    session.receive_data(b"\r\n.\r\n", 0.0)
    session.settle(0.0, "250 taken", recorded=stored)
    assert all(re.fullmatch(r"\d{3} [ -~]+", line) for line in session.data_to_send().decode("ascii").splitlines())
    assert len(session._waiting) <= MAX_WAITING
    if session.state is not State.ENDED:
        assert codes(session, "RESET") in (["250"], ["421"])


def test_a_line_without_an_end_needs_no_memory() -> None:
    session = new()
    for _ in range(1000):
        session.receive_data(b"x" * 1000, 0.0)
        assert len(session._waiting) <= MAX_LINE
    assert codes(session, "", "PAGE 1") == ["500", "250"]


@pytest.mark.parametrize("flood", [b"\n", b"RESE\n"])
def test_time_for_a_flood_of_lines_grows_with_its_length_and_no_faster(flood: bytes) -> None:
    def seconds(size: int) -> float:
        data = flood * (size // len(flood))
        tries = []
        for _ in range(3):
            session, begin = new(), process_time()
            session.receive_data(data, 0.0)
            tries.append(process_time() - begin)
        return min(tries)

    assert seconds(512 * 1024) < 40 * seconds(32 * 1024)
