"""Durable `events/send` and inbox reads over HTTP, against `minimal_rest.py` in the same run.

The load comes from this process over raw sockets: 128 connections with one request each under way, or one connection
for the lone request. Both servers are asked in turn, round by round.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NamedTuple, cast

from tools.benches.report import Row, median

CONNECTIONS = 128
REQUESTS = 3_000
LONE = 400
READS = 2_000
ROUNDS = 7
PATIENCE = 30.0

CONFIG = '[gateway]\ndata_dir = "{data}"\nlog_level = "error"\n[api]\nport = {port}\n'
SITE = """
[[user]]
name = "bench"
password = "bench-password"
[[user]]
name = "reader"
"""


class Server(NamedTuple):
    """A server under load."""

    port: int
    token: str
    fields: dict[str, str]


def measure() -> list[Row]:
    """Return requests a second and the time of a lone request."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = _free_port(), _free_port()
        processes = [_start_minimal(folder, ports[0]), _start_daemon(folder, ports[1])]
        try:
            for port in ports:
                _wait_for(port)
            token = _log_in(ports[1])
            minimal = Server(ports[0], "minimal", {"text": "ROOM 12"})
            daemon = Server(ports[1], token, {"text": "ROOM 12", "recipients": "1"})
            return _measure(minimal, daemon)
        finally:
            for process in processes:
                process.terminate()
                process.wait(PATIENCE)


def _measure(minimal: Server, daemon: Server) -> list[Row]:
    for server in (minimal, daemon):
        _rate(_send(server), REQUESTS // 3)  # warm up: first imports, first pages of the file
    pairs: dict[str, list[tuple[float, float]]] = {"send": [], "lone": [], "inbox": []}
    for _ in range(ROUNDS):
        pairs["send"].append((_rate(_send(minimal), REQUESTS), _rate(_send(daemon), REQUESTS)))
        pairs["lone"].append((_lone(_send(minimal)), _lone(_send(daemon))))
        pairs["inbox"].append((_rate(_inbox(minimal), READS), _rate(_inbox(daemon), READS)))
    rows = []
    for what, unit in (("send", "1/s"), ("inbox", "1/s"), ("lone", "ms")):
        ceiling, measured = (median([pair[side] for pair in pairs[what]]) for side in (0, 1))
        ratios = [b / a if unit == "1/s" else a / b for a, b in pairs[what]]
        title = {"send": f"durable send, {CONNECTIONS} connections", "inbox": "inbox of 20", "lone": "lone send, p50"}
        rows.append(Row(title[what], unit, ceiling, measured, median(ratios)))
    return rows


def _send(server: Server) -> tuple[int, bytes]:
    body = urllib.parse.urlencode(server.fields).encode()
    head = _head("POST", "/api/users/self/events/send?f=json", server)
    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    return server.port, head.encode() + body


def _inbox(server: Server) -> tuple[int, bytes]:
    return server.port, (_head("GET", "/api/users/self/events?f=json&limit=20", server) + "\r\n").encode()


def _head(method: str, path: str, server: Server) -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"


class _Asker(asyncio.Protocol):
    """One connection: asks again as soon as it has its answer, until the common count is used up."""

    def __init__(self, request: bytes, left: list[int], done: asyncio.Future[None], times: list[float]) -> None:
        self._request = request
        self._left = left
        self._done = done
        self._times = times
        self._buffer = b""
        self._begin = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        self._left[0] -= 1
        self._begin = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self._times.append(time.perf_counter() - self._begin)
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(f"unexpected answer: {self._buffer[:300]!r}"))
            return
        self._buffer = b""
        if self._left[0] > 0:
            self.ask()
        elif len(self._times) >= -self._left[1] and not self._done.done():
            self._done.set_result(None)


async def _load(port: int, request: bytes, connections: int, count: int) -> tuple[float, list[float]]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    left = [count, -count]
    times: list[float] = []
    made = [
        await loop.create_connection(lambda: _Asker(request, left, done, times), "127.0.0.1", port)
        for _ in range(connections)
    ]
    begin = time.perf_counter()
    for _, asker in made:
        asker.ask()
    await done
    seconds = time.perf_counter() - begin
    for transport, _ in made:
        transport.close()
    return seconds, times


def _rate(target: tuple[int, bytes], count: int) -> float:
    seconds, _ = asyncio.run(_load(*target, CONNECTIONS, count))
    return count / seconds


def _lone(target: tuple[int, bytes]) -> float:
    _, times = asyncio.run(_load(*target, 1, LONE))
    return median(times) * 1000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _log_in(port: int) -> str:
    body = urllib.parse.urlencode({"username": "bench", "password": "bench-password"}).encode()
    url = f"http://127.0.0.1:{port}/api/tokens/generatetoken?f=json"
    with urllib.request.urlopen(url, body, timeout=PATIENCE) as answer:
        return str(json.loads(answer.read())["token"])


def _start_minimal(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tools.benches.minimal_rest", str(port), str(folder / "minimal.db"), "minimal"]
    return subprocess.Popen(command)


def _start_daemon(folder: Path, port: int) -> subprocess.Popen[bytes]:
    config, site = folder / "gatewayd.toml", folder / "site.toml"
    config.write_text(CONFIG.format(data=folder / "data", port=port), "utf-8")
    site.write_text(SITE, "utf-8")
    gatewayd = [sys.executable, "-m", "gatewayd"]
    subprocess.run([*gatewayd, "import", str(site), "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
    return subprocess.Popen([*gatewayd, "run", "--no-demo", "--config", str(config)])
