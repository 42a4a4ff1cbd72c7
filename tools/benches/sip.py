"""SIP MESSAGEs accepted, stored durably, answered and forwarded, through the real daemon, against `minimal_sip.py`.

A load of phones keeps a window of MESSAGEs open over UDP, each with a digest of its own count (SHA-256, qop auth). The
daemon hands each text on to the phone that it is written to, out of DESKS that this program is as well, one at a time
to each of them as RFC 3428 wants it; in the row that says so all of them go to one. A run ends when everything that was
accepted was forwarded too. The ceiling answers and forwards once a group commit has returned, without passwords,
routing or inbox, and without waiting for the phones. A further row tells what is left of it for a program that only
parses, checks the digest, commits as many rows and waits for the phones (`bare_sip.py`).

The load is drawn up before the clock starts and looks at no more of an answer than its Call-ID, so that the servers
and not the load are measured; it is one blocking loop, for the servers run on the other core. Where uvloop is installed
both servers run on it too.
"""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drivers.sip.digest import Asked, digest, parse_scheme, secret_hash
from drivers.sip.message import Request, parse_message
from tools.benches import sip_parsing
from tools.benches.bare_sip import NONCE
from tools.benches.report import Row, median, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 3_000
WINDOW = 32
DESKS = 16
ROUNDS = 3
PATIENCE = 30.0
TIMER_E = 0.5
USER, PASSWORD, REALM = "2001", "bench-password", "gateway.local"
SECRET = secret_hash("SHA-256", USER, REALM, PASSWORD)
LOOPS = ("asyncio", "uvloop") if importlib.util.find_spec("uvloop") else ("asyncio",)
CONFIG = """
[gateway]
data_dir = "{data}"
log_level = "error"
event_loop = "{loop}"
[api]
port = 0
[lines.phones]
kind = "sip"
port = {port}
domains = ["gateway.local"]
recipients = ["*"]
options_interval = 0
accounts = {{ "2001" = {{ password = "bench-password" }} }}
static = {{ {static} }}
"""
SITE = """
[site]
fallback = "contact:desk0"
"""
DESK = """
[[contact]]
name = "desk{number}"
line = "phones"
address = "desk{number}"
"""
_CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r]+)\r\n")
_KEPT = re.compile(rb"^(?:via|from|to|call-id|cseq):.*\r\n", re.IGNORECASE | re.MULTILINE)


class Run(NamedTuple):
    """One round: messages accepted and forwarded a second, seconds until each answer, CPU microseconds a message."""

    rate: float
    forwarded: float
    times: list[float]
    cpu: float


class _Load:
    """Phones that write, and the phones that are written to, behind one socket. `messages` are by Call-ID."""

    def __init__(self, sock: socket.socket, messages: dict[bytes, bytes]) -> None:
        self._socket = sock
        self._messages = messages
        self._left = iter(messages.items())
        self._begun: dict[bytes, float] = {}
        self._forwarded: set[bytes] = set()
        self.times: list[float] = []
        self.accepted = 0.0  # when the last answer came

    def run(self, count: int) -> None:
        """Send everything and wait until it was forwarded."""
        for _ in range(WINDOW):
            self._ask()
        while len(self.times) < count or len(self._forwarded) < count:
            data = self._receive()
            found = _CALL_ID.search(data)
            if data.startswith(b"MESSAGE "):
                self._take_page(data, found[1] if found else b"")
            elif found is not None and found[1] in self._begun:
                self._take_answer(data, found[1])

    def _receive(self) -> bytes:
        """Wait for the next datagram; what was lost on the way is sent again, as timer E of RFC 3261 wants it."""
        for _ in range(round(PATIENCE / TIMER_E)):
            try:
                return self._socket.recv(65_536)
            except TimeoutError:
                for name in self._begun:
                    self._socket.send(self._messages[name])
        raise RuntimeError(f"{len(self.times)} answered, {len(self._forwarded)} forwarded, then silence")

    def _ask(self) -> None:
        name, data = next(self._left, (b"", b""))
        if data:
            self._begun[name] = time.perf_counter()
            self._socket.send(data)

    def _take_page(self, data: bytes, name: bytes) -> None:
        self._forwarded.add(name)
        kept = b"".join(_KEPT.findall(data))
        self._socket.send(b"SIP/2.0 200 OK\r\n" + kept + b"Content-Length: 0\r\n\r\n")

    def _take_answer(self, data: bytes, name: bytes) -> None:
        if data[8:11] not in (b"200", b"202"):
            raise RuntimeError(f"answered with {data[8:40]!r}")
        self.accepted = time.perf_counter()
        self.times.append(self.accepted - self._begun.pop(name))
        self._ask()


