"""Phones, the line, the engine and the store together: what is promised to people holds from end to end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from drivers.sip import DRIVER, SETTINGS
from drivers.sip.phone import PhoneSettings
from drivers.sip.simulator import SipPhone
from gatewayd.clock import SystemClock, settle
from gatewayd.engine.engine import Engine
from gatewayd.model import AlarmDefinition, Contact, Role, Route, Site, User
from gatewayd.store import open_store
from tests.drivers.sip.net import PASSWORD
from tests.drivers.sip.samples import request
from tests.drivers.sip.test_kamailio import free_port
from tests.drivers.sip.test_line_on_sockets import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from drivers.sip.driver import SipDriver
    from gatewayd.driver import Line
    from gatewayd.model import Alarm

FIRST, SECOND, ADMIN = 1, 2, 3
SITE = Site(
    users=(User(ADMIN, "admin", role=Role.ADMIN),),
    contacts=(Contact(FIRST, "room-1", "phones", "2001"), Contact(SECOND, "nurse", "phones", "2002")),
    definitions=(AlarmDefinition(1, "help-key", SECOND),),
    routes=(Route(1, 1, 1, line="phones", text="help*", source="text"),),
    fallback_id=ADMIN,
)


class Ward:
    """An engine with one SIP line, which may be killed and started again on the same port."""

    def __init__(self, data: Path) -> None:
        self._data = data
        accounts = {user: {"password": PASSWORD} for user in ("2001", "2002")}
        given = {"port": free_port(), "accounts": accounts, "accept_by_call": True, "options_interval": 0}
        given["accepted_text"] = "{who} is coming"
        self.settings = SETTINGS.model_validate(given)
        self.open()

    def open(self) -> None:
        """Start."""
        self.store = open_store(self._data)
        self.store.save_site(SITE)
        self.engine = Engine(self.store, SystemClock())
        self.drivers: list[SipDriver] = []
        self.engine.add_line("phones", self._make)
        self.engine.start()

    def _make(self, line: Line) -> SipDriver:
        self.drivers.append(DRIVER(line, self.settings))  # type: ignore[arg-type]
        return self.drivers[0]

    async def is_up(self) -> None:
        await until(lambda: self.engine.lines["phones"].is_up)

    async def stop(self) -> None:
        await self.engine.stop()
        self.store.close()

    @contextlib.asynccontextmanager
    async def phone(self, user: str) -> AsyncIterator[SipPhone]:
        given = {"registrar_port": self.settings.port, "user": user, "password": PASSWORD}
        one = SipPhone(SystemClock(), PhoneSettings.model_validate(given))
        async with running(one):
            await asyncio.wait_for(one.registered.wait(), 10)
            yield one

    @property
    def alarms(self) -> list[Alarm]:
        return [alarm for number in range(1, 10) if (alarm := self.store.alarms.get(number)) is not None]

    @property
    def forwarded(self) -> list[str]:
        """The texts of every message, the oldest first."""
        return [message.text for number in range(1, 10) if (message := self.store.inbox.message(number)) is not None]


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to pass in 10 s")


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[Ward]:
    ward = Ward(tmp_path)
    await ward.is_up()
    yield ward
    await ward.stop()


async def test_a_text_to_a_phone_that_is_away_is_stored_and_arrives_when_it_registers(ward: Ward) -> None:
    async with ward.phone("2001") as first:
        assert await first.say("come to room 1", "2002") == 202
    await settle()
    async with ward.phone("2002") as second:
        shown = await asyncio.wait_for(second.expect("come to room 1"), 5)
    assert "2001" in shown.text


async def test_a_function_key_raises_an_alarm_a_call_accepts_it_and_the_first_phone_is_told(ward: Ward) -> None:
    async with ward.phone("2001") as first, ward.phone("2002") as second:
        assert await first.say("help in room 1") == 200
        await asyncio.wait_for(second.expect("help in room 1"), 5)
        [alarm] = ward.alarms
        assert alarm.accepted_time is None
        await calls(second, ward.settings.port)
        await until(lambda: ward.alarms[0].accepted_time is not None)
        assert ward.alarms[0].accepted_by == SECOND
        await asyncio.wait_for(first.expect("nurse is coming"), 5)


async def calls(phone: SipPhone, port: int) -> None:
    """Let a phone call the gateway, with its password."""
    from drivers.sip.asking import credentials_for
    from drivers.sip.message import Response, parse_message

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    own = f"<sip:{phone.settings.user}@127.0.0.1>;tag=call"
    statuses = []
    headers: dict[str, str] = {}
    for number in (1, 2):
        via = f"SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKcall{number}"
        data = request("INVITE", "sip:alarm@127.0.0.1", b"", via=via, from_=own, **headers)
        writer.write(data)
        answer = parse_message(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5))
        asked = parse_message(data)
        assert isinstance(answer, Response)
        assert not isinstance(asked, Response)
        statuses.append(answer.status)
        found = credentials_for(answer, phone._phone._account, asked, "c")
        headers = {name: values[0] for name, values in (found or {}).items()}
    writer.close()
    await writer.wait_closed()
    assert statuses == [401, 603]


async def test_a_text_whose_200_was_lost_in_a_kill_is_not_taken_twice(tmp_path: Path) -> None:
    """The phone repeats its datagram, with the same password digest, until somebody answers; that is the next life."""
    ward = Ward(tmp_path)
    await ward.is_up()
    async with ward.phone("2001") as first:
        session = ward.drivers[0]._session
        assert session is not None
        session._clerk._answer = lambda *_: None  # type: ignore[method-assign]
        answer = asyncio.create_task(first.say("who is on duty?"))
        await until(lambda: ward.forwarded)
        await ward.stop()
        ward.open()
        try:
            await ward.is_up()
            assert await asyncio.wait_for(answer, 10) == 200
            assert len(ward.forwarded) == 1
            assert await first.say("who is on duty?") == 202
            assert len(ward.forwarded) == 2
        finally:
            await ward.stop()
