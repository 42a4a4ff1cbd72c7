"""The terminal as a TCP server: who is served, how many, how long; on real sockets of the loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from drivers.tap.driver import TapDriver
from drivers.tap.receiving import Receiver
from drivers.tap.settings import TapSettings
from drivers.tap.simulated_client import ClientSettings, TapClient
from gatewayd.clock import ManualClock, SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.drivers.tap.bench import ACCEPTED, ASKED, FIRE, GOODBYE, LOGON, LOGON_OK
from tests.drivers.tap.ward import TakingLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gatewayd.clock import Clock

pytestmark = pytest.mark.timeout(20)


class Served:
    """A terminal that listens, and clients for it."""

    def __init__(self, line: TakingLine, driver: TapDriver) -> None:
        self.line = line
        self.driver = driver

    @property
    def port(self) -> int:
        assert self.driver.bound is not None
        return self.driver.bound[1]

    def client(self, **client: Any) -> TapClient:  # noqa: ANN401 - any setting
        return TapClient(SystemClock(), ClientSettings(port=f"socket://127.0.0.1:{self.port}", **client))


@asynccontextmanager
async def serving(clock: Clock | None = None, **values: Any) -> AsyncIterator[Served]:  # noqa: ANN401 - any setting
    line = TakingLine(clock or SystemClock())
    driver = TapDriver(line, TapSettings(role="terminal", **{"listen": "127.0.0.1:0"} | values))
    running = asyncio.create_task(driver.run())
    await line.came_up.wait()
    try:
        yield Served(line, driver)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert driver.bound is None


async def says(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, data: bytes, until: bytes) -> bytes:
    writer.write(data)
    async with asyncio.timeout(5):
        return await reader.readuntil(until)


async def test_page_over_tcp_becomes_a_text() -> None:
    async with serving() as served:
        client = served.client()
        assert (await client.page("2001", "FIRE 3")).outcome is Outcome.SENT
        assert (await client.page("2001", "FIRE 4")).outcome is Outcome.SENT
        client.hang_up()
        assert served.driver.port == f"tcp:127.0.0.1:{served.port}"
    assert served.line.texts == [("2001", "FIRE 3"), ("2001", "FIRE 4")]
    assert served.driver.port == "tcp:127.0.0.1:0"


async def test_several_clients_are_served_at_once_and_one_too_many_is_refused() -> None:
    async with serving(connections=2) as served:
        served.line.store_is_free.clear()
        clients = [served.client() for _ in range(3)]
        pages = [asyncio.create_task(one.page(str(number), "FIRE")) for number, one in enumerate(clients)]
        done, _ = await asyncio.wait(pages, return_when=asyncio.FIRST_COMPLETED)
        assert [isinstance(task.exception(), LineDown) for task in done] == [True]
        served.line.store_is_free.set()
        await asyncio.gather(*pages, return_exceptions=True)
        for one in clients:
            one.hang_up()
    assert len(served.line.texts) == 2


async def test_who_is_not_on_the_list_hears_nothing_and_is_not_heard() -> None:
    async with serving(networks=("10.0.0.0/8",)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(LOGON + FIRE)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
    assert served.line.texts == []


@pytest.mark.parametrize(
    ("host", "is_served"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fe80::1%eth0", True), ("192.168.0.1", False), ("", False)],
)
def test_networks_hold_in_both_families(host: str, is_served: bool) -> None:  # noqa: FBT001
    settings = TapSettings(role="terminal", listen="127.0.0.1:0", networks=("10.0.0.0/8", "fe80::/10"))
    assert settings.serves(host) is is_served


async def test_connection_outlives_a_session_for_the_next_one() -> None:
    async with serving() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        assert await says(writer, reader, b"\r", b"ID=") == ASKED
        for _ in range(2):
            assert await says(writer, reader, LOGON, b"\x1b[p\r") == LOGON_OK + b"\x1b[p\r"
            assert await says(writer, reader, FIRE, b"\x06\r") == ACCEPTED
            assert await says(writer, reader, b"\x04\r", b"\x04\r") == GOODBYE
        writer.close()
    assert served.line.texts == [("2001", "FIRE 3")] * 2


async def test_client_that_never_logs_off_but_closes_has_heard_the_answer() -> None:
    async with serving() as served:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            await says(writer, reader, LOGON, b"\x1b[p\r")
            assert await says(writer, reader, FIRE, b"\x06\r") == ACCEPTED
            writer.close()
            await _all_gone(served)
    assert served.line.texts == [("2001", "FIRE 3")] * 2


async def test_client_whose_connection_broke_sends_its_page_again_and_alarms_once() -> None:
    async with serving() as served:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            await says(writer, reader, LOGON, b"\x1b[p\r")
            assert await says(writer, reader, FIRE, b"\x06\r") == ACCEPTED
            for connection in _connections(served):
                connection.fail(LineDown("the network broke"))
            await _all_gone(served)
            writer.close()
    assert served.line.texts == [("2001", "FIRE 3")]
    assert served.line.counts["repeats"] == 1


@pytest.mark.parametrize("fault", ["half", "hangup"])
async def test_client_that_breaks_off_in_or_behind_its_block_and_comes_again_alarms_once(fault: str) -> None:
    async with serving() as served:
        client = served.client(faults={fault: 1})
        served.line.store_is_free.clear()
        with pytest.raises(LineDown, match="on purpose"):
            await client.page("2001", "FIRE 3")
        await _until(lambda: all(connection.closed for connection in _connections(served)))
        again = asyncio.create_task(client.page("2001", "FIRE 3"))
        served.line.store_is_free.set()
        async with asyncio.timeout(10):
            assert (await again).outcome is Outcome.SENT
        client.hang_up()
    assert served.line.texts == [("2001", "FIRE 3")]


async def test_client_that_keeps_failing_to_log_on_is_hung_up_on_for_good() -> None:
    async with serving(passwords=("right",)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"\x1bPG1wrong\r" * 4)
        async with asyncio.timeout(5):
            assert (await reader.read()).endswith(b"\x1b\x04\r")
        writer.close()


async def test_client_that_expects_to_be_asked_is_asked_after_a_while_and_a_silent_one_is_sent_away() -> None:
    clock = ManualClock()
    async with serving(clock, idle_timeout=60) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        await _until(lambda: _connections(served))
        await clock.advance(2)
        async with asyncio.timeout(5):
            assert await reader.readuntil(b"=") == ASKED
        assert (await says(writer, reader, LOGON, b"\x1b[p\r")).startswith(b"110")
        await clock.advance(61)
        async with asyncio.timeout(5):
            assert b"501" in await reader.read()
        writer.close()


async def test_connection_that_nobody_uses_any_more_is_closed() -> None:
    clock = ManualClock()
    async with serving(clock, idle_timeout=60) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        assert (await says(writer, reader, LOGON + FIRE + b"\x04\r", b"\x1b\x04\r")).endswith(GOODBYE)
        await clock.advance(59)
        assert _connections(served)
        await clock.advance(2)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_port_that_is_taken_is_a_line_that_is_down() -> None:
    async with serving() as served:
        other = TapDriver(TakingLine(SystemClock()), TapSettings(role="terminal", listen=f"127.0.0.1:{served.port}"))
        with pytest.raises(LineDown, match="cannot listen"):
            await other.run()


def _connections(served: Served) -> list[Any]:
    end = served.driver._end
    assert isinstance(end, Receiver)
    return list(end._clients)


async def _until(true: Callable[[], object]) -> None:
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


async def _all_gone(served: Served) -> None:
    end = served.driver._end
    assert isinstance(end, Receiver)
    async with asyncio.timeout(5):
        await asyncio.gather(*end._clients.values())
