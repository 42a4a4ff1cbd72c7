"""The command channel: what belongs to a command, what comes by itself, and that nothing upsets or fills it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gsm.asking import Command, Reply, Result, fields
from drivers.gsm.channel import MAX_LINES, MAX_UNSOLICITED, Channel
from drivers.gsm.disposition import Disposition, ModemError
from drivers.gsm.events import GsmEvent, Outgoing
from drivers.gsm.pdu import Submit
from drivers.gsm.profile import Profile
from drivers.gsm.protocol import Modem
from drivers.gsm.scanner import MAX_LINE, Prompt, Scanner
from drivers.gsm.userdata import split
from gatewayd.driver import Outcome
from gatewayd.transport.memory import Wire
from tests.drivers.gsm import vectors
from tests.drivers.gsm.site import Site, page
from tests.drivers.gsm.test_pdu import MOBILE

CSQ = Command("AT+CSQ", "+CSQ:")
CMGS = Command("AT+CMGS=20", "+CMGS:", 60, body=b"0011")
CMGL = Command("AT+CMGL=4", "+CMGL:", pairs=True)


def asked(command: Command) -> Channel:
    channel = Channel()
    channel.start(command, 0)
    channel.out.clear()
    return channel


def hears(channel: Channel, *lines: str) -> Reply | None:
    return channel.receive("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"), 1)


@pytest.mark.parametrize(
    "noise", ["RING", "+CREG: 1", '+CMTI: "ME",3', "^RSSI: 17", "*PSNWID: 1", "AT+CSQ", "+CIEV: 2,3", "%TEMP", "hello"]
)
def test_line_that_comes_by_itself_belongs_to_no_answer(noise: str) -> None:
    reply = hears(asked(CSQ), noise, "+CSQ: 17,99", noise, "OK")
    assert reply == Reply(Result.OK, ("+CSQ: 17,99",))


def test_message_that_is_passed_on_between_a_command_and_its_result_has_two_lines() -> None:
    channel = asked(CMGS)
    reply = hears(channel, "+CMGS: 7", "+CMT: ,24", vectors.D2, "+CDS: 25", vectors.R1, "OK")
    assert reply == Reply(Result.OK, ("+CMGS: 7",))
    assert [said.body for said in channel.unsolicited] == [vectors.D2, vectors.R1]


def test_message_that_is_passed_on_inside_a_list_leaves_the_list_whole() -> None:
    channel = asked(CMGL)
    reply = hears(channel, "+CMGL: 1,0,,24", "+CMT: ,24", vectors.D2, vectors.D4, "OK")
    assert reply is not None
    assert reply.lines == ("+CMGL: 1,0,,24", vectors.D4)
    assert [said.body for said in channel.unsolicited] == [vectors.D2]


def test_header_whose_second_line_is_lost_takes_no_result_with_it() -> None:
    reply = hears(asked(CSQ), "+CMT: ,24", "+CSQ: 17,99", "OK")
    assert reply == Reply(Result.OK, ("+CSQ: 17,99",))


@pytest.mark.parametrize(
    ("line", "code"), [("ERROR", None), ("+CMS ERROR: 38", 38), ("+CME ERROR:10", 10), ("+CMS ERROR: no network", None)]
)
def test_error_ends_a_command(line: str, code: int | None) -> None:
    reply = hears(asked(CSQ), line)
    assert reply is not None
    assert reply.error is not None
    assert (reply.result, reply.error.code) == (Result.ERROR, code)


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


def test_ok_of_a_message_that_was_given_up_ends_no_other_command() -> None:
    channel = asked(CSQ)
    assert hears(channel, "+CMGS: 7", "OK") is None
    assert channel.late_reference == 7
    assert hears(channel, "+CSQ: 17,99", "OK") == Reply(Result.OK, ("+CSQ: 17,99",))


def test_long_lines_and_many_lines_are_bounded() -> None:
    assert list(Scanner().feed(b"x" * 10_000 + b"\r")) == ["x" * MAX_LINE]
    channel = asked(CMGL)
    channel.receive(b"+CMGL: 1\r\n" * 5_000 + b'+CMTI: "ME",1\r\n' * 5_000, 1)
    assert len(channel._lines) <= MAX_LINES
    assert len(channel.unsolicited) == MAX_UNSOLICITED


def test_scanner_knows_prompts_only_when_one_is_wanted() -> None:
    scanner = Scanner()
    assert list(scanner.feed(b"> \r")) == [">"]
    scanner.prompt_wanted = True
    assert list(scanner.feed(b"\r\n> ")) == [Prompt.PROMPT]


def test_fields_are_cut_at_commas_outside_quotes() -> None:
    assert fields('+CPMS: "SM,X",3 ,,"a"') == ["SM,X", "3", "", "a"]
    assert fields("") == [""]


@pytest.mark.parametrize(
    ("line", "disposition"),
    [
        ("+CMS ERROR: 1", Disposition.PERMANENT),
        ("+CMS ERROR: 21", Disposition.PERMANENT),
        ("+CMS ERROR: 130", Disposition.PERMANENT),
        ("+CMS ERROR: 195", Disposition.PERMANENT),
        ("+CMS ERROR: 304", Disposition.PERMANENT),
        ("+CMS ERROR: 17", Disposition.RETRY),
        ("+CMS ERROR: 42", Disposition.RETRY),
        ("+CMS ERROR: 192", Disposition.RETRY),
        ("+CMS ERROR: 331", Disposition.RETRY),
        ("+CMS ERROR: 500", Disposition.RETRY),
        ("+CMS ERROR: 513", Disposition.RETRY),
        ("+CMS ERROR: 310", Disposition.DEVICE),
        ("+CMS ERROR: 330", Disposition.DEVICE),
        ("+CMS ERROR: 322", Disposition.STORAGE),
        ("+CMS ERROR: 208", Disposition.STORAGE),
        ("+CME ERROR: 13", Disposition.DEVICE),
        ("+CME ERROR: 14", Disposition.RETRY),
        ("ERROR", Disposition.RETRY),
    ],
)
def test_error_has_its_disposition(line: str, disposition: Disposition) -> None:
    assert ModemError.parse(line).disposition is disposition


class Bench:
    """A modem protocol whose other end is noise; only its promises count."""

    def __init__(self) -> None:
        self.core = Modem(Profile())
        self.now = 0.0
        self.events: list[GsmEvent] = []
        self.core.start(self.now)

    def hears(self, data: bytes) -> bytes:
        self.core.receive_data(data, self.now)
        return self.turn()

    def waits(self, seconds: float) -> bytes:
        until, sent = self.now + seconds, b""
        while (due := self.core.get_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.core.handle_timer(self.now)
            sent += self.turn()
        self.now = until
        return sent

    def turn(self) -> bytes:
        self.events += iter(self.core.next_event, None)
        return self.core.data_to_send()


WORDS = [
    *(b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\n> ", b"\r\n+CMS ERROR: 38\r\n", b"+CMGS: 1\r\n", b'+CMTI: "ME",3\r\n'),
    *(b"+CMT: ,24\r\n", f"{vectors.D2}\r\n".encode(), f"{vectors.R1}\r\n".encode(), b"+CDS: 25\r\n", b"^SMMEMFULL\r\n"),
    *(b"+CPIN: READY\r\n", b"+CREG: 0,1\r\n", b"+CMGL: 1,1,,24\r\n", b"+CMGR: 1,,24\r\n", b"\x1a\x1b\0\xff", b"+CPMS:"),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=30), st.integers(1, 20)), max_size=60))
def test_whatever_a_modem_says_nothing_escapes_and_nothing_grows(story: list[bytes | int]) -> None:
    bench = Bench()
    (part,) = split("FIRE", 1, 1).parts
    for number, item in enumerate(story):
        sent = bench.waits(item) if isinstance(item, int) else bench.hears(item)
        assert len(sent) < 2_000
        if number % 10 == 5:
            bench.core.send_message(Outgoing(str(number), (Submit(MOBILE, part),)), bench.now)
        if number % 10 == 8:
            bench.core.withdraw(str(number - 3), bench.now)
    session = bench.core._session
    assert len(session.to_read) + len(session.to_delete) + len(session.arrivals) <= len(story)


@pytest.mark.parametrize("seed", range(6))
async def test_pages_are_never_claimed_to_be_sent_when_they_did_not_arrive(seed: int) -> None:
    dice = random.Random(seed)

    def alter(chunk: bytes) -> bytes:
        if dice.random() > 0.003:
            return chunk
        return b"" if dice.random() < 0.5 else bytes((chunk[0] ^ 1 << dice.randrange(7),))

    site = Site(wire=Wire(chunk=1, alter=alter), send_timeout=5)
    claimed = 0
    for number in range(12):
        if site.running is None or site.running.done():
            await site.start(within=70)
        task = await site.sending(page(f"PAGE {number}", number=number))
        await site.clock.advance(60)
        claimed += task.exception() is None and task.result().outcome is Outcome.SENT
        assert claimed <= site.modem.state.submitted
    assert claimed
