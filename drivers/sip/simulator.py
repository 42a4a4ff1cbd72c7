"""A SIP phone on real sockets: fixture, demo and training ground. Faults: nak, drop, late, garble, dead."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.sip.core import Outside
from drivers.sip.events import ConnectionWanted
from drivers.sip.phone import Phone, PhoneEvent, PhoneSettings, RegistrationDone, Said, TextArrived
from drivers.sip.sockets import Sockets
from drivers.sip.tls import Tls, client_context
from drivers.sip.tokens import Tokens
from gatewayd.simulator import Faults, Simulator, SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock
    from gatewayd.driver import Address

_CODE = re.compile(r"#[0-9]+")
# Texts that are kept for a look.
MAX_MESSAGES = 1_000


class SipPhone(Simulator):
    """A phone that registers, shows texts and can answer them by itself."""

    Settings: ClassVar[type[SimulatorSettings]] = PhoneSettings

    def __init__(self, clock: Clock, settings: PhoneSettings | None = None) -> None:
        super().__init__(clock, settings)
        self.settings = settings or PhoneSettings()
        self.faults = Faults(self.settings.faults)
        self.counters: Counter[str] = Counter()
        self.messages: list[TextArrived] = []
        self.opened = asyncio.Event()
        self.registered = asyncio.Event()
        self.registration_status = 0
        self.bound: Address | None = None
        self._phone = Phone(self.settings, Outside(Tokens(), self._count, clock.wall), self.faults)
        authority = self.settings.tls_authority
        tls = Tls(client=client_context(authority)) if authority else None
        self._sockets = Sockets(self._phone, clock, tls=tls)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._answered: set[str] = set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Open the port, register, and be a phone until cancelled."""
        try:
            self.bound = await self._sockets.open(self.settings.host, self.settings.port)
            self.opened.set()
            if self.settings.register_for:
                self.register()
            async for event in self._sockets.events():
                self._handle(event)
        finally:
            self._sockets.close()

    def register(self, seconds: int | None = None) -> None:
        """Register now; 0 signs off."""
        self.registered.clear()
        self._phone.register(self.clock.now(), seconds)
        self._sockets.flush()

    async def say(self, text: str, to: str = "") -> int:
        """Send a text and return the status that answers it (0: none)."""
        handle = self._phone.say(text, self.clock.now(), to)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[handle] = answer
        self._sockets.flush()
        return await answer

    async def reply(self, code: str) -> int:
        """Accept the alarm whose text carried `code`."""
        return await self.say(f"OK {code}")

    async def expect(self, part: str) -> TextArrived:
        """Wait for a text with `part` in it and return it."""
        return await self._wait_for(lambda: next((each for each in self.messages if part in each.text), None))

    async def _wait_for(self, look: Callable[[], TextArrived | None]) -> TextArrived:
        while (found := look()) is None:
            self._news.clear()
            await self._news.wait()
        return found

    def _handle(self, event: PhoneEvent) -> None:
        match event:
            case TextArrived():
                self._show(event)
            case RegistrationDone(status):
                self.registration_status = status
                self.registered.set()
            case Said(handle, status):
                self._take_answer(handle, status)
            case ConnectionWanted():
                self._sockets.connect(event)

    def _take_answer(self, handle: int, status: int) -> None:
        answer = self._answers.pop(handle, None)
        if answer is not None and not answer.done():
            answer.set_result(status)

    def _show(self, text: TextArrived) -> None:
        self.messages.append(text)
        del self.messages[:-MAX_MESSAGES]
        self._news.set()
        if self.settings.answer:
            self._plan_answer(text.text)

    def _plan_answer(self, text: str) -> None:
        """Answer once for each code: an escalation pages the same alarm again and again."""
        match = _CODE.search(text)
        thread = match[0] if match else text
        if thread in self._answered:
            return
        self._answered.add(thread)
        answer = self.settings.answer.replace("{code}", match[0] if match else "").strip()

        def speak() -> None:
            self._phone.say(answer, self.clock.now())
            self._sockets.flush()

        self.clock.call_at(self.clock.now() + self.settings.answer_after, speak)

    def _count(self, what: str) -> None:
        self.counters[what] += 1


SIMULATORS: dict[str, type[Any]] = {"sip-phone": SipPhone}
