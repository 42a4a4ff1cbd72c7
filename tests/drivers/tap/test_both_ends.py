"""Entry device and terminal joined: on whole, chopped, slow and lossy wires, in memory and on a real PTY."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any, Self

import pytest

from drivers.tap.driver import TapDriver
from drivers.tap.profile import Profile
from drivers.tap.protocol import EntryDevice
from drivers.tap.settings import TapSettings
from drivers.tap.simulated_client import ClientSettings, TapClient
from drivers.tap.simulator import SIMULATORS, ModemSimulator, TapSimulator, TerminalSettings
from gatewayd.clock import ManualClock, SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.memory import Wire, connect
from tests.drivers.tap.bench import LONG_TEXT
from tests.drivers.tap.site import RecordingLine, Site, page
from tests.drivers.tap.ward import TakingLine, Ward

if TYPE_CHECKING:
    from pathlib import Path

WIRES = {"whole": Wire(), "byte by byte": Wire(chunk=1), "in threes": Wire(chunk=3), "slow": Wire(delay=0.3)}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
async def test_pages_arrive_on_any_wire(wire: Wire) -> None:
    site = Site(wire=wire, multi_block=True, max_chars=1000, transparent=True, t4=8)
    await site.start()
    for text in ("FIRE 3", "", LONG_TEXT, "LINE1\r\nLINE2\x1a\x03"):
        assert (await site.sends(page(text), within=5)).outcome is Outcome.SENT
        await site.simulator.expect("2001", text)


@pytest.mark.parametrize("seed", range(12))
async def test_pages_are_never_claimed_to_be_sent_when_they_did_not_arrive(seed: int) -> None:
    dice = random.Random(seed)

    def alter(chunk: bytes) -> bytes:
        if dice.random() > 0.01:
            return chunk
        return b"" if dice.random() < 0.5 else bytes((chunk[0] ^ 1 << dice.randrange(7),))

    site = Site(wire=Wire(chunk=1, alter=alter))
    for number in range(20):
        if site.running is None or site.running.done():
            await _restarted(site)
        await _delivered_or_known(site, number)
    assert site.simulator.pages


async def _restarted(site: Site) -> None:
    if site.running is not None:
        assert isinstance(site.running.exception(), LineDown)
    await site.start()
    await site.clock.advance(60)


async def _delivered_or_known(site: Site, number: int) -> None:
    task = await site.sending(page(f"PAGE {number}", number=number))
    await site.clock.advance(90)
    arrived = [taken.text for taken in site.simulator.pages].count(f"PAGE {number}")
    error = task.exception()
    if error is not None:
        assert isinstance(error, LineDown)
    elif task.result().outcome is Outcome.SENT:
        assert arrived >= 1


class Paired:
    """The driver and the simulator with the real clock and a real PTY between them."""

    def __init__(self, link: Path, faults: dict[str, int] | None = None, **line: Any) -> None:  # noqa: ANN401 - any setting
        clock = SystemClock()
        self.simulator = TapSimulator(clock, TerminalSettings(port=str(link), faults=faults or {}))
        self.line = RecordingLine(clock)
        self.driver = TapDriver(self.line, TapSettings(**{"port": str(link)} | line))
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.tasks = [asyncio.create_task(self.simulator.run())]
        await asyncio.sleep(0)
        self.tasks.append(asyncio.create_task(self.driver.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in reversed(self.tasks):
            task.cancel()
            await asyncio.wait([task])


async def sent(pair: Paired, text: str) -> Outcome:
    """Send, as soon as the port is open."""
    async with asyncio.timeout(10):
        return (await pair.driver.send(page(text))).outcome


async def _serving(pair: Paired) -> None:
    async with asyncio.timeout(10):
        await pair.line.came_up.wait()


@pytest.mark.parametrize(
    "framing", [{}, {"bytesize": 7, "parity": "even"}, {"bytesize": 7, "parity": "even", "software_parity": True}]
)
async def test_pages_arrive_over_a_real_pty(tmp_path: Path, framing: dict[str, Any]) -> None:
    async with Paired(tmp_path / "tap", **framing) as pair:
        await _serving(pair)
        assert await sent(pair, "FIRE 3") is Outcome.SENT
        assert await sent(pair, "FIRE 4") is Outcome.SENT
        assert [taken.text for taken in pair.simulator.pages] == ["FIRE 3", "FIRE 4"]


async def test_refusal_comes_back_over_a_real_pty(tmp_path: Path) -> None:
    async with Paired(tmp_path / "tap", faults={"rs": 1}) as pair:
        await _serving(pair)
        assert await sent(pair, "FIRE 3") is Outcome.REFUSED
        assert await sent(pair, "FIRE 4") is Outcome.SENT


async def test_vanished_device_is_line_down(tmp_path: Path) -> None:
    async with Paired(tmp_path / "tap") as pair:
        await _serving(pair)
        pair.tasks[0].cancel()
        async with asyncio.timeout(10):
            with pytest.raises(LineDown):
                await pair.tasks[1]


@pytest.mark.parametrize("framing", [{}, {"bytesize": 7, "parity": "even"}])
async def test_client_on_a_real_pty_is_served_by_the_terminal_that_opens_it(
    tmp_path: Path, framing: dict[str, Any]
) -> None:
    clock, link = SystemClock(), tmp_path / "nurse"
    client = TapClient(clock, ClientSettings(port=str(link)))
    paging = asyncio.create_task(client.page("2001", "FIRE 3"))
    await asyncio.sleep(0)
    line = TakingLine(clock)
    running = asyncio.create_task(TapDriver(line, TapSettings(port=str(link), role="terminal", **framing)).run())
    async with asyncio.timeout(20):
        assert (await paging).outcome is Outcome.SENT
    assert line.texts == [("2001", "FIRE 3")]
    client.hang_up()
    async with asyncio.timeout(10):
        with pytest.raises(LineDown):
            await running


async def test_page_is_called_through_over_a_modem_on_a_real_pty(tmp_path: Path) -> None:
    clock, link = SystemClock(), tmp_path / "modem"
    simulator = ModemSimulator(clock, TerminalSettings(port=str(link)))
    simulating = asyncio.create_task(simulator.run())
    await asyncio.sleep(0)
    line = RecordingLine(clock)
    settings = TapSettings(port=str(link), modem=True, number="0301234", bytesize=7, parity="even")
    driver = TapDriver(line, settings)
    running = asyncio.create_task(driver.run())
    async with asyncio.timeout(20):
        await line.came_up.wait()
        assert (await driver.send(page())).outcome is Outcome.SENT
    assert (simulator.modem.dialled, len(simulator.pages)) == (["0301234"], 1)
    for task in (running, simulating):
        task.cancel()
        await asyncio.wait([task])


async def test_simulated_client_pages_by_itself_and_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "drivers.tap")
    ward = await Ward(client={"every": 60.0, "text": "ROOM 12"}).start()
    running = asyncio.create_task(ward.client.run())
    await ward.clock.advance(130)
    running.cancel()
    await asyncio.wait([running])
    assert "closed by the other end" in await ward.down()
    assert ward.line.texts == [("2001", "ROOM 12")] * 3
    assert caplog.messages.count("paged 2001: ROOM 12 (sent: 211 Page accepted)") == 3


async def test_simulated_client_that_finds_nobody_says_so_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "drivers.tap")
    ward = await Ward(client={"every": 60.0, "faults": {"dead": 1}}).start()
    running = asyncio.create_task(ward.client.run())
    await ward.clock.advance(50)
    ward.client.faults.repair("dead")
    await ward.clock.advance(60)
    assert ward.line.texts == [("2001", "ROOM 12 NURSE CALL")]
    running.cancel()
    await asyncio.wait([running])
    assert "closed by the other end" in await ward.down()


async def test_simulator_replaces_the_link_of_an_earlier_run_and_logs_what_it_takes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "drivers.tap")
    for text in ("FIRST", "SECOND"):
        async with Paired(tmp_path / "tap") as pair:
            await _serving(pair)
            await sent(pair, text)
    assert "page for 2001: FIRST" in caplog.messages
    assert "page for 2001: SECOND" in caplog.messages


async def test_expected_page_is_found_once_and_its_absence_is_told() -> None:
    site = Site()
    await site.start()
    await site.sends(page("FIRE 3"))
    await site.simulator.expect("2001", "FIRE 3")
    missing = asyncio.create_task(site.simulator.expect("2001", "FIRE 3", within=5))
    await site.sends(page("FIRE 4"))
    await site.clock.advance(5)
    with pytest.raises(TimeoutError, match="FIRE 4"):
        await missing


async def test_page_that_is_expected_before_it_comes_is_found() -> None:
    site = Site()
    await site.start()
    expected = asyncio.create_task(site.simulator.expect("2001", "FIRE 4"))
    await site.sends(page("FIRE 3"))
    assert not expected.done()
    await site.sends(page("FIRE 4"))
    assert (await expected).text == "FIRE 4"


def test_simulators_are_found_by_their_names() -> None:
    assert {"tap": TapSimulator, "tap-client": TapClient, "tap-modem": ModemSimulator} == SIMULATORS
    assert TapSimulator.Settings is TerminalSettings


@pytest.mark.parametrize(
    "left_over", [b"\r\x1bPG1\r", b"\r\x1bPG1\r\x02", b"\r\x1bPG1\r\x022001\rHALF A PA", b"\r\x1bPG"]
)
async def test_terminal_that_was_left_in_the_middle_by_a_killed_process_takes_the_next_page(left_over: bytes) -> None:
    clock = ManualClock()
    simulator = TapSimulator(clock, TerminalSettings(port="", t4=3600.0, t5=3600.0))
    terminal = simulator.adapter()
    terminal.data_received(left_over)
    device = EntryDevice(Profile())
    fresh = StreamAdapter(device, clock)
    connect(fresh, terminal, clock)
    device.send_page("1", "2001", "FIRE", clock.now())
    fresh.flush()
    for _ in range(3):  # as often as the supervisor opens the line again
        await clock.advance(8)
        if not simulator.pages:
            device.send_page("2", "2001", "FIRE", clock.now())
            fresh.flush()
    assert [page.text for page in simulator.pages][:1] == ["FIRE"]
