"""Simulated devices that speak TAP, on a PTY of their own or on a real port: for tests, the demo and training.

`tap` is a paging terminal. Its faults: `nak` (answers 514 and NAK), `rs` (511 and RS), `full` (512 and RS), `hangup`
(ESC EOT instead of an answer), `drop` (takes the page and says nothing), `late` (takes the page, answers `late_by`
seconds later), `garble` (takes the page, the control byte of the answer is damaged), `dead` (hears and says nothing
until repaired), `no-codes` (control bytes only, until repaired).

`tap-modem` is a telephone modem; whatever number is dialled, such a terminal answers. Its faults are those of `tap` and
`busy`, `no-carrier`, `no-dialtone`, `no-answer` (how the call ends), `carrier-loss` (the call breaks off in the
middle), `deaf` (the modem says nothing to a command), `dead-modem` (nor to any other, until repaired).

`tap-client` is an entry device that pages us. Its faults: `garble` (a block arrives damaged), `misheard` (takes ACK for
NAK and sends the block again), `linefeed` (leaves a line feed behind every CR), `stray` (characters before the block),
`half` and `hangup` (breaks off in the middle of a block, or behind it), `no-eot` (leaves without a log-off), `dead`
(says nothing until repaired). With `modem` it calls a modem on its port, which has the faults of a modem too.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.tap.simulated import ReceivedPage, SimulatedTerminal, TerminalSettings, is_device
from drivers.tap.simulated_client import TapClient
from gatewayd import clock as clocks
from gatewayd.hayes.simulated import FAULTS as MODEM_FAULTS
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import Pty, open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

FAREWELL = b"\x1b\x04\r"  # behind it a terminal drops the carrier (TAP 1.8, step 10d)


class TapSimulator(Simulator):
    """A paging terminal; `pages` has everything it took, `on_page` hears of each."""

    Settings: ClassVar[type[SimulatorSettings]] = TerminalSettings

    def __init__(
        self,
        clock: Clock,
        settings: TerminalSettings,
        on_page: Callable[[ReceivedPage], None] | None = None,
    ) -> None:
        super().__init__(clock)
        self._settings = settings
        self._on_page = on_page
        self.faults = Faults(self._settings.faults)
        self.pages: list[ReceivedPage] = []
        self._unclaimed: list[ReceivedPage] = []
        self._arrived = asyncio.Event()

    def adapter(self) -> StreamAdapter[Any]:
        """Return the terminal's end of a new connection."""
        return StreamAdapter(self.terminal(), self.clock)

    def terminal(self) -> SimulatedTerminal:
        """Return a terminal that has been called."""
        return SimulatedTerminal(self._settings, self.faults, self._take)

    async def run(self) -> None:
        """Answer calls until cancelled. Raises LineDown when a real port cannot be opened or is lost."""
        if is_device(self._settings.port):
            await self._run_on_device()
        else:
            await self._run_on_pty()

    async def expect(self, pager_id: str, text: str, within: float = 30.0) -> ReceivedPage:
        """Wait for a page; each one is found once. Raises TimeoutError with what came instead, `within` in seconds."""
        given_up = asyncio.create_task(clocks.sleep(self.clock, within))
        try:
            while (page := self._claim(pager_id, text)) is None:
                self._arrived.clear()
                arrived = asyncio.create_task(self._arrived.wait())
                await asyncio.wait((arrived, given_up), return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                if given_up.done():
                    raise TimeoutError(f"no page {text!r} for {pager_id}, only {self._unclaimed}")
            return page
        finally:
            given_up.cancel()

    def _claim(self, pager_id: str, text: str) -> ReceivedPage | None:
        for page in self._unclaimed:
            if (page.pager_id, page.text) == (pager_id, text):
                self._unclaimed.remove(page)
                return page
        return None

    def _take(self, page: ReceivedPage) -> None:
        log.info("page for %s: %s", page.pager_id, page.text)
        self.pages.append(page)
        self._unclaimed.append(page)
        self._arrived.set()
        if self._on_page is not None:
            self._on_page(page)

    async def _run_on_pty(self) -> None:
        pty = self.open_pty(Path(self._settings.port))
        log.info("paging terminal at %s", pty.path)
        try:
            await asyncio.Event().wait()
        finally:
            pty.close()

    def open_pty(self, link: Path | None = None) -> Pty:
        """Plug the terminal into a new PTY and return it."""
        return open_pty(self.adapter(), link, baudrate=self._settings.baudrate if self._settings.throttle else None)

    async def _run_on_device(self) -> None:
        adapter = self.adapter()
        await open_serial(SerialSettings(port=self._settings.port, baudrate=self._settings.baudrate), adapter)
        log.info("paging terminal at %s", self._settings.port)
        try:
            async for _ in adapter.events():
                pass
        finally:
            adapter.close()


class ModemSettings(TerminalSettings):
    """A paging terminal behind a modem on `port`."""

    FAULTS: ClassVar[tuple[str, ...]] = (*TerminalSettings.FAULTS, *MODEM_FAULTS)


class ModemSimulator(TapSimulator):
    """A telephone modem whose every call is answered by a paging terminal."""

    Settings: ClassVar[type[SimulatorSettings]] = ModemSettings

    def adapter(self) -> StreamAdapter[Any]:
        """Return the modem; `modem` is the latest."""
        from gatewayd.hayes.network import AnsweringModem  # a terminal alone, as in the demonstration, needs no modem

        answering = AnsweringModem(lambda _: self.terminal(), self.faults, FAREWELL)
        self.modem = answering.modem
        self._latest: StreamAdapter[Any] = StreamAdapter(answering, self.clock)
        return self._latest

    def lose_carrier(self) -> None:
        """Break the call off."""
        self.modem.lose_carrier()
        self._latest.flush()


__all__ = ["SIMULATORS", "ModemSimulator", "ReceivedPage", "TapSimulator", "TerminalSettings"]

SIMULATORS: dict[str, type[Simulator]] = {
    "tap": TapSimulator,
    "tap-client": TapClient,
    "tap-modem": ModemSimulator,
}
