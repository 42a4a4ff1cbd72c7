"""Plain SIP MESSAGEs parsed and looked into, one core; the ceiling splits each into lines, names and values.

Call-ID, branch and tag differ from one message to the next, as phones write them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drivers.sip.message import Request, parse_message
from drivers.sip.uri import Uri
from tools.benches.report import Row, median

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 5_000
ROUNDS = 7


def measure() -> Row:
    """Return messages a second of processor time."""
    messages = [_message(number) for number in range(MESSAGES)]
    rounds = [(_rate(_split, messages), _rate(_look, messages)) for _ in range(ROUNDS)]
    ceiling, measured = (median([one[side] for one in rounds]) for side in (0, 1))
    return Row("parsed and looked into", "1/s", ceiling, measured, measured / ceiling)


def _message(number: int) -> bytes:
    headers = {
        "via": [f"SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{number};rport"],
        "max-forwards": ["70"],
        "from": [f"<sip:2001@gateway.local>;tag={number}"],
        "to": ["<sip:alarm@gateway.local>"],
        "call-id": [f"{number}@10.0.0.9"],
        "cseq": ["1 MESSAGE"],
        "content-type": ["text/plain;charset=UTF-8"],
    }
    return Request(headers, b"ROOM 312 WC", "MESSAGE", "sip:alarm@gateway.local").to_bytes()


def _rate(work: Callable[[bytes], None], messages: list[bytes]) -> float:
    begin = time.thread_time()
    for data in messages:
        work(data)
    return len(messages) / (time.thread_time() - begin)


def _split(data: bytes) -> None:
    head, _, _ = data.partition(b"\r\n\r\n")
    _ = [line.partition(":") for line in head.decode().split("\r\n")]


def _look(data: bytes) -> None:
    message = parse_message(data)
    if isinstance(message, Request):
        Uri.parse(message.uri)
    Uri.parse(message.from_.uri)
    _ = (message.via.branch, message.from_.tag, message.to.uri, message.cseq, message.call_id, message.body)
    message.first("content-type")
