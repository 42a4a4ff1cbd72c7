"""Clients of the modem that are no gateway: what any program that runs on asyncio, and any that commits, can reach.

They send PDUs that were made beforehand, one after the other, and decide nothing.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tty
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Order = tuple[bytes, bytes]  # command and PDU of one message
SETUP = (b"ATE0\r", b"AT+CMGF=0\r")


class _Port:
    """The port of a modem on the loop."""

    def __init__(self, link: Path) -> None:
        self._file = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._file)
        self._heard = b""
        self._end = b""
        self._done: asyncio.Future[None] | None = None
        asyncio.get_running_loop().add_reader(self._file, self._read)

    async def ask(self, data: bytes, end: bytes) -> None:
        """Write, and wait for an answer that ends so."""
        self._heard, self._end = b"", end
        self._done = asyncio.get_running_loop().create_future()
        os.write(self._file, data)
        await self._done

    def _read(self) -> None:
        self._heard += os.read(self._file, 4096)
        if self._done is not None and not self._done.done() and self._heard.endswith(self._end):
            self._done.set_result(None)

    def close(self) -> None:
        """Close the port."""
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)


async def send_all(link: Path, orders: Sequence[Order], database: Path | None) -> None:
    """Send every message; with a `database`, commit a row after each, fully durable."""
    with closing(_Port(link)) as port, closing(sqlite3.connect(database or ":memory:", isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        store.execute("CREATE TABLE receipts (id INTEGER PRIMARY KEY, state TEXT)")
        for command in SETUP:
            await port.ask(command, b"OK\r\n")
        for command, body in orders:
            await port.ask(command, b"> ")
            await port.ask(body, b"OK\r\n")
            if database is not None:
                store.execute("INSERT INTO receipts (state) VALUES ('sent')")
