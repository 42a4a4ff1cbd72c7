"""The line between the gateway and a push service on loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from drivers.webpush import DRIVER, SETTINGS
from drivers.webpush.driver import WebPushDriver
from drivers.webpush.payload import MOST_BYTES
from drivers.webpush.settings import WebPushSettings
from drivers.webpush.subscriptions import memory_key
from drivers.webpush.vapid import LIFETIME, RENEW_AFTER
from gatewayd import registry
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.model import Priority
from tests.drivers.webpush.house import START, SUBJECT, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House().open() as house:
        yield house


# --- what it is -------------------------------------------------------------------------------------------------------


def test_package_exports_the_driver_its_settings_and_the_simulator() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (WebPushDriver, WebPushSettings, "webpush")
    assert registry.simulator("push-service").__name__ == "PushService"


def test_capabilities_follow_the_settings() -> None:
    assert House().driver.capabilities == Capabilities(sends=True, parallel=32)
    assert House(parallel=4).driver.capabilities.parallel == 4


def test_importing_the_driver_and_its_simulator_loads_no_heavy_library() -> None:
    heavy = "{'pywebpush', 'aiohttp', 'requests', 'cryptography', 'http_ece', 'py_vapid', 'ssl'}"
    code = f"import sys, drivers.webpush, drivers.webpush.simulator; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # asyncio brings ssl along by itself.
    assert run.stdout.strip() in ("[]", "['ssl']")


# --- pushes -----------------------------------------------------------------------------------------------------------


async def test_page_is_shown_by_the_browser_that_subscribed(house: House) -> None:
    address, device = house.subscribe()
    text = json.dumps({"notifications": [{"type": "user_event", "notification": {"message": "Feuer ☎ Öl"}}]})
    receipt = await house.sends(text, address, priority=Priority.EMERGENCY, expires=START + 90.5)
    assert receipt == Receipt(Outcome.SENT)
    (push,) = device.pushes
    assert (push.text, push.ttl, push.urgency, len(push.topic)) == (text, 90, "high", 32)
    assert push.claims == {"aud": house.service.origin, "exp": int(START) + LIFETIME, "sub": SUBJECT}


async def test_each_of_two_devices_reads_only_its_own(house: House) -> None:
    (first, phone), (second, desk) = house.subscribe(), house.subscribe()
    receipts = await asyncio.gather(house.sends("for the phone", first), house.sends("for the desk", second))
    assert [receipt.outcome for receipt in receipts] == [Outcome.SENT, Outcome.SENT]
    assert ([push.text for push in phone.pushes], [push.text for push in desk.pushes]) == (
        ["for the phone"],
        ["for the desk"],
    )


async def test_newer_push_of_a_message_replaces_the_one_that_a_device_did_not_get_yet(house: House) -> None:
    address, device = house.subscribe()
    device.online = False
    for text, message in (("cycle 1", 1), ("other", 2), ("cycle 2", 1)):
        await house.sends(text, address, message_id=message)
    device.come_online(house.clock.now())
    assert [push.text for push in device.pushes] == ["cycle 2", "other"]


async def test_push_that_came_too_late_is_not_shown(house: House) -> None:
    address, device = house.subscribe()
    device.online = False
    await house.sends("old", address, expires=START + 60)
    device.come_online(START + 61)
    assert device.pushes == []


async def test_token_is_signed_once_for_many_pushes_and_again_in_time(house: House) -> None:
    address, device = house.subscribe()
    for after in (0.0, 60.0, RENEW_AFTER):
        house.clock.time = START + after
        await house.sends("FIRE", address, expires=START + 1e6)
    expiries = [push.claims["exp"] - START - LIFETIME for push in device.pushes]
    assert expiries == [0, 0, RENEW_AFTER]


@pytest.mark.parametrize("filling", ["x", "ä", "🚨"])
async def test_long_message_arrives_cut_and_the_receipt_says_so(house: House, filling: str) -> None:
    address, device = house.subscribe()
    text = json.dumps({"notifications": [{"type": "user_event", "notification": {"id": 5, "message": filling * 5000}}]})
    receipt = await house.sends(text, address)
    assert receipt.outcome is Outcome.SENT
    assert receipt.detail.startswith("texts cut to ")
    notification = json.loads(device.pushes[0].text)["notifications"][0]["notification"]
    assert notification["id"] == 5
    assert notification["message"].strip(filling) == "…"
    assert len(device.pushes[0].text.encode()) <= MOST_BYTES


async def test_payload_that_cannot_be_cut_is_refused_without_being_sent(house: House) -> None:
    address, _ = house.subscribe()
    receipt = await house.sends(json.dumps({"n": list(range(3000))}), address)
    assert receipt.outcome is Outcome.REFUSED
    assert "a push holds 3993" in receipt.detail
    assert house.service.counters["posts"] == 0


async def test_withdrawn_page_leaves_the_line_able_to_send_the_next(house: House) -> None:
    address, device = house.subscribe()
    house.service.faults.plan("dead")
    sending = asyncio.create_task(house.sends("withdrawn", address))
    await house.service.posted.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    house.service.faults.repair("dead")
    assert (await house.sends("next", address)).outcome is Outcome.SENT
    assert [push.text for push in device.pushes] == ["next"]


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome", "retry_after"),
    [
        ("nak", Outcome.FAILED, 30),
        ("busy", Outcome.FAILED, 30),
        ("bad", Outcome.REFUSED, None),
        ("large", Outcome.REFUSED, None),
        ("unauthorized", Outcome.REFUSED, None),
        ("forbidden", Outcome.REFUSED, None),
        ("drop", Outcome.FAILED, None),
        ("garble", Outcome.FAILED, None),
    ],
)
async def test_refusal_keeps_the_subscription_and_the_next_push_arrives(
    house: House, fault: str, outcome: Outcome, retry_after: float | None
) -> None:
    address, device = house.subscribe()
    house.service.faults.plan(fault)
    receipt = await house.sends("refused", address)
    assert (receipt.outcome, receipt.retry_after) == (outcome, retry_after)
    assert receipt.detail
    assert (await house.sends("taken", address)).outcome is Outcome.SENT
    assert [push.text for push in device.pushes] == ["taken"]


@pytest.mark.parametrize("fault", ["gone", "missing"])
async def test_subscription_that_has_ended_is_deleted(house: House, fault: str) -> None:
    address, _ = house.subscribe()
    kept, _ = house.subscribe()
    house.service.faults.plan(fault)
    receipt = await house.sends("FIRE", address)
    assert receipt.outcome is Outcome.REFUSED
    assert memory_key(address) not in house.memory.saved
    assert memory_key(kept) in house.memory.saved
    assert house.line.counters["subscriptions_ended"] == 1
    assert "nobody is subscribed" in (await house.sends("FIRE", address)).detail
    assert house.service.counters["posts"] == 1


async def test_browser_that_subscribed_anew_meanwhile_stays_subscribed(house: House) -> None:
    address, device = house.subscribe()
    house.service.faults.plan("late")
    house.service.faults.plan("gone")
    sending = asyncio.create_task(house.sends("FIRE", address))
    await house.service.posted.wait()
    house.subscribe(device, auth="AAAAAAAAAAAAAAAAAAAAAA")
    await house.clock.advance(10)
    assert (await sending).outcome is Outcome.REFUSED
    assert house.memory.saved[memory_key(address)]["auth"] == "AAAAAAAAAAAAAAAAAAAAAA"


async def test_full_disk_only_delays_the_deletion(house: House) -> None:
    address, device = house.subscribe()
    device.ended = house.memory.broken = True
    assert (await house.sends("FIRE", address)).outcome is Outcome.REFUSED
    assert memory_key(address) in house.memory.saved
    house.memory.broken = False
    await house.sends("FIRE", address)
    assert memory_key(address) not in house.memory.saved


async def test_token_that_was_not_taken_is_signed_anew(house: House) -> None:
    address, device = house.subscribe()
    await house.sends("1", address)
    house.service.faults.plan("forbidden")
    assert "VAPID" in (await house.sends("2", address)).detail
    house.clock.time += 60
    await house.sends("3", address)
    assert device.pushes[1].claims["exp"] == device.pushes[0].claims["exp"] + 60


async def test_words_of_the_service_stand_in_the_receipt_without_the_endpoint() -> None:
    async with House(service={"refuse_with": 400}).open() as house:
        address, device = house.subscribe()
        reason = f"BadTopic\n for {device.endpoint} " + "x" * 9000
        house.service.settings = house.service.settings.model_copy(update={"reason": reason})
        house.service.faults.plan("nak")
        detail = (await house.sends("FIRE", address)).detail
        assert detail.startswith("the push service calls the request invalid (400): BadTopic for *** xxx")
        assert len(detail) < 200


# --- a service that misbehaves ----------------------------------------------------------------------------------------


async def test_service_that_hangs_costs_no_more_than_the_time_limit() -> None:
    async with House(timeout=0.05, service={"faults": {"dead": 1}}).open() as house:
        address, _ = house.subscribe()
        receipt = await asyncio.wait_for(house.sends("FIRE", address), 5)
        assert receipt == Receipt(Outcome.FAILED, "the push service did not answer within 0.05 s")


async def test_answer_without_end_is_cut_and_its_status_counts(house: House) -> None:
    address, _ = house.subscribe()
    house.service.faults.plan("huge")
    receipt = await asyncio.wait_for(house.sends("FIRE", address), 5)
    assert receipt == Receipt(Outcome.SENT)
    assert (await house.sends("next", address)).outcome is Outcome.SENT


async def test_redirect_is_not_followed() -> None:
    async with House().open() as house:
        address, _ = house.subscribe()
        elsewhere = house.service.subscribe()
        changes = {"redirect_to": elsewhere.endpoint}
        house.service.settings = house.service.settings.model_copy(update=changes)
        house.service.faults.plan("redirect")
        receipt = await house.sends("FIRE", address)
        assert receipt.outcome is Outcome.REFUSED
        assert "not followed (307)" in receipt.detail
        assert (house.service.counters["posts"], elsewhere.pushes) == (1, [])


async def test_closed_port_fails_for_now(house: House) -> None:
    address, _ = house.subscribe(endpoint="http://127.0.0.1:9/push/abc")
    receipt = await house.sends("FIRE", address)
    assert receipt == Receipt(Outcome.FAILED, "the push service cannot be connected to")
