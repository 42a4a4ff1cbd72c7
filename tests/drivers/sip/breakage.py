"""Good messages, and the ways in which they are broken by the rules of their grammar; drawn from seeds."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MUTANTS = 250  # of each seed
CREDENTIALS = (
    'Digest username="2001", realm="gateway.local", nonce="00", uri="sip:gateway.local", response="00", '
    'algorithm=SHA-256, qop=auth, nc=00000001, cnonce="x"'
)
RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\n"
)
SEPARATORS = [
    '"',
    "<",
    ">",
    ";",
    ",",
    ":",
    "@",
    "\\",
    "[",
    "]",
    "=",
    "?",
    "%",
    "%00",
    " ",
    "\t",
    "\r\n ",
    "\x00",
    "\udcff",
]
NUMBERS = ["-1", "0", "4294967296", "99999999999999999999", "0x10", "1e9", "\u0661", "", "1.5"]
NAMES = [
    "via",
    "v",
    "from",
    "to",
    "call-id",
    "cseq",
    "content-length",
    "l",
    "contact",
    "expires",
    "authorization",
    "require",
]


def good(rng: random.Random) -> bytes:
    """Return a message that is understood."""
    contact = '"A" <sip:2001@10.0.0.9:5062;transport=udp>;q=0.5;expires=60, <sips:2001@[2001:db8::9]>'
    makers: list[Callable[[], bytes]] = [
        lambda: request(body="Grüße".encode()),
        lambda: request(authorization=CREDENTIALS, priority="urgent", date="Sat, 13 Nov 2010 23:29:00 GMT"),
        lambda: request("REGISTER", "sip:gateway.local", b"", to="<sip:2001@gateway.local>", contact=contact),
        lambda: request("INVITE", body=b"v=0"),
        lambda: request("CANCEL", "tel:+49-30-1;phone-context=x", b""),
        lambda: request(content_type="message/cpim", body=b"From: <a>\r\n\r\nContent-Type: text/plain\r\n\r\nx"),
        lambda: request(content_type="message/imdn+xml", body=b"<message-id>1.2001</message-id>"),
        lambda: RESPONSE,
    ]
    return rng.choice(makers)()


def _lines(rng: random.Random, lines: list[str]) -> None:
    """Leave a header out, double it, move it or invent one."""
    place = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[rng.randrange(len(lines))])
        case 2:
            lines.append(lines.pop(place))
        case _:
            lines.append(f"{rng.choice(NAMES)}: {rng.choice(NUMBERS)}{rng.choice(SEPARATORS)}")


def _separators(rng: random.Random, lines: list[str]) -> None:
    """Put a separator somewhere, once or very often."""
    place = rng.randrange(len(lines))
    line, often = lines[place], rng.choice([1, 1, 1, 2, 70, 3_000])
    at = rng.randrange(len(line) + 1)
    lines[place] = line[:at] + rng.choice(SEPARATORS) * often + line[at:]


def _tokens(rng: random.Random, lines: list[str]) -> None:
    """Cut a value at a separator and leave out, double or swap what stands between."""
    place = rng.randrange(len(lines))
    separator = rng.choice([";", ",", " ", "=", "@", ":"])
    parts = lines[place].split(separator)
    match rng.randrange(3):
        case 0:
            del parts[-1]
        case 1:
            parts *= 2
        case _:
            rng.shuffle(parts)
    lines[place] = separator.join(parts)


def _numbers(rng: random.Random, lines: list[str]) -> None:
    """Replace what stands behind a separator by an odd number."""
    place = rng.randrange(len(lines))
    head, separator, _ = lines[place].rpartition(rng.choice([" ", ":", "=", "@"]))
    lines[place] = head + separator + rng.choice(NUMBERS)


def _bytes(rng: random.Random, lines: list[str]) -> None:
    """Replace a character by any other."""
    place = rng.randrange(len(lines))
    line = lines[place]
    at = rng.randrange(len(line) + 1)
    lines[place] = line[:at] + chr(rng.choice([rng.randrange(128), rng.randrange(128, 0x2FF)])) + line[at + 1 :]


def _halves(rng: random.Random, lines: list[str]) -> None:
    """Leave out one half of what comes in pairs."""
    halves = [(place, at) for place, line in enumerate(lines) for at, char in enumerate(line) if char in '"<>[]']
    if halves:
        place, at = rng.choice(halves)
        lines[place] = lines[place][:at] + lines[place][at + 1 :]


WAYS: list[Callable[[random.Random, list[str]], None]] = [_lines, _separators, _tokens, _numbers, _bytes, _halves]


def mutant(rng: random.Random) -> bytes:
    """Return a message that was good before it was broken in one to four ways."""
    head, separator, body = good(rng).partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    for _ in range(rng.randint(1, 4)):
        rng.choice(WAYS)(rng, lines)
        lines = lines or [""]
    data = "\r\n".join(lines).encode("utf-8", "surrogateescape") + separator + body
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.05 else data


def mutants(seed: int, count: int = MUTANTS) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        yield mutant(rng)
