"""From the last byte of an ESPA block to the first byte of the page, on PTYs, committed in between.

The daemon runs as a process of its own with three lines (ESPA panel, TAP pager with a session that stays logged on,
SIP phone); this program is all three devices. The ceiling is `minimal.py` with the same devices. Both are asked in
turn, call by call, so that a drift of the machine meets both.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
import tty
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.benches.report import Row, median, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 300
WARM_UP = 20
TIMEOUT = 10.0
SELECT = b"\x041\x052\x05"
ACK, EOT = b"\x06", b"\x04"
TERMINAL = ((rb"^\r+$", b"ID="), (rb"\x1bPG1[^\r]*\r", b"\x06\r\x1b[p\r"), (rb"\x03...\r", b"211\r\x06\r"))
KEPT = re.compile(rb"(?i)(via|from|to|call-id|cseq)\s*:")

CONFIG = """
[gateway]
data_dir = "{data}"
log_level = "warning"
[api]
port = 0
[lines.panel]
kind = "espa444"
port = "{panel}"
link_silent_after = 0
[lines.pager]
kind = "tap"
port = "{pager}"
permanent = true
[lines.phones]
kind = "sip"
port = 0
options_interval = 0
static = {{ 2001 = "sip:2001@127.0.0.1:{phone}" }}
"""
SITE = """
[site]
fallback = "group:ward"
[[contact]]
name = "pager"
line = "pager"
address = "2001"
[[contact]]
name = "phone"
line = "phones"
address = "2001"
[[group]]
name = "ward"
members = ["contact:pager", "contact:phone"]
[[alarm]]
name = "call"
page = "group:ward"
[[route]]
line = "panel"
alarm = "call"
"""


class Times(NamedTuple):
    """Seconds from the last byte of a block to the first byte of the page, and to the panel's ACK."""

    pager: float
    phone: float
    ack: float


class Devices:
    """The three devices, and the process that they are connected to."""

    def __init__(self, command: Callable[[Devices], list[str]]) -> None:
        self.panel, self.panel_path = _pty()
        self.pager, self.pager_path = _pty()
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.bind(("127.0.0.1", 0))
        self.phone_port = self.phone.getsockname()[1]
        self._received = b""
        self._process = subprocess.Popen(command(self))

    def close(self) -> None:
        """End the process and unplug everything."""
        self._process.terminate()
        self._process.wait(TIMEOUT)
        for handle in (self.panel, self.pager):
            os.close(handle)
        self.phone.close()

    def call(self, text: str) -> Times:
        """Activate one call and wait for both pages and the ACK."""
        os.write(self.panel, SELECT)
        self._until(self.panel, ACK)
        block = b"1\x021\x1f2001\x1e2\x1f" + text.encode() + b"\x1e4\x1f3\x1e6\x1f1\x03"
        frame = b"\x01" + block + bytes([reduce(lambda a, b: a ^ b, block)])
        seen: dict[str, float] = {}
        begin = time.perf_counter()
        os.write(self.panel, frame)
        while len(seen) < len(Times._fields) or "page_done" not in self._progress:
            self._serve(begin, seen)
        os.write(self.panel, EOT)
        return Times(seen["pager"], seen["phone"], seen["ack"])

    _progress: frozenset[str] = frozenset()

    def _serve(self, begin: float, seen: dict[str, float]) -> None:
        ready = _ready(self.panel, self.pager, self.phone.fileno())
        now = time.perf_counter() - begin
        if not ready:
            message = f"no answer within {TIMEOUT} s; seen so far: {sorted(seen)}"
            raise TimeoutError(message)
        if self.phone.fileno() in ready:
            seen.setdefault("phone", now)
            self._answer_phone()
        if self.pager in ready:
            self._answer_pager(now, seen)
        if self.panel in ready and ACK in os.read(self.panel, 4096):
            seen.setdefault("ack", now)

    def _answer_pager(self, now: float, seen: dict[str, float]) -> None:
        """Be a paging terminal: log on whoever asks, take every block."""
        data = os.read(self.pager, 4096)
        if b"\x02" in data:
            seen.setdefault("pager", now)
        self._received += data
        for pattern, answer in TERMINAL:
            if re.search(pattern, self._received, re.DOTALL):
                self._received = b""
                os.write(self.pager, answer)
                self._progress = frozenset({"page_done"} if b"211" in answer else ())

    def _answer_phone(self) -> None:
        data, source = self.phone.recvfrom(65536)
        kept = [line for line in data.split(b"\r\n\r\n")[0].split(b"\r\n") if KEPT.match(line)]
        if kept:
            tagged = [line + b";tag=b" if line.lower().startswith(b"to") else line for line in kept]
            self.phone.sendto(b"\r\n".join([b"SIP/2.0 200 OK", *tagged, b"Content-Length: 0", b"", b""]), source)

    def _until(self, handle: int, wanted: bytes) -> None:
        while True:
            ready = _ready(handle, self.pager, self.phone.fileno())
            if not ready:
                message = f"the other side does not answer: expected {wanted!r}"
                raise TimeoutError(message)
            if self.pager in ready:
                self._answer_pager(0.0, {})
            if self.phone.fileno() in ready:
                self._answer_phone()
            if handle in ready and wanted in os.read(handle, 4096):
                return

    def log_on(self, ready_file: Path) -> None:
        """Serve the pager until the daemon says that every port is open."""
        deadline = time.monotonic() + 30
        while not ready_file.exists() and time.monotonic() < deadline:
            if select.select([self.pager], [], [], 0.05)[0]:
                self._answer_pager(0.0, {})
        json.loads(ready_file.read_text("utf-8"))


