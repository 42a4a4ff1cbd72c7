"""The ceiling of `latency`: the least that has to happen between an alarm and a page, in one blocking loop.

Reads an ESPA block from one PTY, checks it, commits one row to SQLite with full durability, writes a TAP block to
another PTY and a SIP MESSAGE to a UDP socket, and acknowledges. No queue, no routing, no escalation, no asyncio.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from functools import reduce


def main(panel_path: str, pager_path: str, phone_port: str, database: str) -> None:
    """Serve until the panel's PTY is closed."""
    panel, pager = os.open(panel_path, os.O_RDWR | os.O_NOCTTY), os.open(pager_path, os.O_RDWR | os.O_NOCTTY)
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    store = sqlite3.connect(database, isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    store.execute("CREATE TABLE alarms (id INTEGER PRIMARY KEY, text TEXT)")
    buffer = b""
    while True:
        buffer += os.read(panel, 4096)
        if buffer.endswith(b"2\x05"):
            os.write(panel, b"\x06")
            buffer = b""
        start, end = buffer.find(b"\x01"), buffer.find(b"\x03")
        if start < 0 or not 0 <= end < len(buffer) - 1:
            continue
        block = buffer[start + 1 : end + 1]
        buffer = buffer[end + 2 :]
        if reduce(lambda a, b: a ^ b, block) == 0:
            continue
        text = block.split(b"\x1e2\x1f")[1].split(b"\x1e")[0].rstrip(b"\x03")
        store.execute("BEGIN")
        store.execute("INSERT INTO alarms (text) VALUES (?)", (text.decode(),))
        store.execute("COMMIT")
        page = b"\x022001\r" + text + b"\r\x03"
        total = sum(page) & 0xFFF
        os.write(pager, page + bytes(0x30 + (total >> shift & 15) for shift in (8, 4, 0)) + b"\r")
        phone.sendto(b"MESSAGE sip:2001@127.0.0.1 SIP/2.0\r\n\r\n" + text, ("127.0.0.1", int(phone_port)))
        os.write(panel, b"\x06")


if __name__ == "__main__":
    main(*sys.argv[1:])
