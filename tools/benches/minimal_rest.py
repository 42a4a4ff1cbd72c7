"""The ceiling of `rest`: a bare aiohttp handler that stores a message and an inbox entry with group commit.

It checks a token in a dictionary and that the text is there; it knows no users, recipients, escalation or HTML.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import sys
import time

from aiohttp import web

SCHEMA = """
CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT, priority INTEGER, queue_time REAL);
CREATE TABLE events (id INTEGER PRIMARY KEY, user_id INTEGER, message_id INTEGER, status INTEGER);
"""


class Minimal:
    """One handler for writing, one for reading."""

    def __init__(self, database: str, token: str) -> None:
        self._store = sqlite3.connect(database, isolation_level=None)
        self._store.execute("PRAGMA journal_mode = WAL")
        self._store.execute("PRAGMA synchronous = FULL")
        self._store.executescript(SCHEMA)
        self._tokens = {f"Bearer {token}": 1}
        self._ids = itertools.count(1)
        self._pending: list[tuple[int, str, asyncio.Future[None]]] = []

    async def send(self, request: web.Request) -> web.Response:
        """Store what was posted, then answer."""
        if request.headers.get("Authorization") not in self._tokens:
            return web.Response(status=403)
        form = await request.post()
        text = form.get("text")
        if not isinstance(text, str) or not text:
            return web.Response(status=400)
        number, loop = next(self._ids), asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._pending:
            loop.call_soon(self._flush)
        self._pending.append((number, text, done))
        await done
        return web.json_response({"message_id": number})

    async def inbox(self, request: web.Request) -> web.Response:
        """Answer with the newest twenty."""
        if request.headers.get("Authorization") not in self._tokens:
            return web.Response(status=403)
        rows = self._store.execute(
            "SELECT e.id, m.id, m.queue_time, m.text, e.status, m.priority FROM events e JOIN messages m"
            " ON m.id = e.message_id WHERE e.user_id = 1 ORDER BY e.id DESC LIMIT 20"
        ).fetchall()
        total = self._store.execute("SELECT COUNT(*) FROM events WHERE user_id = 1").fetchone()[0]
        names = ("id", "message_id", "queue_time", "message", "status", "priority")
        events = [dict(zip(names, row, strict=True)) for row in rows]
        body = {"offset": 0, "count": len(events), "total": total, "events": events}
        return web.Response(text=json.dumps(body), content_type="application/json")

    def _flush(self) -> None:
        group, self._pending = self._pending, []
        now = time.time()
        self._store.execute("BEGIN")
        for number, text, _ in group:
            self._store.execute("INSERT INTO messages VALUES (?, ?, 3, ?)", (number, text, now))
            self._store.execute("INSERT INTO events VALUES (?, 1, ?, 1)", (number, number))
        self._store.execute("COMMIT")
        for _, _, done in group:
            if not done.done():
                done.set_result(None)


def main(port: str, database: str, token: str) -> None:
    """Serve until killed."""
    minimal = Minimal(database, token)
    app = web.Application()
    app.router.add_post("/api/users/self/events/send", minimal.send)
    app.router.add_get("/api/users/self/events", minimal.inbox)
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
