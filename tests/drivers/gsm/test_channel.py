"""The dialogue with a modem: what it says by itself, what its errors mean, and that nothing upsets or fills it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gsm.disposition import Disposition, ModemError, error_of
from drivers.gsm.events import GsmEvent, Outgoing
from drivers.gsm.pdu import Submit
from drivers.gsm.profile import Profile
from drivers.gsm.protocol import Modem
from drivers.gsm.userdata import split
from drivers.gsm.vocabulary import PDU_WORDS, TEXT_WORDS
from gatewayd.driver import Outcome
from gatewayd.hayes.channel import Channel, Unsolicited, Vocabulary
from gatewayd.hayes.results import Result
from gatewayd.hayes.script import Command, Reply
from gatewayd.transport.memory import Wire
from tests.drivers.gsm import vectors
from tests.drivers.gsm.site import Site, page
from tests.drivers.gsm.test_pdu import MOBILE


@pytest.mark.parametrize(
    ("line", "code"), [("ERROR", None), ("+CMS ERROR: 38", 38), ("+CME ERROR:10", 10), ("+CMS ERROR: no network", None)]
)
def test_error_is_read_in_digits_and_in_words(line: str, code: int | None) -> None:
    error = error_of(Reply(Result.ERROR, (), line))
    assert error is not None
    assert error.code == code
    assert error_of(Reply(Result.OK, (), "OK")) is None


@pytest.mark.parametrize("words", [PDU_WORDS, TEXT_WORDS])
def test_message_passed_on_between_a_command_and_its_result_is_whole(words: Vocabulary) -> None:
    channel = Channel(words)
    channel.start(Command("AT+CSQ", "+CSQ:"), 0)
    reply = channel.receive(f"+CMT: ,24\r\n{vectors.D2}\r\n+CSQ: 17,99\r\nOK\r\n".encode(), 1)
    assert reply == Reply(Result.OK, ("+CSQ: 17,99",), "OK")
    assert channel.unsolicited.popleft() == Unsolicited("+CMT: ,24", vectors.D2)


def test_report_has_two_lines_in_pdu_mode_and_one_in_text_mode() -> None:
    for words, kept in ((PDU_WORDS, Unsolicited("+CDS: 25", vectors.R1)), (TEXT_WORDS, Unsolicited("+CDS: 25"))):
        channel = Channel(words)
        channel.receive(f"+CDS: 25\r\n{vectors.R1}\r\n".encode(), 1)
        assert list(channel.unsolicited) == [kept]


PERMANENT = {
    1,
    8,
    10,
    21,
    28,
    29,
    30,
    50,
    69,
    81,
    *range(95, 100),
    111,
    127,
    *range(128, 177),
    193,
    195,
    196,
    197,
    304,
    305,
}
DEVICE = {300, 302, 303, 310, 311, 312, 313, 315, 316, 317, 318, 330}
STORAGE = {208, 211, 320, 321, 322}
DEVICE_CME = {*range(10, 14), *range(15, 19), 30, 31, 32}


def test_every_code_of_the_network_and_of_the_modem_has_its_disposition() -> None:
    groups = ((PERMANENT, Disposition.PERMANENT), (DEVICE, Disposition.DEVICE), (STORAGE, Disposition.STORAGE))
    wanted = {code: disposition for codes, disposition in groups for code in codes}
    for code in range(1_000):
        found = ModemError.parse(f"+CMS ERROR: {code}").disposition
        assert found is wanted.get(code, Disposition.RETRY), code
        found = ModemError.parse(f"+CME ERROR: {code}").disposition
        assert found is (Disposition.DEVICE if code in DEVICE_CME else Disposition.RETRY), code


@pytest.mark.parametrize("line", ["ERROR", "+CMS ERROR: no network", "+CMS ERROR: 999999"])
def test_error_without_a_code_is_tried_again(line: str) -> None:
    assert ModemError.parse(line).disposition is Disposition.RETRY


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