class Server:
    """A server process, where it listens, and the challenge that it gave; the ceiling gives none."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, challenge: dict[str, str] | None) -> None:
        self.process = process
        self.target = ("127.0.0.1", port)
        self._challenge = challenge
        self._nc = 0

    def _credentials(self, uri: str) -> str:
        """Return the digest of the next count."""
        if self._challenge is None:
            return "none"
        self._nc += 1
        nonce, count = self._challenge["nonce"], f"{self._nc:08x}"
        response = digest("SHA-256", SECRET, Asked("MESSAGE", uri, nonce, "auth", count, "bench"))
        return (
            f'Digest username="{USER}", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}", '
            f'algorithm=SHA-256, qop=auth, nc={count}, cnonce="bench"'
        )

    def cpu(self) -> float:
        """Return the processor seconds that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100.0

    def run(self, port: int, desks: int, count: int = MESSAGES) -> Run:
        """Let `count` messages to `desks` phones through once; this program is the phones, at `port`."""
        messages = dict(self._message(number, port, desks) for number in range(count))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind(("127.0.0.1", port))
            sock.connect(self.target)
            sock.settimeout(TIMER_E)
            load = _Load(sock, messages)
            before, begin = self.cpu(), time.perf_counter()
            load.run(count)
            end = time.perf_counter()
            # What was said last is still being written down; it belongs to the bill.
            time.sleep(0.2)
            cpu = (self.cpu() - before) / count * 1e6
        return Run(count / (load.accepted - begin), count / (end - begin), load.times, cpu)

    def _message(self, number: int, port: int, desks: int) -> tuple[bytes, bytes]:
        name, uri = f"{time.monotonic_ns()}-{number}", f"sip:desk{number % desks}@{REALM}"
        headers = {
            "via": [f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name};rport"],
            "max-forwards": ["70"],
            "from": [f"<sip:{USER}@{REALM}>;tag=bench"],
            "to": [f"<{uri}>"],
            "call-id": [name],
            "cseq": ["1 MESSAGE"],
            "authorization": [self._credentials(uri)],
            "content-type": ["text/plain"],
        }
        return name.encode(), Request(headers, f"ROOM {number}".encode(), "MESSAGE", uri).to_bytes()


Pairs = list[tuple[Run, Run]]


def measure() -> list[Row]:
    """Return rates, the slowest percent of the answers and processor time a message."""
    return [sip_parsing.measure(), *(row for loop in LOOPS for row in _measure_on(loop))]


