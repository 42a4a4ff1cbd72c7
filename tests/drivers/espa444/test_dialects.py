"""What real devices do that the specification does not say; each row is a row of drivers/espa444/DIALECTS.md."""

import asyncio
from typing import Any

import pytest

from drivers.espa444.protocol import Header
from drivers.espa444.quirks import Quirk
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.errors import DeliveryFailed
from gatewayd.model import AlarmActivated, Priority, TextReceived
from gatewayd.transport.memory import Wire
from tests.drivers.espa444.conftest import Site, espa
from tests.drivers.espa444.conversation import ACK, EOT, OPENING, POLL
from tests.drivers.espa444.vectors import frame

EIGHT_BITS = {"bytesize": 8, "parity": "none", "stopbits": 1}
FIRE = "FIRE ZONE 3"
Options = dict[str, Any]

# What a panel does, what the line has to be told of it, and whether calls are lost unless it is.
PANELS: dict[str, tuple[Options, Options, bool]] = {
    "trailing RS": ({"quirks": ["trailing-rs"]}, {}, False),
    "blank after STX": ({"quirks": ["blanks"]}, {}, False),
    "raw text": ({"quirks": ["raw-text"]}, {"raw_text": True, "defaults": {"1": "2001"}}, True),
    "fixed check character": ({"quirks": ["fixed-bcc"]}, {"bcc": "ignore"}, True),
    "no check character": ({"bcc": "none"}, {"bcc": "none"}, True),
    "select without polls": ({"self_poll": "absent"}, {"self_poll": "absent"}, True),
    "enquiry without address": (
        {"self_poll": "absent", "quirks": ["bare-enquiry"]},
        {"self_poll": "absent"},
        True,
    ),
    "block without enquiry": ({"self_poll": "absent", "quirks": ["direct"]}, {"self_poll": "absent"}, True),
    "polled panel": ({"control": False, "own": "2", "peer": "1"}, {"control": True}, True),
    "no status taken": ({"quirks": ["no-status"]}, {}, False),
    "another address": ({"own": "PBX", "peer": "A7"}, {"own_address": "A7", "peers": ["PBX"]}, True),
}


async def called(site: Site, options: Options, settings: Options, text: str = FIRE) -> None:
    panel = await site.panel(options={"attempts": 1} | options, **settings)
    await site.finish(site.start(panel.activate("2001", text)))


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("name", PANELS)
async def test_call_of_a_panel_with_a_dialect_becomes_one_alarm(site: Site, name: str, chunk: int) -> None:
    options, settings, _ = PANELS[name]
    panel = await site.panel(Wire(chunk=chunk), options={"attempts": 1} | options, **settings)
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert [(alarm.address, alarm.text) for alarm in site.gateway.alarms] == [("2001", FIRE)]


@pytest.mark.parametrize("name", [name for name, (_, _, needed) in PANELS.items() if needed])
async def test_call_in_a_dialect_that_the_line_was_not_told_of_is_never_taken_for_delivered(
    site: Site, name: str
) -> None:
    with pytest.raises(DeliveryFailed):
        await called(site, PANELS[name][0], {})
    assert site.gateway.alarms == []


class CarelessPanel(asyncio.Protocol):
    """Polls; or enquires without a self-poll and sends its block whatever the answer is."""

    def __init__(self) -> None:
        self.answers = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.answers += data


@pytest.mark.parametrize(("self_poll", "alarms"), [("optional", 1), ("strict", 0)])
async def test_block_after_an_enquiry_without_a_self_poll_is_taken_where_that_is_optional(
    site: Site, self_poll: str, alarms: int
) -> None:
    panel = CarelessPanel()
    await site.join(panel, None, espa(self_poll=self_poll))
    for said in (EOT + POLL, EOT + POLL, frame("E7"), EOT + POLL):
        panel.transport.write(said)
        await settle()
    assert panel.answers == EOT + EOT + (ACK if alarms else b"") + EOT
    assert len(site.gateway.alarms) == alarms
    assert ("self_poll" in site.gateway.weakness) is (alarms == 0)


async def test_hint_that_calls_are_lost_goes_away_with_the_next_one_that_is_not(site: Site) -> None:
    panel = CarelessPanel()
    await site.join(panel, None, espa())
    for said, weak in ((EOT + POLL, False), (frame("E7"), True), (EOT + POLL, True), (OPENING + frame("E7"), False)):
        panel.transport.write(said)
        await settle()
        assert bool(site.gateway.weakness) is weak


async def test_blocks_between_other_stations_are_nobodys_business(site: Site) -> None:
    panel = CarelessPanel()
    await site.join(panel, None, espa())
    panel.transport.write(EOT + b"1\x05" + b"3\x05" + frame("E7") + ACK + EOT)
    panel.transport.write(EOT + frame("E7")[:-1] + b"\x00")  # nor what is damaged
    await settle()
    assert (site.gateway.weakness, site.gateway.alarms) == ("", [])


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "Tür öffnen"), ("utf-8", "Tür öffnen: größer"), ("din66003", "Tür öffnen: größer")],
)
async def test_national_letters_come_through_in_the_encoding_of_the_line(site: Site, encoding: str, text: str) -> None:
    frame = EIGHT_BITS if encoding != "din66003" else {}
    await called(site, {"encoding": encoding}, {"encoding": encoding} | frame, text)
    assert site.gateway.alarms[0].text == text


