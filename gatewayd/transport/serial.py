"""Serial lines: one facade over pyserial-asyncio-fast and pyserial-asyncio, and raw TCP device servers."""

from __future__ import annotations

import asyncio
import importlib
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gatewayd.errors import LineDown
from gatewayd.transport.echo import Echo
from gatewayd.transport.fdio import FdWriter
from gatewayd.transport.framing import SevenBits, software_framing
from gatewayd.transport.guard import PortGuard
from gatewayd.transport.link import Link
from gatewayd.transport.settings import BAUD_RATES, SerialSettings
from gatewayd.transport.stage import STAGE
from gatewayd.transport.tcp import connect_tcp
from gatewayd.transport.timing import within

if TYPE_CHECKING:
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.ports import Opened, Port
    from gatewayd.transport.wiring import PortErrors

__all__ = ["BAUD_RATES", "SerialSettings", "open_serial"]

OPEN_LIMIT = 10.0  # seconds; some drivers (Bluetooth, device servers) hang in open for minutes
DRAIN_LIMIT = 1.0  # seconds for what was written to leave when a line closes; a device that holds us up does not
DRAIN_CHECK = 0.01  # seconds; the kernel does not tell when its buffer is empty
BACKENDS = ("serial_asyncio_fast", "serial_asyncio")  # the same interface; the first is maintained


async def open_serial(settings: SerialSettings, adapter: StreamAdapter[Any]) -> None:
    """Open the port and join it to `adapter`. Raises LineDown when it cannot be opened within OPEN_LIMIT."""
    if (stage := STAGE.get()) is not None:
        await stage.open_serial(adapter)
        return
    try:
        if (address := settings.address) is not None:
            framing, echo = software_framing(settings, forced=False), _echo(settings)
            recoded = framing is not None or echo is not None
            await connect_tcp(*address, Link(adapter, framing, echo) if recoded else adapter)
        else:
            await _open_device(settings, adapter)
    except BaseException:
        adapter.abort()
        raise


async def _open_device(settings: SerialSettings, adapter: StreamAdapter[Any]) -> None:
    path, backend = _device_of(settings), _backend()
    try:
        async with within(adapter.clock, OPEN_LIMIT):
            await _previous_closed(path)
            port, framing = await _open_in_thread(settings, path)
    except TimeoutError as error:
        raise LineDown(f"cannot open {settings.port}: the device does not answer") from error
    _links[path] = link = SerialLink(adapter, port, framing, settings)
    await backend.connection_for_serial(asyncio.get_running_loop(), lambda: link, port)
    await asyncio.sleep(0)  # both libraries call connection_made in the next turn of the loop


def _echo(settings: SerialSettings) -> Echo | None:
    return Echo(settings.byte_time) if settings.echo else None


def _backend() -> Any:  # noqa: ANN401 - neither library has types
    """Import the library that is installed."""
    for name in BACKENDS:
        with suppress(ImportError):
            return importlib.import_module(name)
    raise LineDown(f"no serial support: neither {' nor '.join(BACKENDS)} is installed")


# --- opening: in a thread of its own; a hanging open would hold up one of the few that all share

_opening: set[str] = set()
_links: WeakValueDictionary[str, SerialLink] = WeakValueDictionary()


def _device_of(settings: SerialSettings) -> str:
    """Return what the path leads to now: a link by id follows its device from port to port."""
    return str(Path(settings.port).resolve())


async def _previous_closed(path: str) -> None:
    """Wait for our own last use of the port, if it is just ending."""
    previous = _links.get(path)
    if previous is not None and previous.is_closing():
        await previous.closed()


