"""The line: when it is up, what receipts mean, what happens when the terminal or the port goes away."""

from __future__ import annotations

import asyncio

import pytest

from drivers.tap import DRIVER, SETTINGS
from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.errors import LineDown
from gatewayd.model import PageConfirmed, PageState
from tests.drivers.tap.bench import EOT, FIRE, GOODBYE, LOGON
from tests.drivers.tap.site import Site, page

SOCKET = "socket://10.0.0.5:4001"


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (TapDriver, TapSettings, "tap")


async def test_capabilities_follow_the_profile() -> None:
    assert Site().driver.capabilities == Capabilities(sends=True, longest_text=240)
    assert Site(max_chars=1000).driver.capabilities.longest_text == 247
    assert Site(max_chars=1000, multi_block=True).driver.capabilities.longest_text == 1000


async def test_line_is_up_when_the_terminal_let_us_log_on() -> None:
    site = Site()
    await site.start()
    assert site.line.ups == 1
    assert site.wrote == b"\r" + LOGON


async def test_line_without_a_probe_is_up_when_the_port_is_open() -> None:
    site = Site(probe=False)
    await site.start()
    assert site.line.ups == 1
    assert site.wrote == b""


async def test_silent_terminal_takes_the_line_down_after_n1_times_t1() -> None:
    site = Site(terminal={"faults": {"dead": 1}})
    await site.start()
    await site.clock.advance(6.5)
    assert site.line.ups == 0
    assert await site.down() == "the terminal did not answer 3 CRs with ID="


async def test_wrong_password_takes_the_line_down_and_says_so() -> None:
    site = Site(terminal={"passwords": ("right",)}, password="wrong")
    await site.start()
    reason = await site.down()
    assert "509" in reason
    assert "wrong" not in reason


async def test_page_is_sent_and_found_at_the_terminal() -> None:
    site = Site()
    await site.start()
    receipt = await site.sends()
    assert receipt == Receipt(Outcome.SENT, "211 Page accepted", "1.1")
    assert (await site.simulator.expect("2001", "FIRE 3")).time == site.clock.now()
    assert site.line.counts == {"frames": 1}


async def test_block_leaves_at_once_when_the_session_is_open() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    task = asyncio.create_task(site.driver.send(page()))
    await asyncio.sleep(0)
    assert site.wrote.endswith(FIRE)
    task.cancel()


async def test_several_pages_share_one_session() -> None:
    site = Site()
    await site.start()
    for number in range(1, 6):
        assert (await site.sends(page(f"FIRE {number}", number=number))).outcome is Outcome.SENT
    await site.clock.advance(1)
    assert [taken.text for taken in site.simulator.pages] == [f"FIRE {number}" for number in range(1, 6)]
    assert site.wrote.count(LOGON) == 1
    assert site.wrote.endswith(EOT)


async def test_page_after_the_log_off_opens_a_new_session() -> None:
    site = Site()
    await site.start()
    await site.clock.advance(10)
    assert (await site.sends()).outcome is Outcome.SENT
    assert site.wrote.count(LOGON) == 2


@pytest.mark.parametrize(
    ("fault", "times", "outcome", "retry_after"),
    [
        ("nak", 3, Outcome.SENT, None),
        ("nak", 4, Outcome.FAILED, 5.0),
        ("rs", 1, Outcome.REFUSED, None),
        ("full", 1, Outcome.FAILED, 15.0),
        ("hangup", 1, Outcome.FAILED, 5.0),
        ("no-codes", 1, Outcome.SENT, None),
    ],
)
async def test_fault_of_the_terminal_ends_as_its_receipt_says(
    fault: str, times: int, outcome: Outcome, retry_after: float | None
) -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan(fault, times)
    receipt = await site.sends()
    assert (receipt.outcome, receipt.retry_after) == (outcome, retry_after)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT


