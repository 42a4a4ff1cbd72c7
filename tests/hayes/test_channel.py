"""The command channel: what belongs to a command, what comes by itself, and that nothing upsets or fills it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.hayes.channel import MAX_DATA, MAX_LINES, MAX_UNSOLICITED, Channel, Vocabulary
from gatewayd.hayes.results import Result
from gatewayd.hayes.scanner import MAX_LINE, Prompt, Scanner
from gatewayd.hayes.script import Command, Reply, fields, number

WORDS = Vocabulary(("+CMTI:", "+CIEV:"), ("+CMT:", "+CDS:"), ("+CMGS:",), re.compile("(?:[0-9A-F]{2})+"))
CSQ = Command("AT+CSQ", "+CSQ:")
CMGS = Command("AT+CMGS=20", "+CMGS:", 60, body=b"0011")
CMGL = Command("AT+CMGL=4", "+CMGL:", pairs=True)
DIAL = Command("ATDT0,18005551212", timeout=60, dials=True)
PDU, OTHER_PDU = "07917283", "0006D60B91"


def asked(command: Command, *, numeric: bool = False) -> Channel:
    channel = Channel(WORDS, numeric=numeric)
    channel.start(command, 0)
    channel.out.clear()
    return channel


def hears(channel: Channel, *lines: str) -> Reply | None:
    return channel.receive("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"), 1)


def test_command_leaves_with_its_end_and_nothing_else() -> None:
    channel = Channel()
    channel.start(CSQ, 0)
    assert channel.out == b"AT+CSQ\r"


@pytest.mark.parametrize("text", ["AT\rATD1", "AT\n", "AT\x1a", "ATÄ", "AT\0"])
def test_command_with_control_codes_is_refused_before_it_is_sent(text: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        Command(text)


@pytest.mark.parametrize(
    "noise", ["RING", "+CREG: 1", '+CMTI: "ME",3', "^RSSI: 17", "*PSNWID: 1", "AT+CSQ", "+CIEV: 2,3", "%TEMP", "hello"]
)
def test_line_that_comes_by_itself_belongs_to_no_answer(noise: str) -> None:
    reply = hears(asked(CSQ), noise, "+CSQ: 17,99", noise, "OK")
    assert reply == Reply(Result.OK, ("+CSQ: 17,99",), "OK")


def test_plain_information_and_its_echo_are_told_apart() -> None:
    reply = asked(Command("ATI")).receive(b"ATI\r\r\nSPEEDY 3000\r\n\r\nOK\r\n", 1)
    assert reply == Reply(Result.OK, ("SPEEDY 3000",), "OK")


def test_message_that_is_passed_on_between_a_command_and_its_result_has_two_lines() -> None:
    channel = asked(CMGS)
    channel.receive(b"\r\n> ", 1)
    reply = hears(channel, "+CMGS: 7", "+CMT: ,24", PDU, "+CDS: 25", OTHER_PDU, "OK")
    assert reply == Reply(Result.OK, ("+CMGS: 7",), "OK", body_sent=True)
    assert [said.body for said in channel.unsolicited] == [PDU, OTHER_PDU]


def test_message_that_is_passed_on_inside_a_list_leaves_the_list_whole() -> None:
    channel = asked(CMGL)
    reply = hears(channel, "+CMGL: 1,0,,24", "+CMT: ,24", PDU, OTHER_PDU, "OK")
    assert reply is not None
    assert reply.lines == ("+CMGL: 1,0,,24", OTHER_PDU)
    assert [said.body for said in channel.unsolicited] == [PDU]


def test_header_whose_second_line_is_lost_takes_no_result_with_it() -> None:
    reply = hears(asked(CSQ), "+CMT: ,24", "+CSQ: 17,99", "OK")
    assert reply == Reply(Result.OK, ("+CSQ: 17,99",), "OK")


@pytest.mark.parametrize("line", ["ERROR", "+CMS ERROR: 38", "+CME ERROR:10", "COMMAND NOT SUPPORT"])
def test_error_ends_a_command_and_is_kept_as_it_was_said(line: str) -> None:
    assert hears(asked(CSQ), line) == Reply(Result.ERROR, (), line)


@pytest.mark.parametrize("prompt", [b"\r\n> ", b">", b"\r\n>\r\n", b"AT+CMGS=20\r\r\n> "])
def test_text_is_sent_at_the_prompt_and_once(prompt: bytes) -> None:
    channel = asked(CMGS)
    channel.receive(prompt, 1)
    assert (bytes(channel.out), channel.due) == (b"0011\x1a", 61)
    channel.receive(b"\r\n> ", 2)
    assert channel.out == b"0011\x1a"


def test_prompt_that_nobody_waits_for_is_nothing() -> None:
    channel = asked(CSQ)
    assert channel.receive(b"\r\n> \r\nOK\r\n", 1) is not None
    assert channel.out == b""


def test_escape_takes_the_place_of_a_withdrawn_text() -> None:
    channel = asked(CMGS)
    channel.cancel_body()
    channel.receive(b"\r\n> ", 1)
    assert channel.out == b"\x1b"


def test_silence_is_a_reply_after_its_time() -> None:
    channel = asked(CSQ)
    assert channel.expire(4.9) is None
    assert channel.expire(5) == Reply(Result.TIMEOUT)
    assert channel.due is None
    assert hears(channel, "OK") is None


@pytest.mark.parametrize("command", [CSQ, CMGS])
def test_answer_to_a_message_that_was_given_up_ends_no_other_command(command: Command) -> None:
    channel = asked(command)
    assert hears(channel, "+CMGS: 7", "OK") is None
    assert [said.line for said in channel.unsolicited] == ["+CMGS: 7"]
    assert hears(channel, "OK") == Reply(Result.OK, (), "OK")


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "digit", "result"),
    [
        ("CONNECT", "1", Result.CONNECT),
        ("CONNECT 1200", "5", Result.CONNECT),
        ("NO CARRIER", "3", Result.NO_CARRIER),
        ("NO DIALTONE", "6", Result.NO_DIALTONE),
        ("NO DIAL TONE", "6", Result.NO_DIALTONE),
        ("BUSY", "7", Result.BUSY),
        ("NO ANSWER", "8", Result.NO_ANSWER),
        ("ERROR", "4", Result.ERROR),
        ("OK", "0", Result.OK),
    ],
)
def test_call_ends_with_its_result_in_words_and_in_digits(line: str, digit: str, result: Result) -> None:
    assert hears(asked(DIAL), line) == Reply(result, (), line)
    assert asked(DIAL, numeric=True).receive(f"{digit}\r".encode(), 1) == Reply(result, (), digit)


def test_digit_is_information_for_a_modem_that_answers_in_words() -> None:
    assert hears(asked(Command("ATS7?")), "0", "OK") == Reply(Result.OK, ("0",), "OK")


@pytest.mark.parametrize("delayed", ["DELAYED", "DELAYED 00:02:00", "BLACKLISTED"])
def test_modem_that_may_not_dial_again_so_soon_says_so(delayed: str) -> None:
    reply = hears(asked(DIAL), delayed)
    assert reply is not None
    assert reply.result is Result.BARRED


@pytest.mark.parametrize("line", ["NO CARRIER", "BUSY", "CONNECT 9600"])
def test_end_of_a_call_is_no_answer_to_another_command(line: str) -> None:
    channel = asked(CSQ)
    assert hears(channel, line, "+CSQ: 17,99") is None
    assert [said.line for said in channel.unsolicited] == [line]
    assert not channel.online


@pytest.mark.parametrize(("ring", "numeric"), [("RING", False), ("RING: VOICE", False), ("2", True)])
def test_somebody_who_calls_ends_no_command(ring: str, numeric: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    channel = asked(DIAL, numeric=numeric)
    assert hears(channel, ring) is None
    assert len(channel.unsolicited) == 1


@pytest.mark.parametrize("cut", range(1, 16))
def test_what_follows_connect_is_the_other_ends_to_the_byte(cut: int) -> None:
    channel = asked(DIAL)
    said = b"\r\nCONNECT 300\r\n\n\x02OK\r\n\x03"
    channel.receive(said[:cut], 1)
    channel.receive(said[cut:], 1)
    assert channel.online
    assert channel.take_data() == b"\n\x02OK\r\n\x03"
    assert channel.take_data() == b""


def test_commands_are_understood_again_after_the_call() -> None:
    channel = asked(DIAL)
    hears(channel, "CONNECT")
    channel.hung_up()
    channel.start(CSQ, 2)
    assert hears(channel, "+CSQ: 17,99", "OK") == Reply(Result.OK, ("+CSQ: 17,99",), "OK")


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_long_lines_and_many_lines_are_bounded() -> None:
    assert [token for token, _ in Scanner().feed(b"x" * 10_000 + b"\r")] == ["x" * MAX_LINE]
    channel = asked(CMGL)
    channel.receive(b"+CMGL: 1\r\n" * 5_000 + b'+CMTI: "ME",1\r\n' * 5_000, 1)
    reply = hears(channel, "OK")
    assert reply is not None
    assert len(reply.lines) == MAX_LINES
    assert len(channel.unsolicited) == MAX_UNSOLICITED


def test_call_that_nobody_listens_to_is_bounded() -> None:
    channel = asked(DIAL)
    hears(channel, "CONNECT")
    for _ in range(3):
        channel.receive(b"x" * MAX_DATA, 1)
    assert len(channel.take_data()) == MAX_DATA


def test_scanner_knows_prompts_only_when_one_is_wanted() -> None:
    scanner = Scanner()
    assert list(scanner.feed(b"> \r")) == [(">", 3)]
    scanner.prompt_wanted = True
    assert list(scanner.feed(b"\r\n> ")) == [(Prompt.PROMPT, 3)]


def test_fields_are_cut_at_commas_outside_quotes() -> None:
    assert fields('+CPMS: "SM,X",3 ,,"a"') == ["SM,X", "3", "", "a"]
    assert fields("") == [""]


@pytest.mark.parametrize(("text", "value"), [("17", 17), ("", None), ("-1", None), ("9" * 10, None), ("²", None)])
def test_number_is_small_and_decimal_or_nothing(text: str, value: int | None) -> None:
    assert number(text) == value


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([CSQ, CMGS, CMGL, DIAL]), st.booleans(), st.binary(max_size=200), st.integers(1, 40))
def test_whatever_a_modem_says_in_whatever_pieces_means_the_same(
    command: Command,
    numeric: bool,  # noqa: FBT001 - a parameter of hypothesis
    said: bytes,
    size: int,
) -> None:
    whole, pieces = asked(command, numeric=numeric), asked(command, numeric=numeric)
    at_once = whole.receive(said, 1)
    replies = [pieces.receive(said[at : at + size], 1) for at in range(0, len(said), size)]
    assert [reply for reply in replies if reply is not None][-1:] == ([at_once] if at_once else [])
    assert (whole.out, whole.take_data(), list(whole.unsolicited)) == (
        pieces.out,
        pieces.take_data(),
        list(pieces.unsolicited),
    )
