"""RFC 3261 section 25, one character after the other: slow, strict and without a shortcut. Raises NotValid."""

from __future__ import annotations

import ipaddress
import string

TOKEN = frozenset(string.ascii_letters + string.digits + "-.!%*_+`'~")
HOST = frozenset(string.ascii_letters + string.digits + "-.")
URI = frozenset(string.ascii_letters + string.digits + "-_.!~*'()&=+$,;?/:@%[]#")
BLANK = frozenset(" \t")

Address = tuple[str, str, dict[str, str]]
Hop = tuple[str, str, int | None, dict[str, str]]


class NotValid(Exception):
    """The text is not in the grammar."""


class Reader:
    """A text and a place in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    @property
    def next(self) -> str:
        return self.text[self.place : self.place + 1]

    def expect(self, char: str) -> None:
        if self.next != char:
            raise NotValid
        self.place += 1

    def run(self, chars: frozenset[str]) -> str:
        start = self.place
        while self.next and self.next in chars:
            self.place += 1
        return self.text[start : self.place]

    def word(self, chars: frozenset[str]) -> str:
        found = self.run(chars)
        if not found:
            raise NotValid
        return found

    def blank(self) -> str:
        return self.run(BLANK)

    def end(self) -> None:
        self.blank()
        if self.next:
            raise NotValid

    def separator(self, char: str) -> bool:
        """Take SEMI, EQUAL, COLON and the like: blanks may stand on both sides."""
        before = self.place
        self.blank()
        if self.next != char:
            self.place = before
            return False
        self.place += 1
        self.blank()
        return True

    def quoted(self) -> str:
        self.expect('"')
        said = ""
        while (char := self.next) != '"':
            self.place += 1
            if char == "\\":
                char = self.next
                self.place += 1
                if not char or ord(char) > 127:
                    raise NotValid
            elif not char or (char < " " and char != "\t"):
                raise NotValid
            said += char
        self.place += 1
        return said

    def host(self) -> str:
        if self.next != "[":
            return name_of_host(self.word(HOST))
        start = self.place
        self.run(frozenset(string.hexdigits + "[:."))
        self.expect("]")
        try:
            ipaddress.IPv6Address(self.text[start + 1 : self.place - 1])
        except ValueError:
            raise NotValid from None
        return self.text[start : self.place]

    def params(self) -> dict[str, str]:
        """Of two with one name the first counts."""
        found: dict[str, str] = {}
        while self.separator(";"):
            name = self.word(TOKEN).lower()
            found.setdefault(name, self.value() if self.separator("=") else "")
        return found

    def value(self) -> str:
        if self.next == '"':
            return self.quoted()
        return self.host() if self.next == "[" else self.word(TOKEN)


def name_of_host(text: str) -> str:
    """Return a host name or an IPv4 address if it is one."""
    labels = text.removesuffix(".").split(".")
    if not all(labels) or any(label.startswith("-") or label.endswith("-") for label in labels):
        raise NotValid
    is_address = len(labels) == 4 and all(label.isdigit() and len(label) < 4 for label in labels)
    if not is_address and not labels[-1][0].isalpha():
        raise NotValid
    return text


def uri(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if not scheme.isalpha() or not colon or not rest or not URI.issuperset(text):
        raise NotValid
    return text


def name_before_brackets(reader: Reader) -> str:
    """Take what may be a display name: a quoted string, or tokens with blanks between them."""
    reader.blank()
    if reader.next == '"':
        found = reader.quoted()
        reader.blank()
        return found
    return reader.run(TOKEN | BLANK).strip(" \t")


def address(text: str) -> Address:
    """Read From, To or one Contact: URI, display name, parameters."""
    reader = Reader(text)
    display = name_before_brackets(reader)
    if reader.next == "<":
        reader.place += 1
        found = uri(reader.run(frozenset(set(reader.text) - {">"})))
        reader.expect(">")
    else:
        reader.place, display = 0, ""
        reader.blank()
        found = uri(reader.run(URI - frozenset(";?,")))
    params = reader.params()
    reader.end()
    return found, display, params


def hop(text: str) -> Hop:
    """Read one Via: transport, host, port, parameters."""
    reader = Reader(text)
    reader.blank()
    parts = [reader.word(TOKEN)]
    while len(parts) < 3 and reader.separator("/"):
        parts.append(reader.word(TOKEN))
    if [part.upper() for part in parts[:2]] != ["SIP", "2.0"] or len(parts) < 3 or not reader.blank():
        raise NotValid
    host = reader.host()
    port = int(reader.word(frozenset(string.digits))) if reader.separator(":") else None
    if port is not None and not 0 < port < 65536:
        raise NotValid
    params = reader.params()
    reader.end()
    return parts[2].upper(), host.lower(), port, params


def cseq(text: str) -> tuple[int, str]:
    reader = Reader(text)
    number = int(reader.word(frozenset(string.digits)))
    if not reader.blank() or number >= 2**31:
        raise NotValid
    method = reader.word(TOKEN)
    reader.end()
    return number, method


def credentials(text: str) -> dict[str, str] | None:
    """Read an Authorization or a challenge; None for another scheme than Digest."""
    reader = Reader(text)
    if reader.word(TOKEN).lower() != "digest":
        return None
    if not reader.blank():
        raise NotValid
    found: dict[str, str] = {}
    while True:
        name = reader.word(TOKEN).lower()
        if not reader.separator("="):
            raise NotValid
        found.setdefault(name, reader.quoted() if reader.next == '"' else reader.word(TOKEN))
        if not reader.separator(","):
            reader.end()
            return found


def headers(text: str, compact: dict[str, str]) -> dict[str, list[str]]:
    """Read header lines, which end in CRLF: values by long lower-case name, blanks in them taken together."""
    logical: list[str] = []
    for line in text.split("\r\n"):
        if line[:1] in BLANK and line and logical:
            logical[-1] += " " + line
        else:
            logical.append(line)
    found: dict[str, list[str]] = {}
    for line in logical:
        reader = Reader(line)
        name = reader.word(TOKEN).lower()
        if not reader.separator(":"):
            raise NotValid
        found.setdefault(compact.get(name, name), []).append(" ".join(line[reader.place :].split()))
    return found
