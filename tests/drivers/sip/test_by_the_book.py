"""What we read quickly is what a slow reader of RFC 3261 section 25 reads, letter by letter.

Values are made by the rules of the grammar, as odd as it allows, and then broken. Whatever the slow reader takes we
take, and understand the same; what it refuses we may take (Postel), but then in one way however it is read. It was made
for millions of values; what is left here is a taste, drawn from seeds.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from drivers.sip.digest import _parse_plain_pairs, _parse_rare_pairs, parse_scheme
from drivers.sip.grammar import Malformed, NameAddr, Via, parse_cseq
from drivers.sip.message import COMPACT, Request, parse_message
from tests.drivers.sip import slow_grammar as slow

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(4)
VALUES = 1_500  # of each seed and kind
LETTERS = "abcXYZ019-.!%*_+`'~"
INSIDE = [*"a;,<>=@:[]/'é", "B c", '\\"', "\\\\", "\\a", "\t", ">;tag=7", ";tag=1"]
SPLINTERS = [*'"<>;,:@\\[]=?%/ \té', "tag=", "rport", ";rport", '=""', "\x00", "\u2028", "\udcff"]
HOSTS = ["10.0.0.9", "a.b", "Gateway.LOCAL", "gateway.local.", "[2001:db8::1]", "[::ffff:1.2.3.4]", "a-b.c1"]
NAMES = ["tag", "branch", "rport", "received", "expires", "q", "TAG", "x", "+sip.instance", "reg-id"]
USERS = ["", "2001@", "a%20b@", "+49-30@", "u:pw@"]
PLAIN = 'Digest username="2001", realm="g", nonce="00", uri="sip:g", response="0", algorithm=MD5, qop=auth, nc=00000001'


class Maker:
    """Makes valid values, and breaks them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pick(self, choices: list[str]) -> str:
        return self.rng.choice(choices)

    def blank(self) -> str:
        return self.pick(["", "", "", " ", "  ", "\t"])

    def token(self) -> str:
        return "".join(self.rng.choices(LETTERS, k=self.rng.randint(1, 6)))

    def quoted(self) -> str:
        return '"' + "".join(self.rng.choices(INSIDE, k=self.rng.randint(0, 6))) + '"'

    def around(self, char: str) -> str:
        return self.blank() + char + self.blank()

    def params(self) -> str:
        made = ""
        for _ in range(self.rng.randint(0, 3)):
            value = self.pick([self.token(), self.quoted(), self.pick(HOSTS)])
            made += self.around(";") + self.pick(NAMES) + self.pick([self.around("=") + value, ""])
        return made

    def address(self) -> str:
        uri = self.pick(["sip:", "sips:"]) + self.pick(USERS) + self.pick(HOSTS) + self.pick(["", ":5060"])
        if self.rng.random() < 0.3:
            return uri + self.params()
        display = self.pick(["", self.quoted(), f"{self.token()} ", f"{self.token()} {self.token()}\t"])
        return f"{display}{self.blank()}<{uri}{self.pick(['', ';transport=udp;lr', '?a=b,c'])}>{self.params()}"

    def hop(self) -> str:
        slash = self.around("/")
        port = self.pick(["", self.around(":") + "5060", self.around(":") + "65535"])
        return f"SIP{slash}2.0{slash}{self.pick(['UDP', 'tcp'])} {self.blank()}{self.pick(HOSTS)}{port}{self.params()}"

    def cseq(self) -> str:
        number = self.pick(["1", "0", "007", "2147483647", "2147483648", "99999999", "123456789"])
        return f"{number}{self.pick([' ', '  ', chr(9)])}{self.pick(['MESSAGE', 'a.b!', 'X1'])}"

    def credentials(self) -> str:
        if self.rng.random() < 0.4:
            return PLAIN
        names = self.rng.choices(["username", "realm", "nonce", "uri", "qop", "nc", "Realm", "x"], k=4)
        values = [self.pick([self.quoted(), self.token(), '""', '"sip:a@b"']) for _ in names]
        pairs = [name + self.around("=") + value for name, value in zip(names, values, strict=True)]
        return self.pick(["Digest", "digest", "Basic"]) + self.pick([" ", "\t", "  "]) + self.around(",").join(pairs)

    def broken(self, text: str) -> str:
        """Put a splinter somewhere, or in the place of a few letters, leave some out, or say them twice."""
        if self.rng.random() < 0.4:
            return text
        at = self.rng.randrange(len(text) + 1)
        end = at + self.rng.randint(0, 4)
        middle = self.pick([self.pick(SPLINTERS) + text[at:end], self.pick(SPLINTERS), "", 2 * text[at:end]])
        return (text[:at] + middle + text[end:]).strip()


