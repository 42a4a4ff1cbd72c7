"""Long texts whose parts come late, alone, or through a modem that stores nothing."""

from __future__ import annotations

from drivers.gsm.address import Address
from drivers.gsm.driver import GsmDriver
from drivers.gsm.pdu import Deliver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import Entry
from drivers.gsm.userdata import split
from tests.drivers.gsm.site import ANNA, Site


def parts(sender: str, text: str) -> list[Deliver]:
    return [Deliver(Address.parse(sender), part) for part in split(text, 9, 77).parts]


async def test_parts_that_are_passed_on_are_acknowledged_one_by_one() -> None:
    site = Site(modem={"refuses": ("AT+CNMI=2,1,*", "AT+CNMI=1,*", "AT+CSMS=0"), "service_level": 1})
    await site.start()
    for number, message in enumerate(parts(ANNA, "x" * 300), 1):
        site.modem._deliver(message)
        await site.clock.advance(1)
        assert site.wrote.count(b"AT+CNMA\r") == number
    assert site.line.texts == [(ANNA, "x" * 300)]
    assert site.modem.state.unacknowledged == 0


async def test_part_that_stays_alone_is_passed_on_after_its_time_and_deleted() -> None:
    site = Site(part_timeout=100)
    await site.start()
    first, _, third = parts(ANNA, "x" * 153 + "y" * 153 + "z")
    for place, message in ((1, first), (2, third)):
        site.modem.state.memory[place] = Entry(message)
        site.says(f'+CMTI: "ME",{place}\r\n')
    await site.clock.advance(99)
    assert (site.line.texts, len(site.modem.state.memory)) == ([], 2)
    await site.clock.advance(2)
    assert site.line.texts == [(ANNA, "x" * 153 + "[...]z")]
    assert site.modem.state.memory == {}


async def test_memory_that_is_full_of_lonely_parts_is_freed_when_the_modem_complains() -> None:
    site = Site(modem={"capacity": 2})
    await site.start()
    await site.modem.receives(ANNA, "x" * 400)
    await site.clock.advance(1)
    assert len(site.line.texts) == 1
    assert site.modem.state.memory == {}


async def test_parts_that_the_modem_does_not_store_survive_a_restart_and_are_acknowledged_after_the_disk() -> None:
    site = Site(modem={"refuses": ("AT+CNMI=2,1,*", "AT+CNMI=1,*", "AT+CSMS=0"), "service_level": 1})
    await site.start()
    first, second = parts(ANNA, "x" * 200 + "Ende")
    site.line.memory.full = True
    site.modem._deliver(first)
    await site.clock.advance(3)
    assert b"CNMA" not in site.wrote
    site.line.memory.full = False
    await site.clock.advance(1)
    assert site.wrote.count(b"AT+CNMA\r") == 1
    site.driver = GsmDriver(site.line, GsmSettings(port="/dev/memory"), site._open)
    await site.restart()
    site.modem._deliver(second)
    await site.clock.advance(1)
    assert site.line.texts == [(ANNA, "x" * 200 + "Ende")]
    assert site.line.memory.kept == {}


async def test_part_that_stays_alone_over_a_restart_is_passed_on_and_forgotten() -> None:
    site = Site(modem={"refuses": ("AT+CNMI=2,1,*", "AT+CNMI=1,*")}, part_timeout=100)
    await site.start()
    site.modem._deliver(parts(ANNA, "x" * 200)[0])
    await site.clock.advance(1)
    assert len(site.line.memory.kept) == 1
    await site.restart()
    await site.clock.advance(101)
    assert site.line.texts == [(ANNA, "x" * 153 + "[...]")]
    assert site.line.memory.kept == {}
