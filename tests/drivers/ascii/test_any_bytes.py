"""Any bytes at any time: nothing escapes, nothing grows, and the next good line is understood."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ascii.events import RecordReceived
from drivers.ascii.framing import LONGEST
from drivers.ascii.meaning import Interpreter
from drivers.ascii.protocol import Receiver
from tests.drivers.ascii import samples
from tests.drivers.ascii.samples import AFP_SET, line, try_rules

LINES: list[tuple[dict[str, Any], bytes]] = [
    (samples.AFP, AFP_SET.encode()),
    (samples.KIDDE, b"TRBL ACT | 18:00:07 01/01/2007 A:008\r\nHALL\r\n"),
    (samples.BOSCH | {"encoding": "utf-8"}, b"Fire Alarm 1111 11 Hall Smoke\r\n"),
    (samples.PRT3 | {"strip_parity": True}, b"PF001\r"),
    (samples.MLR2, b"ALARM 1\r"),
    ({"framing": "fixed", "length": 6, "rules": [{"match": "^FIRE"}]}, b"FIRE 3"),
]
TELLING = [
    AFP_SET.encode(),
    b"TRBL ACT | ",
    b"\r\n",
    b"\n\r",
    b"\x00",
    b"\xff",
    b":",
    b";",
    b"*\r\n",
    b"Fire Alarm 1 2 ",
]
noise = st.lists(st.tuples(st.one_of(st.binary(max_size=80), st.sampled_from(TELLING)), st.floats(0, 3)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(noise, st.sampled_from(LINES))
def test_good_line_is_understood_after_any_bytes_and_a_pause(
    pieces: list[tuple[bytes, float]], known: tuple[dict[str, Any], bytes]
) -> None:
    config, good = line(known[0], silent_after=60), known[1]
    receiver, now = Receiver(config.config, 0.0), 0.0
    interpreter = Interpreter(config.rule_book, "alarm", {})
    for data, pause in pieces:
        receiver.receive_data(data, now)
        now += pause
        while (due := receiver.get_timer()) is not None and due <= now:
            receiver.handle_timer(due)
        take_all(receiver, interpreter)
    receiver.handle_timer(now + 5)
    take_all(receiver, interpreter)
    receiver.receive_data(good, now + 6)
    receiver.handle_timer(now + 9)
    (expected,) = [report for result in try_rules(config, good) for report in result.reports]
    assert expected in take_all(receiver, interpreter)


def take_all(receiver: Receiver, interpreter: Interpreter) -> list[Any]:
    found: list[Any] = []
    receiver.data_to_send()
    while (event := receiver.next_event()) is not None:
        if isinstance(event, RecordReceived):
            assert len(event.text) <= LONGEST
            assert event.text.isprintable()
            _, steps = interpreter.take(event)
            found += [step.report for step in steps]
    return found


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(LINES))
def test_every_readable_record_is_reported_answered_ignored_or_counted(
    data: bytes, known: tuple[dict[str, Any], bytes]
) -> None:
    for result in try_rules(line(known[0]), data):
        assert result.reports or set(result.verdicts) & {"ignored", "heartbeat", "ignore", "reset_all"}


@pytest.mark.parametrize("framing", ["lines", "markers", "fixed", "gap"])
def test_receiver_keeps_no_more_than_one_record(framing: str) -> None:
    settings = line(framing=framing, start=":", end=";", length=256, first_line="^:")
    receiver = Receiver(settings.config, 0.0)
    for _ in range(100):
        receiver.receive_data(b":" + b"x" * 5_000, 0.0)
        while receiver.next_event() is not None:
            pass
        assert len(receiver._framer._buffer) <= 256
        assert receiver._assembler._size() <= LONGEST + 256
