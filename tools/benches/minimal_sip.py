"""The ceiling of `sip`: a bare asyncio responder that stores each MESSAGE with group commit, answers and forwards it.

It looks at nothing but the headers that an answer repeats; it asks for no password and waits for no phone.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sqlite3
import sys
import time
from pathlib import Path

KEPT = re.compile(rb"^(?:via|from|to|call-id|cseq):.*\r\n", re.IGNORECASE | re.MULTILINE)


class Minimal(asyncio.DatagramProtocol):
    """One socket for both sides."""

    def __init__(self, phone: int, database: str) -> None:
        self._phone = ("127.0.0.1", phone)
        self._store = sqlite3.connect(database, isolation_level=None)
        self._store.execute("PRAGMA journal_mode = WAL")
        self._store.execute("PRAGMA synchronous = FULL")
        self._store.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text BLOB, queue_time REAL)")
        self._waiting: list[tuple[bytes, tuple[str, int]]] = []
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a MESSAGE; answers of the phone need nothing."""
        if data.startswith(b"MESSAGE "):
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self._flush)
            self._waiting.append((data, addr))

    def _flush(self) -> None:
        group, self._waiting = self._waiting, []
        self._store.execute("BEGIN")
        for data, _ in group:
            text = data.partition(b"\r\n\r\n")[2]
            self._store.execute("INSERT INTO messages (text, queue_time) VALUES (?, ?)", (text, time.time()))
        self._store.execute("COMMIT")
        for data, addr in group:
            kept = b"".join(KEPT.findall(data))
            self._transport.sendto(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n", addr)
            self._transport.sendto(data.replace(b"\r\nCall-ID: ", b"\r\nCall-ID: forwarded-", 1), self._phone)


async def main(port: int, phone: int, database: str, ready: str) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Minimal(phone, database), local_addr=("127.0.0.1", port))
    _tell(ready)
    await asyncio.Event().wait()


def _tell(ready: str) -> None:
    """Say that the socket is open."""
    Path(ready).touch()


if __name__ == "__main__":
    new_loop = importlib.import_module("uvloop").new_event_loop if sys.argv[5:] == ["uvloop"] else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