def address(text: str) -> slow.Address:
    found = NameAddr.parse(text)
    return found.uri, found.display, dict(found.params)


def hop(text: str) -> slow.Hop:
    found = Via.parse(text)
    return found.transport, found.host, found.port, dict(found.params)


KINDS: dict[str, tuple[Callable[[Maker], str], Callable[[str], Any], Callable[[str], Any]]] = {
    "address": (Maker.address, address, slow.address),
    "hop": (Maker.hop, hop, slow.hop),
    "cseq": (Maker.cseq, parse_cseq, slow.cseq),
    "credentials": (Maker.credentials, parse_scheme, slow.credentials),
}


def outcome(parse: Callable[[str], Any], text: str) -> object:
    """Return what was read, or that it was refused."""
    try:
        return parse(text)
    except (Malformed, slow.NotValid):
        return NotImplemented


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_valid_is_read_as_the_grammar_says(kind: str, seed: int) -> None:
    make, ours, book = KINDS[kind]
    maker = Maker(seed)
    texts = [maker.broken(make(maker)) for _ in range(VALUES)]
    by_the_book = {text: said for text in texts if (said := outcome(book, text)) is not NotImplemented}
    assert len(by_the_book) > VALUES / 10 or kind == "cseq", "hardly anything is valid any more"
    assert {text: outcome(ours, text) for text in by_the_book} == by_the_book


@pytest.mark.parametrize("seed", SEEDS)
def test_broken_credentials_are_read_alike_the_short_and_the_long_way(seed: int) -> None:
    maker = Maker(seed)
    texts = [maker.broken(PLAIN).removeprefix("Digest ") for _ in range(VALUES)]
    short = {text: pairs for text in texts if (pairs := _parse_plain_pairs(text)) is not None}
    assert len(short) > VALUES / 30, "hardly anything goes the short way any more"
    assert {text: outcome(_parse_rare_pairs, text) for text in short} == short


def message(maker: Maker) -> tuple[str, str]:
    """Return a start line and header lines, spelled, folded and ordered in odd ways."""
    values = {"via": maker.hop(), "from": maker.address(), "to": maker.address(), "call-id": "a@b", "cseq": "1 MESSAGE"}
    values |= {"content-length": "0", "subject": "two words", maker.token(): "a:b"}
    short = {name: letter for letter, name in COMPACT.items()}
    lines = []
    for name, value in values.items():
        spelled = maker.pick([name, name.upper(), name.title(), short.get(name, name)])
        folded = "".join(maker.pick([char, "\r\n ", " \r\n\t"]) if char == " " else char for char in value)
        lines.append(f"{spelled}{maker.pick([':', ': ', ' : ', chr(9) + ':'])}{folded}")
    maker.rng.shuffle(lines)
    return "MESSAGE sip:a@b SIP/2.0", "\r\n".join(lines)


@pytest.mark.parametrize("seed", SEEDS)
def test_header_lines_are_found_however_they_are_spelled_and_folded(seed: int) -> None:
    maker = Maker(seed)
    for _ in range(VALUES // 5):
        start, lines = message(maker)
        parsed = parse_message(f"{start}\r\n{lines}\r\n\r\n".encode("utf-8", "surrogateescape"))
        found = {name: [" ".join(value.split()) for value in values] for name, values in parsed.headers.items()}
        assert found == slow.headers(lines, COMPACT)
        assert isinstance(parsed, Request)
        parsed.check()
