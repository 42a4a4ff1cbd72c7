"""SIP MESSAGEs accepted, stored durably, answered and forwarded, through the real daemon, against `minimal_sip.py`.

A load of phones keeps a window of MESSAGEs open over UDP, each with a digest of its own count (SHA-256, qop auth). The
daemon hands each text to the fallback recipient, a phone that this program is as well, one at a time as RFC 3428 wants
it of one phone. A run ends when everything that was accepted was forwarded too. The ceiling answers and forwards once a
group commit has returned, without passwords, routing or inbox, and without waiting for the phone.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drivers.sip.digest import Asked, digest, parse_scheme, secret_hash
from drivers.sip.message import Request, parse_message
from tools.benches.report import Row, median, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 2_000
WINDOW = 32
ROUNDS = 3
PATIENCE = 30.0
USER, PASSWORD, REALM = "2001", "bench-password", "gateway.local"
URI = f"sip:alarm@{REALM}"
CONFIG = """
[gateway]
data_dir = "{data}"
log_level = "error"
[api]
port = 0
[lines.phones]
kind = "sip"
port = {port}
domains = ["gateway.local"]
options_interval = 0
accounts = {{ "2001" = {{ password = "bench-password" }} }}
static = {{ "desk" = "sip:desk@127.0.0.1:{phone}" }}
"""
SITE = """
[site]
fallback = "contact:desk"
[[contact]]
name = "desk"
line = "phones"
address = "desk"
"""


class Run(NamedTuple):
    """One round: messages accepted and forwarded a second, seconds until each answer, CPU microseconds a message."""

    rate: float
    forwarded: float
    times: list[float]
    cpu: float


class _Load(asyncio.DatagramProtocol):
    """Phones that write, and the phone that is written to."""

    def __init__(self, count: int, credentials: Callable[[], str]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.times: list[float] = []
        self.forwarded = 0
        self.accepted = 0.0  # when the last answer came
        self._credentials = credentials
        self._count = count
        self._sent = 0
        self._begun: dict[str, float] = {}
        self._seen: set[str] = set()
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def ask(self, target: tuple[str, int]) -> None:
        """Send the next message, if there is one."""
        if self._sent >= self._count:
            return
        self._sent += 1
        name = f"{id(self)}-{self._sent}"
        host, port = self._transport.get_extra_info("sockname")[:2]
        headers = {
            "via": [f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{name};rport"],
            "max-forwards": ["70"],
            "from": [f"<sip:{USER}@{REALM}>;tag=bench"],
            "to": [f"<{URI}>"],
            "call-id": [name],
            "cseq": ["1 MESSAGE"],
            "authorization": [self._credentials()],
            "content-type": ["text/plain"],
        }
        self._begun[name] = time.perf_counter()
        self._transport.sendto(Request(headers, f"ROOM {self._sent}".encode(), "MESSAGE", URI).to_bytes(), target)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(data)
        if isinstance(message, Request):
            self._take_page(message, addr)
        elif message.call_id in self._begun:
            self._take_answer(message.call_id, message.status, addr)
        self._look()

    def _take_page(self, page: Request, addr: tuple[str, int]) -> None:
        if page.call_id not in self._seen:
            self._seen.add(page.call_id)
            self.forwarded += 1
        kept = [f"{name}: {page.first(name)}" for name in ("via", "from", "call-id", "cseq")]
        answer = ["SIP/2.0 200 OK", *kept, f"To: {page.first('to')};tag=b", "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(answer).encode(), addr)

    def _take_answer(self, name: str, status: int, addr: tuple[str, int]) -> None:
        if status not in (200, 202):
            self.done.set_exception(RuntimeError(f"answered with {status}"))
            return
        self.times.append(time.perf_counter() - self._begun.pop(name))
        self.ask(addr)

    def _look(self) -> None:
        if len(self.times) >= self._count and not self.accepted:
            self.accepted = time.perf_counter()
        if self.accepted and self.forwarded >= self._count and not self.done.done():
            self.done.set_result(None)


class Server:
    """A server process, where it listens, and the challenge that it gave; the ceiling gives none."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, challenge: dict[str, str] | None) -> None:
        self.process = process
        self.target = ("127.0.0.1", port)
        self._challenge = challenge
        self._nc = 0
        self._ha1 = secret_hash("SHA-256", USER, REALM, PASSWORD)

    def credentials(self) -> str:
        """Return the digest of the next count."""
        if self._challenge is None:
            return "none"
        self._nc += 1
        nonce, count = self._challenge["nonce"], f"{self._nc:08x}"
        response = digest("SHA-256", self._ha1, Asked("MESSAGE", URI, nonce, "auth", count, "bench"))
        return (
            f'Digest username="{USER}", realm="{REALM}", nonce="{nonce}", uri="{URI}", response="{response}", '
            f'algorithm=SHA-256, qop=auth, nc={count}, cnonce="bench"'
        )

    def cpu(self) -> float:
        """Return the processor seconds that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100.0

    def run(self, port: int) -> Run:
        """Let everything through once; this program is the phone at `port`."""
        return asyncio.run(self._run(port))

    async def _run(self, port: int) -> Run:
        loop = asyncio.get_running_loop()
        transport, load = await loop.create_datagram_endpoint(
            lambda: _Load(MESSAGES, self.credentials), local_addr=("127.0.0.1", port)
        )
        before, begin = self.cpu(), time.perf_counter()
        for _ in range(WINDOW):
            load.ask(self.target)
        await asyncio.wait_for(load.done, PATIENCE)
        end = time.perf_counter()
        transport.close()
        cpu = (self.cpu() - before) / MESSAGES * 1e6
        return Run(MESSAGES / (load.accepted - begin), MESSAGES / (end - begin), load.times, cpu)


def measure() -> list[Row]:
    """Return rates, the slowest percent of the answers and processor time a message."""
    with tempfile.TemporaryDirectory() as name:
        folder, phone = Path(name), _free_port()
        minimal, daemon = _minimal(folder, phone), _daemon(folder, phone)
        try:
            pairs = [(minimal.run(phone), daemon.run(phone)) for _ in range(ROUNDS)]
        finally:
            for server in (minimal, daemon):
                server.process.terminate()
                server.process.wait(PATIENCE)
    return [
        _row("accepted, stored and answered", "1/s", pairs, lambda run: run.rate),
        _row("the same, forwarded to one phone", "1/s", pairs, lambda run: run.forwarded),
        _row("answer, p99", "ms", pairs, lambda run: percentile(run.times, 0.99) * 1000),
        _row("processor time a message", "us", pairs, lambda run: run.cpu),
    ]


def _row(what: str, unit: str, pairs: list[tuple[Run, Run]], figure: Callable[[Run], float]) -> Row:
    ceiling, measured = (median([figure(pair[side]) for pair in pairs]) for side in (0, 1))
    return Row(what, unit, ceiling, measured, measured / ceiling if unit == "1/s" else ceiling / measured)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _daemon(folder: Path, phone: int) -> Server:
    port, ready = _free_port(), folder / "ready"
    config, site = folder / "gatewayd.toml", folder / "site.toml"
    config.write_text(CONFIG.format(data=folder / "data", port=port, phone=phone), "utf-8")
    site.write_text(SITE, "utf-8")
    gatewayd = [sys.executable, "-m", "gatewayd"]
    subprocess.run([*gatewayd, "import", str(site), "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen([*gatewayd, "run", "--no-demo", "--config", str(config), "--ready-file", str(ready)])
    _wait(ready)
    return Server(process, port, _challenge(port))


def _minimal(folder: Path, phone: int) -> Server:
    port, ready = _free_port(), folder / "minimal-ready"
    arguments = [str(port), str(phone), str(folder / "minimal.db"), str(ready)]
    process = subprocess.Popen([sys.executable, "-m", "tools.benches.minimal_sip", *arguments])
    _wait(ready)
    return Server(process, port, None)


def _wait(ready: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _challenge(port: int) -> dict[str, str]:
    """Ask once without credentials and return the parameters of the first challenge."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(PATIENCE)
        phone.connect(("127.0.0.1", port))
        own = ":".join(map(str, phone.getsockname()))
        via = f"SIP/2.0/UDP {own};branch=z9hG4bKfirst;rport"
        head = {"via": [via], "from": [f"<sip:{USER}@{REALM}>;tag=1"], "to": [f"<{URI}>"], "call-id": ["first"]}
        phone.send(Request({**head, "cseq": ["1 MESSAGE"]}, b"", "MESSAGE", URI).to_bytes())
        answer = parse_message(phone.recv(65_536))
    found = parse_scheme(answer.headers["www-authenticate"][0])
    if found is None:
        message = "the daemon did not challenge"
        raise RuntimeError(message)
    return found