async def test_blocks_what_was_repeated_of_them_and_refused_are_counted() -> None:
    site = Site()
    await site.start()
    for faults in ({"nak": 2}, {"rs": 1}, {}):
        for fault, times in faults.items():
            site.simulator.faults.plan(fault, times)
        await site.sends()
    assert site.line.counts == {"frames": 3, "retries": 2, "naks": 3}


@pytest.mark.parametrize("fault", ["drop", "garble", "late"])
async def test_page_without_a_readable_answer_is_unknown_and_the_line_stays_up(fault: str) -> None:
    site = Site(terminal={"t4": 30})
    await site.start()
    site.simulator.faults.plan(fault)
    assert (await site.sends(within=11)).outcome is Outcome.UNKNOWN
    await site.clock.advance(30)
    assert [taken.text for taken in site.simulator.pages] == ["FIRE 3"]
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT


async def test_terminal_that_dies_under_a_page_takes_the_line_down_within_half_a_minute() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    assert (await site.sends(within=10.5)).outcome is Outcome.UNKNOWN
    await site.clock.advance(9)
    assert "ID=" in await site.down()


async def test_dead_terminal_is_noticed_without_a_page() -> None:
    site = Site(probe_every=600)
    await site.start()
    await site.clock.advance(300)
    site.simulator.faults.plan("dead")
    await site.clock.advance(310)
    assert "ID=" in await site.down()


async def test_dead_terminal_behind_a_socket_is_noticed_as_soon_as_on_a_port() -> None:
    site = Site(port=SOCKET)
    await site.start()
    await site.clock.advance(1)
    site.simulator.faults.plan("dead")
    await site.clock.advance(30)
    assert "did not answer" in await site.down()


async def test_living_terminal_is_probed_and_left_in_peace() -> None:
    site = Site(probe_every=600)
    await site.start()
    await site.clock.advance(3_000)
    assert site.line.ups == 1
    assert site.wrote == (b"\r" + LOGON + EOT) * 5


async def test_unknown_pager_is_refused_in_the_terminals_own_words() -> None:
    site = Site(terminal={"pagers": ("2001",)})
    await site.start()
    receipt = await site.sends(page(address="2002"))
    assert (receipt.outcome, receipt.detail) == (Outcome.REFUSED, "511 no such subscriber")


async def test_held_page_says_so() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    task = await site.sending()
    assert site.ends is not None
    site.ends[1].write(b"213 Deferred\r\x06\r")
    assert await task == Receipt(Outcome.SENT, "held by the terminal: 213 Deferred", "1.1")


async def test_cut_text_is_told_in_the_receipt() -> None:
    site = Site(max_chars=80)
    await site.start()
    assert (await site.sends(page("x" * 100))).detail == "211 Page accepted (text cut to 80 of 100 characters)"


async def test_withdrawn_page_is_not_sent_again_and_the_next_one_is() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    task = await site.sending(page("TAKEN"))
    task.cancel()
    await asyncio.wait([task])
    site.simulator.faults.repair("dead")
    after = len(site.wrote)
    following = await site.sending(page("NEXT"))
    assert site.ends is not None
    site.ends[1].write(b"514 Checksum\r\x15\r")
    assert (await following).outcome is Outcome.SENT
    assert b"TAKEN" not in site.wrote[after:]


async def test_port_that_cannot_be_opened_is_line_down_for_the_line_and_its_pages() -> None:
    site = Site()
    site.reachable = False
    await site.start()
    assert await site.down() == "cannot open /dev/memory"
    with pytest.raises(LineDown):
        await site.driver.send(page())


async def test_lost_port_is_line_down_for_the_line_and_the_page_under_way() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    task = await site.sending()
    assert site.ends is not None
    site.ends[0].cut(OSError("unplugged"))
    with pytest.raises(LineDown, match="unplugged"):
        await task
    assert "unplugged" in await site.down()


