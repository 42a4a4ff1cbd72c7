"""What is remembered of users is bounded: beyond the bound they are known by their plain names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.names import MAX_NAMES, Names
from gatewayd.driver import Outcome
from tests.drivers.sip.net import FakeLine, page
from tests.drivers.sip.test_line_on_sockets import gateway

if TYPE_CHECKING:
    import pytest


def test_only_so_many_addresses_are_kept_and_those_that_are_known_may_change() -> None:
    names = Names()
    for number in range(MAX_NAMES):
        assert names.paged(str(number), f"sip:{number}@site") == {f"paged/{number}": f"sip:{number}@site"}
    assert names.paged("one more", "sip:more@site") == {}
    assert not names.was_paged("one more")
    assert names.address_of("one more") == "one more"
    assert names.paged("7", "7") == {"paged/7": "7"}
    assert names.paged("7", "7") == {}
    assert names.address_of("7") == "7"


async def test_only_so_many_users_are_remembered_who_were_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sip.sending.MAX_MISSED", 2)
    users = ("2001", "2002", "2003")
    async with gateway(FakeLine(), accounts={user: {"password": "s3cret"} for user in users}) as driver:
        for user in users:
            assert (await driver.send(page(address=user))).outcome is Outcome.FAILED
        assert driver._session is not None
        assert sorted(driver._session._sending._missed) == ["2001", "2002"]