async def _open_in_thread(settings: SerialSettings, path: str) -> Opened:
    from gatewayd.transport.ports import open_port

    if path in _opening:
        raise LineDown(f"cannot open {settings.port}: an earlier attempt still hangs in the device")
    result: Future[Opened] = Future()

    def work() -> None:
        try:
            opened = open_port(settings)
        except BaseException as error:  # noqa: BLE001 - it goes to whoever waits
            _opening.discard(path)
            result.set_exception(error)
        else:
            _opening.discard(path)
            result.set_result(opened)

    _opening.add(path)
    threading.Thread(target=work, name=f"open {path}", daemon=True).start()
    try:
        # Shielded: the thread cannot be stopped, so whoever gives up leaves word to close the port.
        return await asyncio.shield(asyncio.wrap_future(result))
    except BaseException:
        result.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(result: Future[Opened]) -> None:
    if result.exception() is None:
        result.result()[0].close()


class SerialLink(Link):
    """A serial device on the way to an adapter: bytes leave at once, a loss is told at once, closing has a limit.

    The library carries what arrives; what leaves is written here (docs/decisions/0002).
    """

    def __init__(
        self, adapter: StreamAdapter[Any], port: Port, framing: SevenBits | None, settings: SerialSettings
    ) -> None:
        super().__init__(adapter, framing, _echo(settings))
        self._plain = framing is None and self._echo is None  # nothing is recoded on its way
        self._port = port
        self._writer = FdWriter(port.fileno(), lambda error: port.lose(error.strerror or "write failed"))
        self._closing = self._aborted = False
        self._loss: str | None = None
        port.on_loss = self._lose
        if self._recorder is not None:
            self._recorder.ask_pins = self.pins
        self._guard = PortGuard(self, settings, adapter.clock, self._lose, self.tally)

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived."""
        self._guard.received()
        if self._plain:
            self._adapter.data_received(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the port is closed."""
        self._guard.stop()
        if self._recorder is not None and self._recorder.ask_pins == self.pins:
            self._recorder.ask_pins = None
        super().connection_lost(exc)

    # --- what the guard asks ----------------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """How many bytes have not left, as far as the kernel tells."""
        return self._writer.unsent + self._port.unsent

    def pins(self) -> frozenset[str] | None:
        """Return the modem lines that are on, or None where the port has none. Raises OSError."""
        return self._port.pins()

    def set_dtr(self, *, on: bool) -> None:
        """Switch DTR, where the port has it: a modem hangs up when it goes off. Raises OSError."""
        self._port.dtr = on

    def errors(self) -> PortErrors | None:
        """Return the errors that the kernel counted, or None where it does not. Raises OSError."""
        return self._port.errors()

    # --- what the adapter calls -------------------------------------------------------------------------------------

    async def closed(self) -> None:
        """Wait until the device is free again."""
        await self._adapter.wait_closed()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        """Return why the device is lost (`loss`), for how many seconds nothing has left of what waits (`held`).

        Anything else the library knows.
        """
        if name == "held":
            return self._guard.held()
        return self._loss if name == "loss" else super().get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether no more can be sent: closing, or the device is gone."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the kernel to take them."""
        return self._writer.unsent

    def close(self) -> None:
        """Let what was written leave within DRAIN_LIMIT, then close."""
        if not self._closing:
            self._closing = True
            self.pause_reading()
            self._drain(self.clock.now() + DRAIN_LIMIT)

    def abort(self) -> None:
        """Close at once."""
        if self._aborted:
            return
        self._closing = self._aborted = True
        self._guard.stop()
        if self.unsent:
            self._port.discard()
        self._writer.stop()
        self.below.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, at once as far as the kernel takes them."""
        if self._plain:
            self._writer.write(data)
            self._guard.wrote(len(data))
        else:
            super().write(data)

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        self._writer.write(data)
        self._guard.wrote(len(data))

    def _drain(self, deadline: float) -> None:
        if self._aborted:
            return
        now = self.clock.now()
        if now < deadline and self.unsent:
            self.clock.call_at(now + DRAIN_CHECK, lambda: self._drain(deadline))
        else:
            self.abort()

    def _lose(self, reason: str) -> None:
        """Note that the device is gone, and close in the next turn: this may run inside a read or a write."""
        if not self._aborted and self._loss is None:
            self._closing = True
            self._loss = f"{self._port.port}: {reason}"
            asyncio.get_running_loop().call_soon(self._adapter.fail, LineDown(self._loss))
