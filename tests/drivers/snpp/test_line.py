"""The line: what clients send becomes texts, stored before it is acknowledged; who is served, and who is not."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from drivers.snpp import DRIVER, SETTINGS
from drivers.snpp.guard import MOST_FAILURES, MOST_HOSTS, WINDOW, LoginGuard
from drivers.snpp.simulator import SnppClient
from gatewayd.errors import DeliveryFailedForNow, LineDown, StoreUnavailable
from gatewayd.model import Priority, TextReceived
from tests.drivers.snpp.site import Gateway, serving

pytestmark = pytest.mark.timeout(20)


async def test_a_page_becomes_a_text_for_the_recipient_of_that_id() -> None:
    async with serving() as (gateway, client):
        await client.page("100", "core switch down")
        await client.page("100", "two\nlines")
    assert [(text.sender, text.text, text.recipient) for text in gateway.texts] == [
        ("nagios", "core switch down", "100"),
        ("nagios", "two\nlines", "100"),
    ]
    assert gateway.counts == {"messages": 2}


async def test_a_client_that_gives_no_name_is_known_by_its_address() -> None:
    async with serving() as (gateway, client):
        await client.session("PAGE 1", "PAGE 2", "MESS a", "SEND", "QUIT")
    assert [(text.sender, text.recipient) for text in gateway.texts] == [("127.0.0.1", "1"), ("127.0.0.1", "2")]


async def test_the_client_hears_250_only_after_the_store_has_it() -> None:
    async with serving() as (gateway, client):
        gateway.store_is_free.clear()
        paging = asyncio.create_task(client.page("100", "a"))
        await gateway.asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert client.replies[-1] == "250 message entered"
        gateway.store_is_free.set()
        await paging
    assert client.replies[-2:] == ["250 message accepted", "221 goodbye"]


async def test_a_full_disk_is_told_to_the_client() -> None:
    async with serving() as (gateway, client):
        gateway.failures = [StoreUnavailable("the disk is full")]
        with pytest.raises(DeliveryFailedForNow, match=r"^554 "):
            await client.page("100", "a")
        await client.page("100", "a")
    assert len(gateway.reports) == 1


async def test_a_message_that_is_sent_again_after_a_refusal_is_known_by_its_reference() -> None:
    async with serving() as (gateway, client):
        gateway.failures = [StoreUnavailable("the disk is full")]
        client.faults.plan("twice")
        await client.session("PAGE 1", "PAGE 2", "MESS a", "SEND", "MESS b", "PAGE 1", "SEND", "QUIT")
    first, second, other = gateway.texts
    assert (first.recipient, second.recipient, other.text) == ("1", "2", "b")
    assert len({first.reference, second.reference, other.reference}) == 3
    numbers = [text.reference.split(".")[1] for text in gateway.texts]
    assert numbers == ["0", "0", "1"]


async def test_half_a_message_that_was_stored_keeps_its_reference_when_it_comes_again() -> None:
    async with serving() as (gateway, client):
        client.faults.plan("twice")
        gateway.reports_before_failure = 1
        await client.session("PAGE 1", "PAGE 2", "MESS a", "SEND", "QUIT")
    assert [text.recipient for text in gateway.texts] == ["1", "1", "2"]
    assert gateway.texts[0].reference == gateway.texts[1].reference


async def test_level_and_alert_are_the_priority_of_the_text() -> None:
    async with serving(levels={"5": "emergency"}) as (gateway, client):
        await client.session("ALERT 1", "PAGE 1", "LEVEL 5", "PAGE 2", "PAGE 3", "MESS a", "SEND", "QUIT")
    assert [text.priority for text in gateway.texts] == [Priority.HIGH, Priority.EMERGENCY, None]


async def test_a_client_that_waits_for_nothing_is_served_in_order() -> None:
    async with serving() as (gateway, client):
        client.faults.plan("rush")
        replies = await client.session("PAGE 1", "MESS a", "SEND", "PAGE 2", "MESS b", "SEND", "QUIT")
    assert [reply[:3] for reply in replies] == ["220", *["250"] * 6, "221"]
    assert [text.text for text in gateway.texts] == ["a", "b"]


async def test_a_client_that_falls_silent_is_sent_away() -> None:
    async with serving(idle_timeout=1.0) as (gateway, client):
        client.faults.plan("mute")
        with pytest.raises(DeliveryFailedForNow, match="Timeout"):
            await client.page("1", "a")
    assert gateway.reports == []


# --- who is served ----------------------------------------------------------------------------------------------------


async def test_who_is_not_on_the_list_is_sent_away_and_nothing_else() -> None:
    async with serving(networks=("10.0.0.0/8",)) as (gateway, client):
        with pytest.raises(DeliveryFailedForNow, match=r"^421 "):
            await client.page("100", "a")
    assert gateway.reports == []


async def test_a_client_that_hangs_up_before_send_has_sent_nothing() -> None:
    async with serving() as (gateway, client):
        client.faults.plan("drop")
        with pytest.raises(LineDown):
            await client.page("100", "a")
        client.faults.plan("garble")
        with pytest.raises(DeliveryFailedForNow, match=r"^500 "):
            await client.page("100", "a")
        await client.page("100", "b")
    assert [report.text for report in gateway.reports if isinstance(report, TextReceived)] == ["b"]


async def test_clients_are_served_side_by_side_up_to_the_limit() -> None:
    async with serving(connections=2) as (gateway, client):
        gateway.store_is_free.clear()
        others = [SnppClient(gateway.clock, client._settings) for _ in range(3)]
        pages = [asyncio.create_task(other.page(str(number), "a")) for number, other in enumerate(others)]
        done, _ = await asyncio.wait(pages, return_when=asyncio.FIRST_COMPLETED)
        assert [isinstance(task.exception(), LineDown) for task in done] == [True]
        gateway.store_is_free.set()
        await asyncio.gather(*pages, return_exceptions=True)
    assert len(gateway.reports) == 2


async def test_who_shows_wrong_logins_has_to_wait() -> None:
    async with serving(logins={"it": "secret"}) as (gateway, client):
        for _ in range(MOST_FAILURES - 1):
            with pytest.raises(DeliveryFailedForNow, match=r"^550 "):
                await client.session("LOGIN it guess")
        await client.session("LOGIN it secret", "PAGE 1", "MESS a", "SEND", "QUIT")
        with pytest.raises(DeliveryFailedForNow, match=r"^550 "):
            await client.session("LOGIN it guess")
        with pytest.raises(DeliveryFailedForNow, match=r"^421 too many wrong logins"):
            await client.session("LOGIN it secret")
    assert gateway.counts["wrong_logins"] == MOST_FAILURES
    assert len(gateway.texts) == 1


async def test_who_guesses_in_one_session_is_sent_away_from_it() -> None:
    async with serving(logins={"it": "secret"}) as (_, client):
        client.faults.plan("rush")
        with pytest.raises(DeliveryFailedForNow):
            await client.session(*["LOGIN it guess"] * 20)
        with pytest.raises(DeliveryFailedForNow, match=r"^421 too many wrong logins"):
            await client.session("LOGIN it secret")


def test_the_wait_is_over_a_minute_after_the_first_of_the_last_failures() -> None:
    guard = LoginGuard()
    for now in range(MOST_FAILURES):
        guard.failed("a", float(now))
    assert (guard.bars("a", WINDOW - 0.1), guard.bars("a", WINDOW), guard.bars("b", 5.0)) == (True, False, False)
    for number in range(MOST_HOSTS):
        guard.failed(str(number), 5.0)
    assert not guard.bars("a", 5.0)
    assert len(guard._failures) == MOST_HOSTS


async def test_a_port_that_is_taken_is_a_line_that_is_down() -> None:
    async with serving() as (_, client):
        port = int(client._settings.server.rpartition(":")[2])
        with pytest.raises(LineDown, match="cannot listen"):
            await DRIVER(Gateway(), SETTINGS(port=port)).run()


@pytest.mark.parametrize(
    ("host", "served"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fe80::1%eth0", True), ("192.168.0.1", False), ("", False)],
)
def test_networks_hold_in_both_families(host: str, served: bool) -> None:  # noqa: FBT001
    assert SETTINGS(networks=("10.0.0.0/8", "fe80::/10")).serves(host) is served


def test_a_network_that_cannot_be_read_fails_when_the_configuration_is_checked() -> None:
    with pytest.raises(ValidationError, match=r"10\.0\.0\.0/33"):
        SETTINGS(networks=("10.0.0.0/33",))
