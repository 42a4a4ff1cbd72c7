"""The line between the gateway and a push service on loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from drivers.webpush import DRIVER, SETTINGS
from drivers.webpush.driver import WebPushDriver
from drivers.webpush.payload import MOST_BYTES
from drivers.webpush.session import MOST_PROBES
from drivers.webpush.settings import WebPushSettings
from drivers.webpush.subscriptions import memory_key
from drivers.webpush.vapid import LIFETIME, RENEW_AFTER, new_key
from gatewayd import registry
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.errors import LineDown
from gatewayd.model import Priority
from tests.drivers.webpush.house import START, SUBJECT, House, page

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


# --- where it may go --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [["127.0.0.1"], ["10.1.2.3", "::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]])
async def test_name_that_leads_into_the_house_is_refused(found: list[str]) -> None:
    house = House(allow_hosts=(), allow_http=False)
    house.lookup = lambda _: found
    async with house.open():
        address, _ = house.subscribe(
            endpoint=house.service.subscribe().endpoint.replace("http://127.0.0.1", "https://x.example")
        )
        receipt = await house.sends("FIRE", address)
        assert receipt.outcome is Outcome.REFUSED
        assert receipt.detail == f"x.example leads to {found[0]}, which is not public; allow_hosts can list it"
        assert house.service.counters["posts"] == 0


async def test_a_name_is_refused_by_what_it_really_leads_to() -> None:
    house = House(allow_hosts=(), allow_http=False)
    house.lookup = lambda _: ["127.0.0.1"]
    async with house.open():
        address, _ = house.subscribe(endpoint="https://push.example.net/push/abc")
        receipt = await house.sends("FIRE", address)
        assert receipt.outcome is Outcome.REFUSED
        assert "which is not public" in receipt.detail


async def test_name_is_looked_up_once_and_the_connection_goes_where_it_was_checked() -> None:
    """A second answer of the name server (DNS rebinding) finds nobody who asks."""
    house = House(allow_hosts=("push.house.lan",))
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    house.lookup = lookup
    async with house.open():
        house.service.origin = house.service.origin.replace("127.0.0.1", "push.house.lan")
        address, device = house.subscribe()
        assert (await house.sends("1", address)).outcome is Outcome.SENT
        assert (await house.sends("2", address)).outcome is Outcome.SENT
        assert (asked, len(device.pushes)) == (["push.house.lan"], 2)


async def test_forbidden_addresses_are_left_out_when_a_name_has_others() -> None:
    house = House(allow_hosts=("127.0.0.1",))
    house.lookup = lambda _: ["10.0.0.1", "127.0.0.1", "::1"]
    async with house.open():
        port = house.service.origin.rpartition(":")[2]
        address, _ = house.subscribe(endpoint=f"https://x.example:{port}/push/abc")
        receipt = await house.sends("FIRE", address)
        # It was reached: plain http is what the service speaks, so TLS fails, on the only address that is listed.
        assert receipt == Receipt(Outcome.FAILED, "the push service shows no certificate that is trusted")


async def test_name_that_cannot_be_looked_up_fails_for_now() -> None:
    house = House()

    def lookup(host: str) -> list[str]:
        raise OSError(f"{host}: no name server")

    house.lookup = lookup
    async with house.open():
        address, _ = house.subscribe(endpoint="https://x.example/push/abc")
        receipt = await house.sends("FIRE", address)
        assert receipt == Receipt(Outcome.FAILED, "the push service has a name that cannot be looked up")


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://x.example/push"},
        {"endpoint": "https://192.168.0.1/push"},
        {"endpoint": 5},
        {"auth": "short"},
        {"auth": None},
        {"p256dh": "BBBB"},
        {"p256dh": "B" + "A" * 86},
    ],
)
async def test_subscription_that_became_unusable_is_refused(house: House, changes: dict[str, Any]) -> None:
    address, device = house.subscribe()
    house.memory.saved[memory_key(address)].update(changes)
    receipt = await house.sends("FIRE", address)
    assert receipt.outcome is Outcome.REFUSED
    assert "subscription" in receipt.detail
    assert device.pushes == []


async def test_value_of_another_shape_is_nobodys_subscription(house: House) -> None:
    house.memory.saved[memory_key("0123456789abcdef")] = "text"
    assert (await house.sends("FIRE", "0123456789abcdef")).outcome is Outcome.REFUSED


# --- the way out ------------------------------------------------------------------------------------------------------

CUT_OFF = "no push service can be reached"


async def test_line_goes_down_when_no_push_service_answers_and_comes_up_again_with_a_proof() -> None:
    house = House()
    async with house.service_open():
        address, _ = house.subscribe()
        async with house.line_open():
            await house.watched()
            await house.service_closes()
            house.clock.time += 10
            assert (await house.sends("1", address)).outcome is Outcome.FAILED
            reason = f"{CUT_OFF} ({house.service.origin}: the push service cannot be connected to)"
            assert await house.down() == reason
        with pytest.raises(LineDown, match=CUT_OFF):
            async with house.line_open(again=True):
                pass
        assert house.line.ups == 1
    async with house.service_open(), house.line_open(again=True):
        assert house.line.ups == 2
        assert (await house.sends("2", address)).outcome is Outcome.SENT


async def test_start_without_the_internet_is_not_held_up_by_the_proof() -> None:
    house = House(service={"faults": {"deaf": 1}}, timeout=0.05)
    async with house.service_open():
        house.subscribe()
        async with house.line_open():
            assert house.line.ups == 1
            assert "did not answer within 0.05 s" in await house.down()


async def test_quiet_line_notices_within_the_probe_time_that_it_is_cut_off() -> None:
    house = House(probe_every=60)
    async with house.service_open():
        house.subscribe()
        async with house.line_open():
            await house.watched()
            await house.service_closes()
            await house.clock.advance(59)
            assert not house.is_down
            await house.clock.advance(1)
            assert CUT_OFF in await house.down()


async def test_line_without_probes_notices_it_by_the_first_page() -> None:
    house = House(probe_every=0)
    async with house.service_open():
        address, _ = house.subscribe()
        async with house.line_open():
            await house.service.probed.wait()
            await house.sends("1", address)
            await house.service_closes()
            await house.sends("2", address)
            await house.watched()
            await house.clock.advance(10)  # for so long the answer to the first page proves the way out
            assert CUT_OFF in await house.down()


async def test_one_dead_service_among_several_leaves_the_line_up() -> None:
    async with House().open() as house:
        dead, _ = house.subscribe(endpoint="http://127.0.0.1:9/push/abc")
        alive, _ = house.subscribe()
        house.clock.time += 10
        assert (await house.sends("1", dead)).outcome is Outcome.FAILED
        await house.service.probed.wait()
        assert (await house.sends("2", alive)).outcome is Outcome.SENT
        assert not house.is_down


async def test_line_says_which_service_does_not_answer_until_it_does_or_nobody_needs_it() -> None:
    async with House().open() as house:
        dead, _ = house.subscribe(endpoint="http://127.0.0.1:9/push/abc")
        alive, _ = house.subscribe()
        assert house.line.rated == ""
        await house.sends("1", dead)
        await house.sends("2", alive)
        assert house.line.rated == "http://127.0.0.1:9: the push service cannot be connected to"
        del house.memory.saved[memory_key(dead)]
        house.service.faults.plan("drop")
        await house.sends("3", alive)
        assert house.line.rated == f"{house.service.origin}: the push service closed the connection without an answer"
        await house.sends("4", alive)
        assert house.line.rated == ""


async def test_line_without_subscriptions_is_up_without_asking_anybody() -> None:
    house = House()
    async with house.service_open(), house.line_open():
        await house.clock.advance(600)
        assert (house.line.ups, house.is_down) == (1, False)
        assert not house.service.probed.is_set()


async def test_recent_answer_spares_the_probe(house: House) -> None:
    await house.watched()
    address, _ = house.subscribe()
    await house.clock.advance(55)
    await house.sends("FIRE", address)
    await house.clock.advance(9)
    await house.sends("FIRE", address)  # while it waits for the first answer to grow old
    await house.clock.advance(1)
    await house.watched()
    assert not house.service.probed.is_set()
    await house.clock.advance(60)
    await house.service.probed.wait()


async def test_endpoints_of_many_services_do_not_make_the_probes_grow() -> None:
    house = House()
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return []

    house.lookup = lookup
    async with house.service_open():
        for number in range(20):
            house.subscribe(endpoint=f"https://{number}.example/x")
        async with house.line_open():
            assert "has a name that cannot be looked up" in await house.down()
    assert len(asked) == MOST_PROBES


# --- the key and the start --------------------------------------------------------------------------------------------


async def test_key_pair_is_made_once_and_survives_a_restart(house: House) -> None:
    address, device = house.subscribe()
    key, pem = house.driver.public_key(), house.memory.saved["vapid"]
    await house.sends("before", address)
    async with house.line_open() as driver:
        assert (driver.public_key(), house.memory.saved["vapid"]) == (key, pem)
        await driver.send(page("after", address))
    assert [push.text for push in device.pushes] == ["before", "after"]
    assert (len(key.der), len(key.raw)) == (124, 87)


async def test_line_does_not_come_up_before_its_key_is_on_disk() -> None:
    house = House()
    house.memory.broken = True
    with pytest.raises(LineDown, match="could not be recorded: the disk is full"):
        async with house.line_open():
            pass
    assert house.line.ups == 0
    with pytest.raises(LineDown, match="no VAPID key yet"):
        house.driver.public_key()


async def test_damaged_key_is_not_replaced_by_another() -> None:
    house = House()
    house.memory.saved["vapid"] = new_key().replace("-----BEGIN", "-----begun")
    with pytest.raises(LineDown, match="not an unencrypted private key in PEM"):
        async with house.line_open():
            pass
    assert house.memory.saved["vapid"].startswith("-----begun")


async def test_line_that_is_not_open_sends_nothing() -> None:
    house = House()
    with pytest.raises(LineDown, match="not open"):
        await house.sends()
    async with house.line_open() as driver:
        assert (house.line.ups, driver.port) == (1, "https")
    with pytest.raises(LineDown, match="not open"):
        await driver.send(replace(page(), id=2))


async def test_unreadable_ca_file_takes_the_line_down(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        house = House(ca_file=path)
        with pytest.raises(LineDown, match="ca_file cannot be read"):
            async with house.line_open():
                pass
        (tmp_path / "empty.pem").write_text("nothing")
