from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from drivers.snpp import DRIVER, SETTINGS
from drivers.snpp.simulator import ClientSettings, SnppClient
from gatewayd.clock import SystemClock
from gatewayd.errors import DeliveryFailedForNow, LineDown, StoreUnavailable
from gatewayd.model import Recorded, TextReceived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gatewayd.driver import LineMemory
    from gatewayd.model import Report

pytestmark = pytest.mark.timeout(20)


class Gateway:
    """What the driver sees of the gateway."""

    name = "it"
    memory: LineMemory

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.log = logging.LoggerAdapter(logging.getLogger("test.snpp"), {})
        self.reports: list[Report] = []
        self.counts: dict[str, int] = {}
        self.is_up = asyncio.Event()
        self.failures: list[Exception] = []
        self.store_is_free = asyncio.Event()
        self.store_is_free.set()
        self.asked = asyncio.Event()

    def up(self) -> None:
        self.is_up.set()

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        self.asked.set()
        await self.store_is_free.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.reports.append(report)
        return Recorded.FORWARDED


@asynccontextmanager
async def serving(**values: Any) -> AsyncIterator[tuple[Gateway, SnppClient]]:  # noqa: ANN401 - any setting
    gateway = Gateway()
    driver = DRIVER(gateway, SETTINGS(port=0, **values))
    running = asyncio.create_task(driver.run())
    await gateway.is_up.wait()
    assert driver.bound is not None
    try:
        yield gateway, SnppClient(gateway.clock, ClientSettings(server=f"127.0.0.1:{driver.bound[1]}", caller="nagios"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert driver.bound is None


async def test_a_page_becomes_a_text_for_the_recipient_of_that_id() -> None:
    async with serving() as (gateway, client):
        await client.page("100", "core switch down")
        await client.page("100", "two\nlines")
    assert gateway.reports == [
        TextReceived("nagios", "core switch down", "100"),
        TextReceived("nagios", "two\nlines", "100"),
    ]
    assert gateway.counts == {"messages": 2}


async def test_a_client_that_gives_no_name_is_known_by_its_address() -> None:
    async with serving() as (gateway, client):
        await client.session("PAGE 1", "PAGE 2", "MESS a", "SEND", "QUIT")
    assert gateway.reports == [TextReceived("127.0.0.1", "a", "1"), TextReceived("127.0.0.1", "a", "2")]


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


PERL = """
use Net::SNPP;
my $snpp = Net::SNPP->new("127.0.0.1", Port => $ARGV[0], Timeout => 10) or die "no connection";
$snpp->caller_id("net-snpp") or die $snpp->message;
$snpp->send(Pager => ["100", "101"], Message => "from perl", Coverage => 1, Alert => 1) or die $snpp->message;
$snpp->quit;
"""


def perl_has_net_snpp() -> bool:
    perl = shutil.which("perl")
    return (
        perl is not None
        and subprocess.run([perl, "-MNet::SNPP", "-e1"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.peer
async def test_net_snpp_of_perl_pages_through_us() -> None:
    if not perl_has_net_snpp():
        pytest.skip("Perl's Net::SNPP is not installed (Debian: libnet-snpp-perl)")
    async with serving() as (gateway, client):
        port = client._settings.server.rpartition(":")[2]
        perl = await asyncio.create_subprocess_exec("perl", "-e", PERL, port, stderr=asyncio.subprocess.PIPE)
        _, err = await perl.communicate()
        assert perl.returncode == 0, err.decode()
    assert gateway.reports == [TextReceived("net-snpp", "from perl", pager) for pager in ("100", "101")]
