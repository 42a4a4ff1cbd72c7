"""A program that pages by SNPP: for tests, the demo and training.

Faults, each of one session: `garble` (a command arrives damaged, and the client gives up), `drop` (hangs up instead of
SEND), `mute` (falls silent instead of SEND), `rush` (says everything at once, without waiting for replies), `twice`
(says SEND again when it was refused).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gatewayd.clock import sleep
from gatewayd.errors import DeliveryFailedForNow, LineDown
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.tcp import connect_tcp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gatewayd.clock import Clock

    Connect = Callable[[str, int, StreamAdapter[str]], Awaitable[None]]

log = logging.getLogger(__name__)

MAX_REPLY = 512  # bytes of one line
MORE = "214"  # a line of help: the reply goes on
GOOD = ("2", "3", "8", "9", "780")  # 780 tells of a message, not of the command
FINAL = ("88", "780", "550")


class ClientSettings(SimulatorSettings):
    """A client that pages `pager` with `text`, every `every` seconds (0: once). `server` is host:port or line:NAME.

    With `two_way` it asks for an answer and looks every `look_every` seconds what became of the message.
    """

    FAULTS: ClassVar[tuple[str, ...]] = ("garble", "drop", "mute", "rush", "twice")

    server: str = "127.0.0.1:444"
    pager: str = Field("100", description="pager id")
    text: str = Field("SNPP test", description="what to say")
    caller: str = Field("", description="who says it")
    every: float = Field(0.0, ge=0, description="seconds; 0: once")
    two_way: bool = Field(default=False, description="follow the message to its answer (level 3)")
    look_every: float = Field(5.0, gt=0, description="seconds between two looks at a followed message")


class _Replies:
    """The client's side of a session: every line of the server is an event."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: deque[str] = deque()
        self._out = bytearray()

    def say(self, line: str) -> None:
        self._out += line.encode() + b"\r\n"

    def receive_data(self, data: bytes, now: float) -> None:
        del now
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest[:MAX_REPLY])
        self._lines.extend(line[:MAX_REPLY].decode("ascii", "replace").strip() for line in lines)

    def data_to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> str | None:
        return self._lines.popleft() if self._lines else None

    def get_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        del now


class SnppClient(Simulator):
    """Pages over SNPP; `replies` has what the server said last."""

    Settings: ClassVar[type[SimulatorSettings]] = ClientSettings

    def __init__(self, clock: Clock, settings: ClientSettings | None = None, connect: Connect | None = None) -> None:
        super().__init__(clock)
        self._settings = settings or ClientSettings()
        self._connect = connect or connect_tcp
        self.faults = Faults(self._settings.faults)
        self.replies: list[str] = []

    async def run(self) -> None:
        """Page as the settings say until cancelled."""
        while True:
            try:
                await self._page()
            except (DeliveryFailedForNow, LineDown) as error:
                log.warning("not paged: %s", error)
            if not self._settings.every:
                await asyncio.Event().wait()
            await sleep(self.clock, self._settings.every)

    async def _page(self) -> None:
        settings = self._settings
        if settings.two_way:
            await self.follow(await self.page_two_way(settings.pager, settings.text))
        else:
            await self.page(settings.pager, settings.text)

    async def page(self, pager: str, text: str) -> None:
        """Page once in a session of its own. Raises DeliveryFailedForNow with the server's word, or LineDown."""
        lines = text.splitlines() or [""]
        begin = [f"CALLERID {self._settings.caller}"] if self._settings.caller else []
        body = [f"MESSAGE {text}"] if len(lines) == 1 else ["DATA", "\r\n".join([*lines, "."])]
        verb = "BEEP" if self.faults.take("garble") else "PAGER"
        await self.session(*begin, f"{verb} {pager}", *body, "SEND", "QUIT")
        log.info("paged %s: %s", pager, text)

    async def page_two_way(self, pager: str, text: str) -> str:
        """Page once, offering two answers; return the tag and the pass code. Raises as `page` does."""
        begin = ["2WAY", *([f"CALLERID {self._settings.caller}"] if self._settings.caller else [])]
        body = [f"PAGER {pager}", f"MESSAGE {text}", "ACKREAD 1", "MCRESPONSE 1 Accept", "MCRESPONSE 2 Decline"]
        await self.session(*begin, *body, "SEND", "QUIT")
        tag = " ".join(self.replies[-2].split()[1:3])
        log.info("paged %s: %s (tag %s)", pager, text, tag.partition(" ")[0])
        return tag

    async def look(self, tag: str) -> str:
        """Return what the server says of a message that is followed. Raises as `page` does."""
        await self.session(f"MSTATUS {tag}", "QUIT")
        return self.replies[1]

    async def follow(self, tag: str) -> str:
        """Look at a message until its status is final; return it. Raises as `page` does."""
        while not (status := await self.look(tag)).startswith(FINAL):
            await sleep(self.clock, self._settings.look_every)
        log.info("the message ended as: %s", status)
        return status

    async def session(self, *commands: str) -> list[str]:
        """Say one command after the other, each after the answer to the last; return the replies.

        Raises DeliveryFailedForNow at the first refusal, and LineDown.
        """
        host, _, port = self._settings.server.rpartition(":")
        core = _Replies()
        adapter: StreamAdapter[str] = StreamAdapter(core, self.clock)
        self.replies = []
        try:
            await self._connect(host.strip("[]"), int(port), adapter)
            await self._hear(adapter)
            await (self._rush if self.faults.take("rush") else self._converse)(core, adapter, commands)
        finally:
            adapter.close()
        return self.replies

    async def _converse(self, core: _Replies, adapter: StreamAdapter[str], commands: tuple[str, ...]) -> None:
        for command in commands:
            if command == "SEND" and self.faults.take("drop"):
                raise LineDown("hung up on purpose")
            if command == "SEND" and self.faults.take("mute"):
                await self._hear(adapter)
            core.say(command)
            adapter.flush()
            try:
                await self._hear(adapter)
            except DeliveryFailedForNow:
                if command != "SEND" or not self.faults.take("twice"):
                    raise
                core.say(command)
                adapter.flush()
                await self._hear(adapter)

    async def _rush(self, core: _Replies, adapter: StreamAdapter[str], commands: tuple[str, ...]) -> None:
        core.say("\r\n".join(commands))
        adapter.flush()
        for _ in commands:
            await self._hear(adapter)

    async def _hear(self, adapter: StreamAdapter[str]) -> None:
        while (reply := await adapter.next_event()).startswith(MORE):
            self.replies.append(reply)
        self.replies.append(reply)
        if not reply.startswith(GOOD):
            raise DeliveryFailedForNow(reply)


SIMULATORS: dict[str, type[Simulator]] = {"snpp-client": SnppClient}
