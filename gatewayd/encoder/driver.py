"""A line that hands pages to one encoder, one at a time; the kinds differ in their frames and replies."""

from __future__ import annotations

import asyncio
import itertools
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from gatewayd.clock import sleep
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.encoder.exchange import (
    GAUGE_EVERY,
    Event,
    Exchange,
    FrameSent,
    LateReply,
    LineHeld,
    Noise,
    PageSettled,
    Reply,
)
from gatewayd.encoder.silence import KEY, Silence
from gatewayd.errors import Invalid, LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, PageConfirmed, PageState
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from gatewayd.driver import Line
    from gatewayd.model import AlarmReset, Page

OpenPort = Callable[[SerialSettings, StreamAdapter[Event]], Awaitable[None]]


class Frame(NamedTuple):
    """The bytes of one page; `note` is what was done to its text."""

    data: bytes
    note: str


class EncoderSettings(SerialSettings):
    """The port of an encoder, and how much text it takes."""

    longest_text: int


class EncoderDriver(Driver):
    """Hands pages to one encoder, one at a time. `nothing` is what its encoder hears without doing anything."""

    nothing: ClassVar[bytes]

    def __init__(self, line: Line, settings: EncoderSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line)
        self._serial = settings
        self._open_port = open_port
        self._numbers = itertools.count(1)
        self._attempts: dict[str, asyncio.Future[Reply]] = {}
        self._silence: Silence | None = None
        self._was_held = False  # the last connection ended because the encoder took nothing
        self._core: Exchange | None = None
        self._adapter: StreamAdapter[Event] | None = None

    @abstractmethod
    def compose(self, page: Page) -> Frame:
        """Return the frame of a page. Raises Invalid when this address or text can never be sent."""

    @abstractmethod
    def exchange(self, unsent: Callable[[], int]) -> Exchange:
        """Return the sending end; `unsent` tells how many bytes have not left yet."""

    @property
    def capabilities(self) -> Capabilities:
        """It sends; at best the encoder says that it has the page, never that the pager has."""
        return Capabilities(sends=True, longest_text=self._serial.longest_text)

    @property
    def port(self) -> str:
        """The device path or the address of the device server."""
        return self._serial.port

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown."""
        self._silence = self._silence or Silence(suspected=KEY in self.line.memory.items())
        core = self.exchange(self._unsent)
        adapter: StreamAdapter[Event] = StreamAdapter(core, self.line.clock)
        reason = LineDown("the line was stopped")
        try:
            await self._open_port(self._serial, adapter)
            self._core, self._adapter = core, adapter
            if self._was_held:
                await self._until_something_leaves(core, adapter)
            self.line.up()
            async for event in adapter.events():
                await self._handle(event)
        except LineDown as error:
            reason = error
            raise
        finally:
            self._core = self._adapter = None
            self._fail_attempts(reason)
            adapter.close()
            await adapter.wait_closed()

    async def send(self, page: Page) -> Receipt:
        """Make one attempt to deliver `page`. Raises LineDown when the port is not open, or is lost meanwhile."""
        try:
            frame = self.compose(page)
        except Invalid as error:
            return Receipt(Outcome.REFUSED, str(error))
        core, adapter = self._core, self._adapter
        if core is None or adapter is None:
            raise LineDown(f"{self._serial.port} is not open")
        ref = f"{page.id}.{next(self._numbers)}"
        settled = self._attempts[ref] = asyncio.get_running_loop().create_future()
        try:
            core.send_page(ref, frame.data, self.line.clock.now())
            adapter.flush()
            reply = await settled
        except asyncio.CancelledError:
            core.withdraw(ref, self.line.clock.now())
            raise
        finally:
            del self._attempts[ref]
        detail = f"{reply.detail} ({frame.note})" if frame.note else reply.detail
        return Receipt(reply.outcome, detail, ref, reply.retry_after)

    async def _until_something_leaves(self, core: Exchange, adapter: StreamAdapter[Event]) -> None:
        """Wait until the encoder lets us send: that its port can be opened again says nothing. Raises LineDown."""
        core.send_nothing(self.nothing)
        adapter.flush()
        while self._unsent():
            if adapter.lost is not None:
                raise LineDown(str(adapter.lost))
            await sleep(self.line.clock, GAUGE_EVERY)
        self._was_held = False

    def _unsent(self) -> int:
        """Return how many bytes have not left: in our own buffer, and in the kernel's where it tells."""
        transport = self._adapter.transport if self._adapter is not None else None
        if transport is None:
            return 0
        port = transport.get_extra_info("serial")
        return transport.get_write_buffer_size() + (port.unsent if port is not None else 0)

    def _fail_attempts(self, reason: LineDown) -> None:
        for settled in self._attempts.values():
            if not settled.done():
                settled.set_exception(LineDown(str(reason)))

    async def _handle(self, event: Event) -> None:
        match event:
            case PageSettled():
                await self._handle_settled(event)
            case FrameSent():
                self.line.count("frames")
            case LateReply():
                await self._handle_late(event)
            case Noise(count=count):
                self.line.trouble("noise_bytes", count)
            case LineHeld(seconds=seconds):
                self._was_held = True
                raise LineDown(f"{self._serial.port}: the device has held us up for {seconds:g} s (flow control)")

    async def _handle_settled(self, event: PageSettled) -> None:
        settled = self._attempts.get(event.ref)
        if settled is not None and not settled.done():
            settled.set_result(event.reply)
        if event.answered and event.reply.outcome is not Outcome.SENT:
            self.line.count("naks")
        if self._silence is not None:
            await self._tell_silence(self._silence, self._silence.look(event))

    async def _tell_silence(self, silence: Silence, report: AlarmActivated | AlarmReset | None) -> None:
        """Raise or clear the fault of an encoder that does not reply; a full disk leaves it to the next page.

        The memory knows of it before it is raised and until it is cleared: a kill must not leave it standing for ever.
        """
        if report is None or self._core is None or not self._core.expects_replies:
            return
        try:
            if isinstance(report, AlarmActivated):
                await self.line.memory.save({KEY: True})
                await self.line.report(report)
            else:
                await self.line.report(report)
                await self.line.memory.save({KEY: None})
        except StoreUnavailable as error:
            self.line.log.warning("the silence of the encoder, or its end, could not be recorded yet: %s", error)
        else:
            silence.recorded(report)

    async def _handle_late(self, late: LateReply) -> None:
        """Report what became of a page after all."""
        if self._silence is not None:
            await self._tell_silence(self._silence, self._silence.heard())
        state = PageState.SENT if late.reply.outcome is Outcome.SENT else PageState.FAILED
        try:
            await self.line.report(PageConfirmed(late.ref, state, late.reply.detail))
        except StoreUnavailable:
            self.line.log.exception("a late word on page %s could not be recorded", late.ref)