async def test_line_serves_again_after_it_was_down() -> None:
    site = Site()
    await site.start()
    assert site.ends is not None
    site.ends[0].cut(None)
    await asyncio.wait([site.running] if site.running else [])
    await site.start()
    assert site.line.ups == 2
    assert (await site.sends()).outcome is Outcome.SENT


async def test_stopping_logs_off_and_fails_the_page_under_way() -> None:
    site = Site()
    await site.start()
    site.simulator.faults.plan("dead")
    task = await site.sending()
    await site.stop()
    assert site.wrote.endswith(EOT)
    with pytest.raises(LineDown):
        await task


async def test_socket_that_closes_after_a_session_is_opened_again_for_the_next_page() -> None:
    site = Site(port=SOCKET, probe_every=0)
    await site.start()
    await site.clock.advance(1)
    assert site.ends is not None
    site.ends[1].close()
    await site.clock.advance(86_400)
    assert site.opened == 1
    assert (await site.sends()).outcome is Outcome.SENT
    assert (site.opened, site.running is not None and site.running.done()) == (2, False)


async def test_page_that_waited_for_the_goodbye_goes_over_the_next_connection() -> None:
    site = Site(port=SOCKET)
    await site.start()
    site.simulator.faults.plan("dead")
    await site.clock.advance(1)
    task = await site.sending()
    site.simulator.faults.repair("dead")
    assert site.ends is not None
    site.ends[1].write(GOODBYE)
    site.ends[1].close()
    await site.clock.advance(0)
    assert (await task).outcome is Outcome.SENT
    assert site.opened == 2


async def test_closed_socket_is_opened_again_when_the_terminal_has_to_prove_that_it_lives() -> None:
    site = Site(port=SOCKET, probe_every=600)
    await site.start()
    await site.clock.advance(1)
    assert site.ends is not None
    site.ends[1].close()
    await site.clock.advance(0)
    site.reachable = False
    await site.clock.advance(599)
    assert site.running is not None
    assert not site.running.done()
    await site.clock.advance(1)
    assert "cannot open" in await site.down()


async def test_socket_that_closes_inside_a_session_is_line_down() -> None:
    site = Site(port=SOCKET, permanent=True)
    await site.start()
    assert site.ends is not None
    site.ends[1].close()
    await site.clock.advance(0)
    assert "closed by the other end" in await site.down()


async def test_socket_that_closes_before_the_first_logon_is_line_down() -> None:
    site = Site(port=SOCKET, terminal={"faults": {"dead": 1}})
    await site.start()
    assert site.ends is not None
    site.ends[1].close()
    await site.clock.advance(0)
    assert "closed by the other end" in await site.down()


async def test_device_that_hangs_up_is_line_down_even_between_sessions() -> None:
    site = Site()
    await site.start()
    await site.clock.advance(1)
    assert site.ends is not None
    site.ends[1].close()
    await site.clock.advance(0)
    assert "closed by the other end" in await site.down()


async def test_acknowledgement_that_is_taken_back_is_reported_for_every_page_of_the_session() -> None:
    site = Site()
    await site.start()
    await site.sends(page(number=1))
    await site.sends(page(number=2))
    site.simulator.faults.plan("dead")
    await site.clock.advance(1)
    assert site.ends is not None
    site.ends[1].write(b"115 One was bad\r\x1e\r")
    await site.clock.advance(0)
    assert site.line.reports == [PageConfirmed(ref, PageState.FAILED, "115 One was bad") for ref in ("1.1", "2.2")]


async def test_line_goes_on_when_such_a_report_cannot_be_stored() -> None:
    site = Site()
    await site.start()
    await site.sends()
    site.line.disk_full = True
    site.simulator.faults.plan("dead")
    await site.clock.advance(1)
    assert site.ends is not None
    site.ends[1].write(b"\x1e\r\x1b\x04\r")
    await site.clock.advance(5)
    site.simulator.faults.repair("dead")
    assert (await site.sends()).outcome is Outcome.SENT
