"""Text messages through a GSM line: how many a second, and how soon the first bytes of one are the modem's.

The gateway runs as in the daemon: engine, store on disk, queue, worker, driver, serial port. The modem is a process of
its own behind a PTY: without any latency and with a port as fast as the machine, without latency at the 115,200 Bd at
which the driver opens a modem, and with one that takes a tenth of a second for each message, which is faster than any
real one. The ceiling is the same modem at a client that does nothing but its dialogue, with the same PDUs made
beforehand, so the ratio says how much of its time the modem is busy while a message is ready. Nobody reads what the
modem says of its texts before all of them were sent, whoever sends. Where the port has no speed the modem has its
answer ready before a loop has turned once: two further clients tell how much of that ratio is asyncio alone, and one
commit for each message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import tty
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from drivers.gsm.composing import Composer
from drivers.gsm.settings import GsmSettings
from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.engine.change import Policy
from gatewayd.engine.engine import Engine
from gatewayd.model import Contact, Site, TextReceived
from gatewayd.store import open_store
from tools.benches.report import Row, median, percentile
from tools.benches.smsbare import SETUP, send_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gatewayd.driver import Driver
    from gatewayd.engine.line import RunningLine

LONE = 40
LOOK_EVERY = 0.05  # seconds
CONTACTS = 400
REPORTED_AS = "bench"  # the line that the texts come from
TIMEOUT = 60.0


class _Run(NamedTuple):
    """A kind of modem: seconds that it takes for a message, the baud rate of its port (0: none), messages to send."""

    what: str
    seconds: float
    baudrate: int
    messages: int

    @property
    def is_instant(self) -> bool:
        """Whether the modem has neither a latency nor a slow port."""
        return not self.seconds and not self.baudrate


RUNS = (
    _Run("modem and port without latency", 0.0, 0, CONTACTS),
    _Run("modem without latency, 115200 Bd", 0.0, 115_200, 200),
    _Run("modem that takes 100 ms", 0.1, 0, 60),
)


class _Modem(NamedTuple):
    """The modem's process, and the link to its port."""

    output: IO[str]
    link: Path

    def texts(self, count: int) -> dict[str, float]:
        """Return when each of the next `count` texts came, by text."""
        lines = (self.output.readline().split(maxsplit=1) for _ in range(count))
        return {text.strip(): float(moment) for moment, text in lines}


