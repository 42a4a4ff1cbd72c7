"""HylaFAX's `pagesend`, a TAP client of somebody else, calls our paging terminal through two telephone modems.

`pagesend` runs by itself, without its queue and its daemons: it gets a spool of its own, a modem on a pseudo-terminal,
and one job. It says by its exit status what it believes: 2 sent, 1 refused for good, 0 to be tried again. Facts about
it: it wants no character behind `ID=` but waits for one (2 s), and leaves the line feed of its document in the text.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drivers.tap import dialup
from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from gatewayd.clock import SystemClock
from gatewayd.errors import StoreUnavailable
from gatewayd.transport.pty import open_pty
from tests.drivers.tap.telephone import Telephone
from tests.drivers.tap.ward import TakingLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gatewayd.clock import Clock
    from gatewayd.hayes.simulated import SimulatedModem

PAGESEND = Path("/usr/lib/hylafax/bin/pagesend")
SENT, REFUSED = 2, 1
SPOOL = ("etc", "info", "log", "status", "tmp", "docq", "sendq")
CONFIG = """
CountryCode: 1
AreaCode: 415
LongDistancePrefix: 1
InternationalPrefix: 011
SessionTracing: 11
UUCPLockDir: {spool}/tmp
UUCPLockType: ascii
ModemType: Class1
ModemRate: 1200
ModemFlowControl: none
ModemClassQueryCmd: "!0,1"
ModemMfrQueryCmd: !Maker
ModemModelQueryCmd: !Model
ModemRevQueryCmd: !1
Class1TMQueryCmd: "!3,24,48,72,96"
Class1RMQueryCmd: "!3,24,48,72,96"
ModemResetDelay: 100
ModemSoftResetCmdDelay: 50
PagerSetupCmds: AT
PagerTTYParity: none
PagerMaxMsgLength: 500
"""
JOB = """state:6
priority:127
number:5551234
external:5551234
sender:tester
mailaddr:root
jobid:1
jobtype:pager
modem:any
maxdials:3
maxtries:3
tts:0
killtime:2000000000
owner:root
client:localhost
"""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not PAGESEND.exists(), reason="pagesend is not installed (Debian: hylafax-server)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="pagesend takes the lock of its modem as root only"),
]


class Wires:
    """The modem lines of the terminal's port: DTR off hangs up."""

    def __init__(self, modem: SimulatedModem, clock: Clock) -> None:
        self._modem = modem
        self._clock = clock

    def pins(self) -> frozenset[str] | None:
        return None

    def set_dtr(self, *, on: bool) -> None:
        if not on:
            self._modem.drop_dtr(self._clock.now())


class Office:
    """A fax server with a modem and nothing else, and our terminal at the other end of the line."""

    def __init__(self, spool: Path, device: str, line: TakingLine) -> None:
        self.line = line
        self._spool = spool
        self._device = device
        for folder in SPOOL:
            (spool / folder).mkdir()
        (spool / "etc" / f"config.{device}").write_text(CONFIG.format(spool=spool))

    async def pages(self, text: str, *pager_ids: str, **terminal: str) -> int:
        """Send one page to each ID in one call; return what pagesend believes."""
        for name, value in terminal.items():
            (self._spool / "info" / "5551234").write_text(f"{name}: {value}\n")
        (self._spool / "docq" / "doc1").write_text(text)
        requests = "".join(f"page:0::{pager_id}\n" for pager_id in pager_ids)
        (self._spool / "sendq" / "q1").write_text(f"{JOB}{requests}data:0::docq/doc1\n")
        process = await asyncio.create_subprocess_exec(
            PAGESEND, "-l", "-m", self._device, "sendq/q1", cwd=self._spool, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(45):
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @property
    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted((self._spool / "log").iterdir()))


@asynccontextmanager
async def office(spool: Path, patch: pytest.MonkeyPatch, **terminal: Any) -> AsyncIterator[Office]:  # noqa: ANN401
    clock = SystemClock()
    telephone, line = Telephone(clock), TakingLine(clock)
    patch.setattr(dialup, "pins_of", lambda transport: Wires(telephone.network.modems[1], clock))
    settings = TapSettings(port="/dev/memory", modem=True, role="terminal", **terminal)
    running = asyncio.create_task(TapDriver(line, settings, telephone.open_second).run())
    pty = open_pty(telephone.adapters[0])
    try:
        await line.came_up.wait()
        yield Office(spool, pty.path.removeprefix("/dev/").replace("/", "_"), line)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pty.close()


async def test_pagesend_pages_two_people_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(tmp_path, monkeypatch) as fax:
        assert await fax.pages("FIRE ZONE 3 ROOM 214\n", "2001", "2002") == SENT, fax.log
        assert fax.line.texts == [("2001", "FIRE ZONE 3 ROOM 214"), ("2002", "FIRE ZONE 3 ROOM 214")]
        assert fax.line.counts["calls"] == 1


async def test_pagesend_repeats_the_block_that_could_not_be_stored_and_alarms_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path, monkeypatch) as fax:
        fax.line.failures = [StoreUnavailable("the disk is full")]
        assert await fax.pages("FIRE", "2001") == SENT, fax.log
        assert fax.line.texts == [("2001", "FIRE")]
        assert "retransmit" in fax.log


async def test_pagesend_hears_that_nobody_has_this_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(tmp_path, monkeypatch, pagers={"2001": "Ward 3"}, unknown_pagers="refuse") as fax:
        assert await fax.pages("FIRE", "2002") == REFUSED, fax.log
        assert fax.line.texts == []
        assert "RECV RS" in fax.log


async def test_pagesend_logs_on_with_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(tmp_path, monkeypatch, passwords=("sesame",)) as fax:
        assert await fax.pages("FIRE", "2001", pagerPassword="sesame") == SENT, fax.log
        assert fax.line.texts == [("2001", "FIRE")]
