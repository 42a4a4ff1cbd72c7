"""Challenges to requests of ours: each is answered once, also when a proxy and who is behind it both ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.sip.authenticator import Authenticator
from gatewayd.driver import Outcome
from tests.drivers.sip.test_pbx import FakePbx, PbxSite

if TYPE_CHECKING:
    from drivers.sip.flow import Flow
    from drivers.sip.message import Request

WWW, PROXY = (401, "www-authenticate", "authorization"), (407, "proxy-authenticate", "proxy-authorization")


class Edge:
    """Stands before a PBX; asks as `asks` says, one after the other, and lets through what has answered all of them."""

    def __init__(self, pbx: FakePbx, *asks: tuple[tuple[int, str, str], bool], again: bool = False) -> None:
        self.seen: list[Request] = []
        self._asks = list(asks)
        self._again = again
        self._inside = pbx.on_request
        self._pbx = pbx
        self._judge = Authenticator("edge.site", {"alarms": "pw"}, pbx.outside.tokens)
        pbx.layer._on_request = self._take

    def _take(self, request: Request, flow: Flow, now: float) -> None:
        self.seen.append(request)
        if not self._asks:
            self._pbx.layer.reply(request, flow, 200)
            return
        (status, header, _), stale = self._asks[0] if self._again else self._asks.pop(0)
        self._pbx.layer.reply(request, flow, status, {header: self._judge.challenges(now, stale=stale)})


@pytest.fixture
def site() -> PbxSite:
    """A gateway that is registered at the first address."""
    site = PbxSite()
    site.start()
    return site


@pytest.mark.parametrize("order", [(PROXY, WWW), (WWW, PROXY)], ids=["proxy first", "proxy last"])
def test_a_proxy_and_who_is_behind_it_are_both_answered(site: PbxSite, order: tuple[tuple[int, str, str], ...]) -> None:
    edge = Edge(site.first, *((ask, False) for ask in order))
    assert site.pages("777").outcome is Outcome.RECEIVED
    assert [sum(answer in each.headers for _, _, answer in order) for each in edge.seen] == [0, 1, 2]
    assert [each.cseq[0] for each in edge.seen] == [1, 2, 3]
    assert len({each.call_id for each in edge.seen}) == 1


def test_a_nonce_that_is_stale_at_the_next_server_is_replaced(site: PbxSite) -> None:
    edge = Edge(site.first, (WWW, False), (WWW, True))
    assert site.pages("777").outcome is Outcome.RECEIVED
    first, second = [each.first("authorization").partition("nonce=")[2][:60] for each in edge.seen[1:]]
    assert first != second


@pytest.mark.parametrize(("stale", "tries"), [(False, 2), (True, 4)])
def test_who_is_never_content_is_asked_no_further(site: PbxSite, stale: bool, tries: int) -> None:  # noqa: FBT001
    edge = Edge(site.first, (WWW, stale), again=True)
    assert site.pages("777").outcome is Outcome.REFUSED
    assert len(edge.seen) == tries


def test_a_registration_passes_a_proxy_and_a_registrar_that_both_ask() -> None:
    site = PbxSite()
    edge = Edge(site.first, (PROXY, False), (WWW, False))
    site.start()
    assert site.states() == [("sip:10.0.0.2", True)]
    assert {"proxy-authorization", "authorization"} <= edge.seen[-1].headers.keys()
    assert [each.method for each in edge.seen] == ["REGISTER"] * 3