async def test_number_to_call_back_is_taken_off_the_text(site: Site) -> None:
    await called(site, {}, {"callback": True}, "4711 HELP ROOM 3")
    assert (site.gateway.alarms[0].text, site.gateway.alarms[0].fields["callback"]) == ("HELP ROOM 3", "4711")


@pytest.mark.parametrize(
    ("address", "priority"), [("8401", Priority.HIGH), ("8599", Priority.EMERGENCY), ("2001", Priority.NORMAL)]
)
async def test_kind_of_alarm_that_is_coded_in_the_address_sets_the_priority(
    site: Site, address: str, priority: Priority
) -> None:
    panel = await site.panel(address_priorities={"84*": "high", "85*": "emergency"})
    await site.finish(site.start(panel.activate(address, FIRE, "3")))
    assert site.gateway.alarms[0].priority is priority


@pytest.mark.parametrize(("call_type", "priority"), [("1", Priority.NORMAL), ("2", Priority.EMERGENCY)])
async def test_call_type_may_mean_urgent_and_1_need_not_be_a_reset(
    site: Site, call_type: str, priority: Priority
) -> None:
    panel = await site.panel(call_types={"1": "alarm", "2": "emergency"})
    await site.finish(site.start(panel.activate("2001", FIRE, "3", call_type=call_type)))
    assert [alarm.priority for alarm in site.gateway.alarms] == [priority]


async def test_call_type_with_more_digits_is_never_taken_for_a_reset(site: Site) -> None:
    panel = await site.panel()
    await site.finish(site.start(panel.activate("2001", FIRE, call_type="12")))
    assert len(site.gateway.alarms) == 1


@pytest.mark.parametrize(
    ("meaning", "reported"), [("ignore", []), ("call", [AlarmActivated]), ("text", [TextReceived])]
)
async def test_other_headers_mean_what_the_line_says(site: Site, meaning: str, reported: list[type]) -> None:
    panel = await site.panel(headers={"1": "call", "5": meaning})
    await site.finish(site.start(panel.send(Header.OTHER, {"1": "2001", "2": "TIME 12:00"})))
    assert [type(report) for report in site.gateway.reports] == reported
    assert site.gateway.counts.get("not_reported", 0) == (meaning == "ignore")


# --- transmitters -----------------------------------------------------------------------------------------------------

PAGERS: dict[str, tuple[Options, Options]] = {
    "EOT after the last ACK": ({"quirks": ["eot-after-ack"]}, {}),
    "no polls": ({"self_poll": "absent"}, {"self_poll": "absent"}),
    "any enquiry is its own": ({"self_poll": "absent", "quirks": ["any-enquiry"]}, {"self_poll": "absent"}),
    "an enquiry without address": ({"self_poll": "absent"}, {"self_poll": "absent", "select": "bare"}),
    "no enquiry at all": ({"self_poll": "absent"}, {"self_poll": "absent", "select": "none"}),
    "no check character": ({"bcc": "none"}, {"bcc": "none"}),
    "starts anew at every EOT": ({"quirks": ["eot-resets"]}, {"eot_pause": 0.3}),
    "polling transmitter": ({"control": True, "own": "1", "peer": "2"}, {"control": False}),
}


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("name", PAGERS)
async def test_pages_reach_a_transmitter_with_a_dialect_one_after_another(site: Site, name: str, chunk: int) -> None:
    options, settings = PAGERS[name]
    pager = await site.pager(Wire(chunk=chunk), options=options, **settings)
    for text in ("FIRE 3", "FIRE 4"):
        assert (await site.sends(text)).outcome is Outcome.SENT
    assert [call.text for call in pager.calls] == ["FIRE 3", "FIRE 4"]


@pytest.mark.parametrize("chunk", [0, 1])
async def test_transmitter_that_starts_anew_at_every_eot_is_not_reached_without_a_pause(site: Site, chunk: int) -> None:
    pager = await site.pager(Wire(chunk=chunk), options={"quirks": ["eot-resets"]})
    assert (await site.sends()).outcome is Outcome.FAILED
    assert pager.calls == []


@pytest.mark.parametrize("quirk", [Quirk.BARE_NAK, Quirk.NAK_SUFFIX])
async def test_block_refused_without_a_reason_in_front_is_transmitted_again(site: Site, quirk: Quirk) -> None:
    pager = await site.pager(options={"quirks": [quirk]})
    pager.faults.plan("nak", 2)
    assert (await site.sends()).outcome is Outcome.SENT
    assert len(pager.calls) == 1