@contextlib.contextmanager
def _modem(run: _Run) -> Iterator[_Modem]:
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "modem"
        command = [sys.executable, "-m", "tools.benches.smsmodem", str(link), str(run.seconds), str(run.baudrate)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + TIMEOUT
            while not link.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            yield _Modem(cast("IO[str]", process.stdout), link)
        finally:
            process.kill()
            process.wait()


def measure() -> list[Row]:
    """Return messages a second and the way of a lone one."""
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    rows = []
    for run in RUNS:
        with _modem(run) as modem:
            best_came, lone = await asyncio.to_thread(_bare, modem, run.messages)
        with _modem(run) as modem:
            came, ways = await _gateway(modem, run.messages)
        ceiling, measured = _rate(best_came), _rate(came)
        rows.append(Row(run.what, "SMS/s", ceiling, measured, measured / ceiling))
        best, ours = _mean_rate(best_came), _mean_rate(came)
        rows.append(Row(f"{run.what}: pauses of the machine counted too", "SMS/s", best, ours, ours / best))
        for share in (0.5, 0.99):
            best, ours = percentile(lone, share) * 1000, percentile(ways, share) * 1000
            rows.append(Row(f"{run.what}: submit to PDU at the modem, p{share * 100:g}", "ms", best, ours, best / ours))
        if run.is_instant:
            rows += [await _bare_asyncio(run, ceiling, commits=commits) for commits in (False, True)]
    return rows


# --- the ceiling ------------------------------------------------------------------------------------------------------


def _bare(modem: _Modem, count: int) -> tuple[dict[str, float], list[float]]:
    """Return when each message came, and the seconds from the first byte of each to its arrival."""
    orders = [_order(number) for number in range(count)]
    port = os.open(modem.link, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    for command in SETUP:
        os.write(port, command)
        _until(port, b"OK\r\n")
    began = [0.0] * count
    for number, (command, body) in enumerate(orders):
        began[number] = time.monotonic()
        os.write(port, command)
        _until(port, b"> ")
        os.write(port, body)
        _until(port, b"OK\r\n")
    os.close(port)
    came = modem.texts(count)
    ways = [came[_text(number)] - began[number] for number in range(count)]
    return came, ways


async def _bare_asyncio(run: _Run, ceiling: float, *, commits: bool) -> Row:
    orders = [_order(number) for number in range(run.messages)]
    with _modem(run) as modem, tempfile.TemporaryDirectory() as folder:
        await send_all(modem.link, orders, Path(folder) / "receipts.db" if commits else None)
        rate = _rate(await asyncio.to_thread(modem.texts, run.messages))
    what = "that commits a row for each message" if commits else "that stores nothing"
    return Row(f"  a bare asyncio client {what}", "SMS/s", ceiling, rate, rate / ceiling)


def _order(number: int) -> tuple[bytes, bytes]:
    """Return command and PDU of what the gateway sends as its text of this number."""
    composer = Composer(GsmSettings(port="unused"))
    (part,) = composer.compose(_address(number), _text(number), Policy().page_lifetime, text_mode=False).parts
    tpdu = part.to_bytes()
    return f"AT+CMGS={len(tpdu)}\r".encode(), b"00" + tpdu.hex().upper().encode() + b"\x1a"


def _text(number: int) -> str:
    """Return what the modem gets of the text of this number: from whom, and the code to answer by."""
    return f"{REPORTED_AS}: T{number} #{number + 1}"


def _until(port: int, end: bytes) -> None:
    heard = b""
    while not heard.endswith(end):
        heard += os.read(port, 4096)


# --- the gateway ------------------------------------------------------------------------------------------------------


async def _gateway(modem: _Modem, count: int) -> tuple[dict[str, float], list[float]]:
    """Return when each message of a full queue came, and the seconds from handing a lone one over to its arrival."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        async with _engine(Path(folder), port) as engine:
            await asyncio.gather(*(_submit(engine, number) for number in range(count)))
            port.symlink_to(modem.link)
            await _idle(engine)
            came = await asyncio.to_thread(modem.texts, count)
            ways = [await _way(engine, modem, number) for number in range(LONE)]
    return came, ways


async def _idle(engine: Engine) -> None:
    """Wait until everything was sent; a thread that read meanwhile would take the interpreter from the gateway."""
    line = engine.lines["sms"]
    while line.depth() or line.tasks():  # noqa: ASYNC110 - rarely enough; an event for each message would cost more
        await asyncio.sleep(LOOK_EVERY)


def _rate(came: dict[str, float]) -> float:
    """Return messages a second by the usual time between two of them: a pause of the machine is nobody's merit."""
    moments = sorted(came.values())
    return 1 / median([later - sooner for sooner, later in pairwise(moments)])


def _mean_rate(came: dict[str, float]) -> float:
    """Return messages a second from the first to the last, with all that held some of them up."""
    return (len(came) - 1) / (max(came.values()) - min(came.values()))


async def _way(engine: Engine, modem: _Modem, number: int) -> float:
    await asyncio.gather(*engine.lines["sms"].tasks())
    began = time.monotonic()
    came = asyncio.to_thread(modem.texts, 1)
    _, texts = await asyncio.gather(_submit(engine, number), came)
    (moment,) = texts.values()
    return moment - began


async def _submit(engine: Engine, number: int) -> None:
    await engine.report(REPORTED_AS, TextReceived("", f"T{number}", f"c{number}"))


@contextlib.asynccontextmanager
async def _engine(folder: Path, port: Path) -> AsyncIterator[Engine]:
    contacts = (Contact(number + 1, f"c{number}", "sms", _address(number)) for number in range(CONTACTS))
    store = open_store(folder)
    store.save_site(Site(contacts=tuple(contacts)))
    engine = Engine(store, SystemClock())
    engine.add_line("sms", partial(_driver, port))
    engine.start()
    await engine.lines["sms"].first_attempt.wait()
    try:
        yield engine
    finally:
        await engine.stop()
        store.close()


def _driver(port: Path, line: RunningLine) -> Driver:
    made = registry.load("gsm")
    return made.driver(line, made.settings.model_validate({"port": str(port)}))


def _address(number: int) -> str:
    return f"+49170{number:07}"
