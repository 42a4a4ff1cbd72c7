"""The driver and real phones on the loopback interface, over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from drivers.sip import DRIVER, SETTINGS
from drivers.sip.phone import PhoneSettings
from drivers.sip.simulator import SIMULATORS
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown, NotDurable
from gatewayd.model import Recorded
from tests.drivers.sip.net import FakeLine, Memory, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drivers.sip.driver import SipDriver
    from drivers.sip.simulator import SipPhone

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@contextlib.asynccontextmanager
async def running(thing: SipDriver | SipPhone) -> AsyncIterator[None]:
    task = asyncio.create_task(thing.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def gateway(line: FakeLine, **changes: object) -> AsyncIterator[SipDriver]:
    given = {"port": 0, "accounts": {"2001": {"password": "s3cret"}}, **changes}
    driver = DRIVER(line, SETTINGS.model_validate(given))
    async with running(driver):
        await asyncio.wait_for(line.is_up.wait(), 5)
        yield driver


@contextlib.asynccontextmanager
async def phone(driver: SipDriver, **changes: object) -> AsyncIterator[SipPhone]:
    assert driver.bound is not None
    given = {"registrar_port": driver.bound[1], "password": "s3cret", **changes}
    one: SipPhone = SIMULATORS["sip-phone"](SystemClock(), PhoneSettings.model_validate(given))
    async with running(one):
        if one.settings.register_for:
            await asyncio.wait_for(one.registered.wait(), 5)
        yield one


@TRANSPORTS
async def test_a_page_reaches_the_phone_and_the_answer_reaches_the_gateway(transport: str) -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver, transport=transport) as handset:
        assert handset.registration_status == 200
        receipt = await driver.send(page("FIRE 3 #12"))
        assert receipt.outcome is Outcome.RECEIVED
        assert receipt.reference
        assert (await handset.expect("FIRE 3")).headers["priority"] == "emergency"
        assert await handset.reply("#12") == 200
        assert line.said == [("2001", "OK #12")]


@TRANSPORTS
async def test_a_text_is_answered_only_after_it_was_recorded(transport: str) -> None:
    line = FakeLine()
    line.gate.clear()
    line.recorded = Recorded.FORWARDED
    async with gateway(line) as driver, phone(driver, transport=transport) as handset:
        answer = asyncio.create_task(handset.say("help"))
        await line.reported.wait()
        await asyncio.sleep(0.05)
        assert not answer.done()
        line.gate.set()
        assert await answer == 202


async def test_a_text_that_could_not_be_recorded_is_answered_503() -> None:
    line = FakeLine()
    line.broken = True
    async with gateway(line) as driver, phone(driver) as handset:
        assert await handset.say("help") == 503


async def test_a_registration_that_could_not_be_recorded_is_answered_503() -> None:
    line = FakeLine()
    line.memory.broken = True
    async with gateway(line) as driver, phone(driver) as handset:
        assert handset.registration_status == 503
        assert (await driver.send(page())).outcome is Outcome.FAILED


async def test_a_phone_that_registers_while_nothing_can_be_stored_can_be_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def owed(changes: dict[str, object]) -> None:
        raise NotDurable(f"{len(changes)} changes wait in memory")

    line = FakeLine()
    monkeypatch.setattr(line.memory, "save", owed)
    async with gateway(line) as driver, phone(driver) as handset:
        assert handset.registration_status == 200
        assert (await driver.send(page())).outcome is not Outcome.FAILED


async def test_a_wrong_password_registers_nobody() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver, password="guess") as handset:
        assert handset.registration_status == 401
        assert line.counters["wrong_passwords"] == 1
        receipt = await driver.send(page())
        assert (receipt.outcome, receipt.detail, receipt.retry_after) == (Outcome.FAILED, "not registered", 30.0)


async def test_bindings_survive_a_restart_of_the_line() -> None:
    memory = Memory()
    async with gateway(FakeLine(memory=memory)) as driver, phone(driver) as handset:
        port = driver.bound[1] if driver.bound else 0
    async with gateway(FakeLine(memory=memory), port=port) as driver:
        assert handset.bound is not None
        quiet: dict[str, object] = {"register_for": 0, "port": handset.bound[1]}
        async with phone(driver, **quiet) as same_handset:
            await same_handset.opened.wait()
            assert (await driver.send(page("after the restart"))).outcome is Outcome.RECEIVED


async def test_a_page_waits_for_its_phone_to_register_when_told_so() -> None:
    line = FakeLine()
    async with gateway(line, wait_for_registration=5) as driver:
        sending = asyncio.create_task(driver.send(page()))
        await asyncio.sleep(0)
        async with phone(driver) as handset:
            assert (await asyncio.wait_for(sending, 5)).outcome is Outcome.RECEIVED
            await handset.expect("FIRE")


async def test_a_phone_that_lost_its_tcp_connection_is_reached_again_where_it_listens() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver, transport="tcp") as handset:
        assert driver._session is not None
        for adapter in list(driver._session._sockets._adapters.values()):
            adapter.abort()
        await asyncio.sleep(0.01)
        assert (await driver.send(page())).outcome is Outcome.RECEIVED
        await handset.expect("FIRE")


async def test_a_page_too_long_for_a_datagram_goes_over_tcp() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver) as handset:
        assert (await driver.send(page("x" * 1400))).outcome is Outcome.RECEIVED
        shown = await handset.expect("xxx")
        assert "SIP/2.0/TCP" in shown.headers["via"]


async def test_a_static_phone_needs_no_registration() -> None:
    line = FakeLine()
    async with gateway(line, port=0) as driver, phone(driver, register_for=0) as handset:
        await handset.opened.wait()
        assert handset.bound is not None
        address = f"sip:2001@127.0.0.1:{handset.bound[1]};x=1"
        assert driver.bound is not None
        async with gateway(FakeLine(), domains=("g",), host="127.0.0.2", static={"2001": address}) as other:
            assert (await other.send(page())).outcome is Outcome.RECEIVED


async def test_the_port_says_what_was_bound() -> None:
    async with gateway(FakeLine()) as driver:
        assert driver.bound is not None
        assert driver.port == f"udp+tcp:127.0.0.1:{driver.bound[1]}"
        taken = DRIVER(FakeLine(), SETTINGS(port=driver.bound[1]))
        with pytest.raises(LineDown, match="cannot"):
            await taken.run()


async def test_a_line_that_is_not_open_cannot_send() -> None:
    driver = DRIVER(FakeLine(), SETTINGS())
    with pytest.raises(LineDown):
        await driver.send(page())


async def test_closing_the_line_ends_the_pages_under_way() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver) as handset:
        handset.faults.plan("dead")
        sending = asyncio.create_task(driver.send(page()))
        await asyncio.sleep(0.01)
    with pytest.raises(LineDown):
        await sending


async def test_the_phone_answers_by_itself_once_for_each_code() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver, answer="OK {code}") as handset:
        await driver.send(page("FIRE 3 #7"))
        await driver.send(page("FIRE 3 #7"))
        await line.reported.wait()
        await asyncio.sleep(0.02)
        assert line.said == [("2001", "OK #7")]
        assert len(handset.messages) == 2


async def test_a_ping_on_a_connection_is_answered_at_once() -> None:
    async with gateway(FakeLine()) as driver:
        assert driver.bound is not None
        reader, writer = await asyncio.open_connection(*driver.bound)
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 5) == b"\r\n"
        writer.close()
        await writer.wait_closed()


async def test_a_connection_from_a_foreign_network_is_closed() -> None:
    line = FakeLine()
    async with gateway(line, networks=("10.0.0.0/8",)) as driver:
        assert driver.bound is not None
        reader, writer = await asyncio.open_connection(*driver.bound)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert line.counters["foreign"] == 1
        writer.close()
        await writer.wait_closed()


async def test_a_stream_that_cannot_be_framed_is_answered_and_closed() -> None:
    async with gateway(FakeLine()) as driver:
        assert driver.bound is not None
        reader, writer = await asyncio.open_connection(*driver.bound)
        writer.write(
            b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
            b"To: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"SIP/2.0 400 ")
        writer.close()
        await writer.wait_closed()


async def test_a_cancelled_send_is_withdrawn_and_the_next_page_goes() -> None:
    async with gateway(FakeLine()) as driver, phone(driver) as handset:
        handset.faults.plan("dead")
        sending = asyncio.create_task(driver.send(page("taken by somebody")))
        await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert driver._session is not None
        assert not driver._session._endpoint._pager._deliveries
        handset.faults.repair("dead")
        receipt = await asyncio.wait_for(driver.send(page("next")), 5)
        assert receipt.outcome is Outcome.RECEIVED
        assert [text.text for text in handset.messages] == ["next"]


async def test_a_phone_that_registers_gets_what_it_has_missed_also_from_before_a_restart() -> None:
    line = FakeLine()
    async with gateway(line) as driver:
        for address in ("2001", "tel:2001", "sip:2001@127.0.0.1"):
            assert (await driver.send(page(address=address))).outcome is Outcome.FAILED
        async with phone(driver):
            assert sorted(line.back) == ["2001", "sip:2001@127.0.0.1", "tel:2001"]
    line = FakeLine(memory=line.memory)
    async with gateway(line) as driver, phone(driver):
        assert sorted(line.back) == ["2001", "sip:2001@127.0.0.1"]


async def test_a_phone_that_was_busy_gets_what_it_has_missed_when_it_registers_again() -> None:
    line = FakeLine()
    async with gateway(line) as driver, phone(driver, refuse_with=480) as handset:
        handset.faults.plan("nak")
        assert (await driver.send(page(address="sip:2001@127.0.0.1"))).outcome is Outcome.FAILED
        line.back.clear()
        handset.register()
        await asyncio.wait_for(handset.registered.wait(), 5)
        assert sorted(line.back) == ["2001", "sip:2001@127.0.0.1"]


@TRANSPORTS
async def test_everything_works_over_ipv6(transport: str) -> None:
    line = FakeLine()
    async with gateway(line, host="::1") as driver:
        given = {"registrar_host": "::1", "host": "::1", "transport": transport}
        async with phone(driver, **given) as handset:
            assert handset.registration_status == 200
            assert (await driver.send(page("FIRE"))).outcome is Outcome.RECEIVED
            assert (await handset.expect("FIRE")).sender == "sip:alarm@[::1]"
            assert await handset.say("OK") == 200
    assert line.said == [("2001", "OK")]


async def test_one_connection_too_many_is_refused() -> None:
    async with gateway(FakeLine(), connections=1) as driver:
        assert driver.bound is not None
        first = await asyncio.open_connection(*driver.bound)
        first[1].write(b"\r\n\r\n")
        assert await asyncio.wait_for(first[0].readexactly(2), 5) == b"\r\n"
        second = await asyncio.open_connection(*driver.bound)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(second[0].read(), 5) == b""
        first[1].write(b"\r\n\r\n")
        assert await asyncio.wait_for(first[0].readexactly(2), 5) == b"\r\n"
        for _, writer in (first, second):
            writer.transport.abort()
