"""Where the line may go, how it notices that it is cut off, and what it starts with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from drivers.webpush.posting import Poster, trust
from drivers.webpush.session import MOST_PROBES
from drivers.webpush.subscriptions import memory_key
from drivers.webpush.vapid import new_key
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown
from tests.drivers.webpush.house import House, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House().open() as house:
        yield house


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


async def test_cookies_of_a_push_service_are_not_kept() -> None:
    poster = Poster(House().settings, trust(None))
    jar = poster._session.cookie_jar
    jar.update_cookies({"who": "this box"}, URL("https://push.example.net/x"))
    assert not jar.filter_cookies(URL("https://push.example.net/x"))
    await poster.close()


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


async def test_line_that_is_still_cut_off_does_not_claim_between_two_attempts_that_it_works_well() -> None:
    house = House()
    async with house.service_open():
        house.subscribe(endpoint="http://127.0.0.1:9/push/abc")
        async with house.line_open():
            await house.down()
        silent = house.line.rated
        assert silent == "http://127.0.0.1:9: the push service cannot be connected to"
        house.line.ratings.clear()
        with pytest.raises(LineDown, match=CUT_OFF):
            async with house.line_open(again=True):
                pass
        assert set(house.line.ratings) == {silent}
        house.memory.saved.clear()
        async with house.line_open(again=True):
            assert house.line.rated == ""


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
