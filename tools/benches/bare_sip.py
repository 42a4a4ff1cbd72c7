"""The least that a program in CPython has to do for a text of `sip`: no gateway, and nothing that one is for.

Each MESSAGE and each answer is parsed, the digest is checked, four rows are committed before the answer and one is
changed when the phone has it, and there is one text at a time to each phone: with the gateway's own parser and digest.
There are no transactions, no retransmissions, no people, no rules, no priorities, no expiry, no log; a text that is
lost on the way is lost. What the gateway takes beyond this is the price of what it does.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from drivers.sip.digest import Asked, digest, parse_scheme
from drivers.sip.message import Request, Response, parse_message
from tools.benches.minimal_sip import KEPT, arrived, serve

if TYPE_CHECKING:
    import socket

    from drivers.sip.message import Message

NONCE = "0" * 32  # what the load answers to: asking for it is no part of the work
TABLES = (
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT, sender TEXT)",
    "CREATE TABLE pages (id INTEGER PRIMARY KEY, message_id INTEGER, address TEXT, state INTEGER)",
    "CREATE INDEX pages_address ON pages (address, state)",
    "CREATE TABLE taken_once (id INTEGER PRIMARY KEY, call_id TEXT)",
    "CREATE TABLE journal (id INTEGER PRIMARY KEY, message_id INTEGER, what TEXT)",
)
Text = tuple[int, str, str, str, str]  # number, sender, recipient, text, Call-ID


class Bare:
    """One socket for both sides."""

    def __init__(self, sock: socket.socket, phone: int, database: str, ha1: str) -> None:
        self._socket = sock
        self._phone = ("127.0.0.1", phone)
        self._ha1 = ha1
        self._store = sqlite3.connect(database, isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
            self._store.execute(statement)
        self._number = 0
        self._under_way: dict[str, tuple[int, str]] = {}  # number and recipient, by Call-ID
        self._busy: set[str] = set()
        self._queues: dict[str, deque[tuple[int, bytes]]] = defaultdict(deque)

    def serve(self) -> None:
        """Take what has arrived: commit it all together, then answer and go on with each phone that is free."""
        texts, sources, done = [], [], []
        for data, source in arrived(self._socket):
            message = parse_message(data)
            message.via, message.cseq, message.from_, message.to  # noqa: B018 - looked into, as every server has to
            if isinstance(message, Response):
                done.append(self._under_way.pop(message.call_id))
            elif isinstance(message, Request):
                self._check(message)
                texts.append(self._text(message))
                sources.append((data, source))
        self._commit(texts, done)
        for text, (data, source) in zip(texts, sources, strict=True):
            kept = b"".join(KEPT.findall(data))
            self._socket.sendto(b"SIP/2.0 202 Accepted\r\n" + kept + b"Content-Length: 0\r\n\r\n", source)
            self._queues[text[2]].append((text[0], data))
        self._busy.difference_update(recipient for _, recipient in done)
        for recipient in {text[2] for text in texts} | {recipient for _, recipient in done}:
            self._next(recipient)

    def _check(self, request: Request) -> None:
        found = parse_scheme(request.first("authorization")) or {}
        asked = Asked(request.method, found["uri"], found["nonce"], found["qop"], found["nc"], found["cnonce"])
        if digest("SHA-256", self._ha1, asked) != found["response"]:
            raise RuntimeError("this load knows its password")

    def _text(self, message: Message) -> Text:
        self._number += 1
        return self._number, message.from_.uri, message.to.uri, message.body.decode(), message.call_id

    def _commit(self, texts: list[Text], done: list[tuple[int, str]]) -> None:
        many = self._store.executemany
        self._store.execute("BEGIN")
        many("INSERT INTO messages VALUES (?, ?, ?)", [(number, text, sender) for number, sender, _, text, _ in texts])
        many(
            "INSERT INTO pages VALUES (?, ?, ?, 0)", [(number, number, recipient) for number, _, recipient, *_ in texts]
        )
        many("INSERT INTO taken_once VALUES (?, ?)", [(number, call_id) for number, *_, call_id in texts])
        many("INSERT INTO journal VALUES (?, ?, 'taken')", [(number, number) for number, *_ in texts])
        many("UPDATE pages SET state = 1 WHERE id = ?", [(number,) for number, _ in done])
        self._store.execute("COMMIT")

    def _next(self, recipient: str) -> None:
        if self._queues[recipient] and recipient not in self._busy:
            self._busy.add(recipient)
            number, data = self._queues[recipient].popleft()
            name = f"forwarded-{number}"
            head, _, rest = data.partition(b"\r\nCall-ID: ")
            _, _, rest = rest.partition(b"\r\n")
            self._under_way[name] = (number, recipient)
            self._socket.sendto(b"%b\r\nCall-ID: %b\r\n%b" % (head, name.encode(), rest), self._phone)


if __name__ == "__main__":
    PORT, PHONE, DATABASE, HA1, READY = sys.argv[1:6]
    serve(int(PORT), lambda sock: Bare(sock, int(PHONE), DATABASE, HA1).serve, READY, sys.argv[6:])
