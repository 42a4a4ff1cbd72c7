"""People are known by their numbers, however the site or the network writes them, and only they."""

from __future__ import annotations

import pytest

from drivers.gsm.book import MOST, Book
from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from tests.drivers.gsm.site import ANNA, Site, page


@pytest.mark.parametrize("number", ["01701234567", "00491701234567", "1701234567"])
async def test_answer_comes_from_the_number_as_the_site_writes_it_after_a_restart_too(number: str) -> None:
    site = Site()
    await site.start()
    await site.sends(page(address=number))
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    site.driver = GsmDriver(site.line, GsmSettings(port="/dev/memory"), site._open)
    await site.restart()
    await site.modem.receives(ANNA, "NO")
    await site.modem.receives("+43" + ANNA[3:], "OK")
    await site.modem.receives("+491709999999", "OK")
    await site.clock.advance(1)
    assert site.line.texts[:2] == [(number, "OK"), (number, "NO")]
    assert site.line.texts[2:] == [("+43" + ANNA[3:], "OK"), ("+491709999999", "OK")]


def test_numbers_are_told_apart_by_their_whole_national_part() -> None:
    book = Book()
    book.paged("01701234567")
    book.paged("112")
    assert book.spelled("+491701234567") == "01701234567"
    assert book.spelled("+491511234567") == "+491511234567"  # the last seven digits are the same
    assert book.spelled("+49112") == "+49112"
    assert book.spelled("Megafon") == "Megafon"
    assert book.spelled("+12345701234567") == "+12345701234567"
    assert book.spelled("+431701234567") == "01701234567"
    book.centre = "+491710760000"
    assert book.spelled("+431701234567") == "+431701234567"
    assert book.spelled("+491701234567") == "01701234567"


def test_numbers_that_are_remembered_are_bounded_and_written_once() -> None:
    book, kept = Book(), dict[str, object]()
    for number in range(MOST + 5):
        kept |= book.paged(f"0170{number:07}")
    assert len([value for value in kept.values() if value is not None]) == MOST
    assert book.paged(f"0170{MOST:07}") == {}
    assert book.paged("+491701234567") == {}