def measure() -> list[Row]:
    """Return the latencies of daemon and ceiling, in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        daemon = Devices(lambda devices: _daemon_command(folder, devices))
        minimal = Devices(lambda devices: _minimal_command(folder, devices))
        try:
            daemon.log_on(folder / "ready")
            ours, ceiling = [], []
            for number in range(WARM_UP + CALLS):
                ours.append(daemon.call(f"ROOM {number}"))
                ceiling.append(minimal.call(f"ROOM {number}"))
        finally:
            daemon.close()
            minimal.close()
    return [row for field in Times._fields for row in _rows(field, ceiling[WARM_UP:], ours[WARM_UP:])]


def _rows(field: str, ceiling: list[Times], ours: list[Times]) -> list[Row]:
    a, b = ([getattr(times, field) * 1000 for times in side] for side in (ceiling, ours))
    what = {"pager": "first byte to the TAP pager", "phone": "first byte to the SIP phone", "ack": "ACK to the panel"}
    figures = [("p50", median(a), median(b)), ("p99", percentile(a, 0.99), percentile(b, 0.99))]
    return [Row(f"{what[field]}, {name}", "ms", least, found, least / found) for name, least, found in figures]


def _ready(*handles: int) -> list[int]:
    return select.select(handles, [], [], TIMEOUT)[0]


def _pty() -> tuple[int, str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, os.ttyname(slave)


def _daemon_command(folder: Path, devices: Devices) -> list[str]:
    config, site, data = folder / "gatewayd.toml", folder / "site.toml", folder / "data"
    text = CONFIG.format(data=data, panel=devices.panel_path, pager=devices.pager_path, phone=devices.phone_port)
    config.write_text(text, "utf-8")
    site.write_text(SITE, "utf-8")
    gatewayd = [sys.executable, "-m", "gatewayd"]
    subprocess.run([*gatewayd, "import", str(site), "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
    return [*gatewayd, "run", "--no-demo", "--config", str(config), "--ready-file", str(folder / "ready")]


def _minimal_command(folder: Path, devices: Devices) -> list[str]:
    arguments = [devices.panel_path, devices.pager_path, str(devices.phone_port), str(folder / "minimal.db")]
    return [sys.executable, "-m", "tools.benches.minimal", *arguments]