def _measure_on(loop: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder, phone = Path(name), _free_port()
        minimal, daemon = _minimal(folder, phone, loop, servers), _daemon(folder, phone, loop, servers)
        bare = _bare(folder, phone, loop, servers)
        for server in (minimal, daemon, bare):
            server.run(phone, DESKS, MESSAGES // 10)  # warm up: first imports, first pages of the file
        rounds = [[server.run(phone, DESKS) for server in (minimal, daemon, bare)] for _ in range(ROUNDS)]
        pairs, bare_pairs = [(row[0], row[1]) for row in rounds], [(row[0], row[2]) for row in rounds]
        single = [(minimal.run(phone, 1), daemon.run(phone, 1))]
    return [
        _row(f"{loop}: accepted, stored and answered", "1/s", pairs, lambda run: run.rate),
        _row(f"{loop}: the same, forwarded to {DESKS} phones", "1/s", pairs, lambda run: run.forwarded),
        _row("  a bare program that parses, checks and waits too", "1/s", bare_pairs, lambda run: run.forwarded),
        _row(f"{loop}: the same, forwarded to one phone", "1/s", single, lambda run: run.forwarded),
        _row(f"{loop}: answer, p99", "ms", pairs, lambda run: percentile(run.times, 0.99) * 1000),
        _row(f"{loop}: processor time a message", "us", pairs, lambda run: run.cpu),
    ]


def _row(what: str, unit: str, pairs: Pairs, figure: Callable[[Run], float]) -> Row:
    ceiling, measured = (median([figure(pair[side]) for pair in pairs]) for side in (0, 1))
    return Row(what, unit, ceiling, measured, measured / ceiling if unit == "1/s" else ceiling / measured)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE)


def _free_port() -> int:
    """Return a port that is free for datagrams and for connections: a line of phones listens for both."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as connections:
            datagrams.bind(("127.0.0.1", 0))
            address = datagrams.getsockname()
            with suppress(OSError):
                connections.bind(address)
                return int(address[1])


def _start(arguments: list[str], servers: ExitStack) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", *arguments])
    servers.callback(_end, process)
    return process


def _daemon(folder: Path, phone: int, loop: str, servers: ExitStack) -> Server:
    port, ready = _free_port(), folder / "ready"
    config, site = folder / "gatewayd.toml", folder / "site.toml"
    static = ", ".join(f'"desk{number}" = "sip:desk{number}@127.0.0.1:{phone}"' for number in range(DESKS))
    config.write_text(CONFIG.format(data=folder / "data", port=port, static=static, loop=loop), "utf-8")
    site.write_text(SITE + "".join(DESK.format(number=number) for number in range(DESKS)), "utf-8")
    read = [sys.executable, "-m", "gatewayd", "import", str(site), "--config", str(config)]
    subprocess.run(read, check=True, stdout=subprocess.DEVNULL)
    process = _start(["gatewayd", "run", "--no-demo", "--config", str(config), "--ready-file", str(ready)], servers)
    _wait(ready)
    return Server(process, port, _challenge(port))


def _bare(folder: Path, phone: int, loop: str, servers: ExitStack) -> Server:
    port, ready = _free_port(), folder / "bare-ready"
    arguments = [str(port), str(phone), str(folder / "bare.db"), SECRET, str(ready), loop]
    process = _start(["tools.benches.bare_sip", *arguments], servers)
    _wait(ready)
    return Server(process, port, {"nonce": NONCE})


def _minimal(folder: Path, phone: int, loop: str, servers: ExitStack) -> Server:
    port, ready = _free_port(), folder / "minimal-ready"
    arguments = [str(port), str(phone), str(folder / "minimal.db"), str(ready), loop]
    process = _start(["tools.benches.minimal_sip", *arguments], servers)
    _wait(ready)
    return Server(process, port, None)


def _wait(ready: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _challenge(port: int) -> dict[str, str]:
    """Ask once without credentials and return the parameters of the first challenge."""
    uri = f"sip:desk0@{REALM}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(PATIENCE)
        phone.connect(("127.0.0.1", port))
        own = ":".join(map(str, phone.getsockname()))
        via = f"SIP/2.0/UDP {own};branch=z9hG4bKfirst;rport"
        head = {"via": [via], "from": [f"<sip:{USER}@{REALM}>;tag=1"], "to": [f"<{uri}>"], "call-id": ["first"]}
        phone.send(Request({**head, "cseq": ["1 MESSAGE"]}, b"", "MESSAGE", uri).to_bytes())
        answer = parse_message(phone.recv(65_536))
    found = parse_scheme(answer.headers["www-authenticate"][0])
    if found is None:
        raise RuntimeError("the daemon did not challenge")
    return found
