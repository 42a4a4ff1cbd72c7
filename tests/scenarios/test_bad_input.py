"""Bad input on every wire: its protocol's answer, a log line, nothing lost, the next good frame understood."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.house import House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOISE = random.Random(1).randbytes(10_000)
RUBBISH = (
    NOISE[:1400],
    b"",
    b"\r\n\r\n",
    b"MESSAGE sip:alarm@127.0.0.1 SIP/2.0\r\nVia: nonsense\r\n\r\n",
    b"\x00" * 900,
)
SOON = 5  # seconds of real time until a test gives up


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    built = await House.build(tmp_path)
    yield built
    await built.stack.aclose()


def troubles(caplog: pytest.LogCaptureFixture, line: str) -> list[str]:
    """Return what the log says about bad input on a line."""
    return [r.getMessage() for r in caplog.records if getattr(r, "line", "") == line and r.levelno >= logging.WARNING]


async def test_the_panel_is_understood_after_10_kb_of_noise(house: House, caplog: pytest.LogCaptureFixture) -> None:
    wire = house.devices.panel.adapter.transport
    assert wire is not None
    async with asyncio.timeout(SOON):
        for start in range(0, len(NOISE), 500):
            wire.write(NOISE[start : start + 500])
            await asyncio.sleep(0)
        await house.passes(15)
        await house.devices.panel.activate("3-12", "ROOM 12")
        await house.devices.pager.expect("2001", "ROOM 12")
    assert troubles(caplog, "ward-panel")


async def test_a_block_with_a_wrong_check_character_is_refused_and_its_repeat_taken_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.devices.panel.faults.plan("bcc")
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.devices.pager.expect("2001", "ROOM 12")
    assert any("refused" in text for text in troubles(caplog, "ward-panel"))
    nurse = await house.login("nurse")
    assert (await nurse.get("alarms/active"))["total"] == 1


async def test_a_page_whose_answer_was_damaged_is_sent_again(house: House) -> None:
    house.devices.pager.faults.plan("garble")
    async with asyncio.timeout(SOON):
        await house.devices.panel.activate("3-12", "ROOM 12")
        await house.passes(20)
        await house.devices.pager.expect("2001", "ROOM 12")


async def test_garbage_on_the_sip_port_is_dropped_and_phones_go_on(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    port = house.settings.lines["phones"].settings.port  # type: ignore[attr-defined]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for rubbish in RUBBISH:
            stranger.sendto(rubbish, ("127.0.0.1", port))
    await house.passes(1)
    async with asyncio.timeout(SOON):
        await house.devices.panel.activate("3-12", "ROOM 12")
        await house.devices.phone_b.expect("ROOM 12")
    assert await house.devices.phone_b.say("OK") == 200
    assert any("malformed" in text for text in troubles(caplog, "phones"))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\x00\xff", b'{"event": 1}', b"event=%7B%22text%22"])
async def test_a_body_that_is_not_what_the_call_wants_is_told_so(house: House, body: bytes) -> None:
    nurse = await house.login("nurse")
    headers = {"Authorization": f"Bearer {nurse.token}", "Content-Type": "application/json"}
    url = f"{nurse.url}api/users/self/events/send?f=json"
    async with house.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["description"]
    assert (await nurse.get("users/self/events"))["total"] == 0
