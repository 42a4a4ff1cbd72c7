"""The ceiling of `sip`: a bare asyncio responder that stores each MESSAGE with group commit, answers and forwards it.

It looks at nothing but the headers that an answer repeats; it asks for no password and waits for no phone.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import socket
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = re.compile(rb"^(?:via|from|to|call-id|cseq):.*\r\n", re.IGNORECASE | re.MULTILINE)


BATCH = 64  # datagrams in one turn of the loop, as many as the gateway takes
LARGEST = 65_536  # bytes


class Minimal:
    """One socket for both sides."""

    def __init__(self, sock: socket.socket, phone: int, database: str) -> None:
        self._socket = sock
        self._phone = ("127.0.0.1", phone)
        self._store = sqlite3.connect(database, isolation_level=None)
        self._store.execute("PRAGMA journal_mode = WAL")
        self._store.execute("PRAGMA synchronous = FULL")
        self._store.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text BLOB, queue_time REAL)")

    def serve(self) -> None:
        """Take what has arrived; answers of the phone need nothing."""
        group = [(data, addr) for data, addr in arrived(self._socket) if data.startswith(b"MESSAGE ")]
        if not group:
            return
        self._store.execute("BEGIN")
        for data, _ in group:
            text = data.partition(b"\r\n\r\n")[2]
            self._store.execute("INSERT INTO messages (text, queue_time) VALUES (?, ?)", (text, time.time()))
        self._store.execute("COMMIT")
        for data, addr in group:
            kept = b"".join(KEPT.findall(data))
            self._socket.sendto(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n", addr)
            self._socket.sendto(data.replace(b"\r\nCall-ID: ", b"\r\nCall-ID: forwarded-", 1), self._phone)


def arrived(sock: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    """Yield the datagrams that are there, and where they came from."""
    with suppress(BlockingIOError):
        for _ in range(BATCH):
            yield sock.recvfrom(LARGEST)


def serve(port: int, reader: Callable[[socket.socket], Callable[[], None]], ready: str, loop: list[str]) -> None:
    """Serve one socket until killed, on uvloop where `loop` says so; `ready` is a file that says that it is open."""
    new_loop = importlib.import_module("uvloop").new_event_loop if loop == ["uvloop"] else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(port, reader, ready))


async def _serve(port: int, reader: Callable[[socket.socket], Callable[[], None]], ready: str) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", port))
    asyncio.get_running_loop().add_reader(sock, reader(sock))
    _tell(ready)
    await asyncio.Event().wait()


def _tell(ready: str) -> None:
    """Say that the socket is open."""
    Path(ready).touch()


if __name__ == "__main__":
    PORT, PHONE, DATABASE, READY = sys.argv[1:5]
    serve(int(PORT), lambda sock: Minimal(sock, int(PHONE), DATABASE).serve, READY, sys.argv[5:])
