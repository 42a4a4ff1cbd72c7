"""Behind a proxy: whom the gateway takes a request to come from, and how."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from gatewayd.api import ApiOptions
from gatewayd.api.proxies import Client, Proxies, node_address, parse_forwarded
from tests.api.conftest import PASSWORD, Person

if TYPE_CHECKING:
    from aiohttp import web

    from gatewayd.api.proxies import ProxyHeader
    from tests.api.conftest import Gateway

LOGIN = "/api/tokens/generatetoken"
PROXY, FAR_PROXY, NURSE, LIAR = "192.0.2.1", "192.0.2.9", "198.51.100.7", "203.0.113.66"
TRUSTED = ("192.0.2.0/28", "2001:db8::/64")


def seen(peer: str, *headers: tuple[str, str], by: ProxyHeader = "x-forwarded-for") -> Client:
    """Who the gateway believes to speak when `peer` sends these headers."""
    request = SimpleNamespace(remote=peer, secure=False, headers=CIMultiDict(headers))
    return Proxies(TRUSTED, by).client(cast("web.BaseRequest", request))


def forwarded_for(peer: str, *lines: str) -> str:
    return seen(peer, *(("X-Forwarded-For", line) for line in lines)).address


def forwarded(peer: str, *lines: str) -> str:
    return seen(peer, *(("Forwarded", line) for line in lines), by="forwarded").address


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((NURSE,), NURSE),
        ((f"{LIAR}, {NURSE}",), NURSE),
        ((LIAR, NURSE), NURSE),  # two lines are one list
        ((f"{LIAR}, {NURSE}, {FAR_PROXY}",), NURSE),  # the far proxy spoke to the near one
        ((FAR_PROXY,), FAR_PROXY),  # nobody but proxies: the first of them
        ((f"{NURSE}:51234",), NURSE),
        (("[2001:db9::7]:51234",), "2001:db9::7"),
        (("2001:DB9:0::7",), "2001:db9::7"),
        ((f"::ffff:{NURSE}",), NURSE),
        ((f" {NURSE} ",), NURSE),
        ((), PROXY),
        (("",), PROXY),
        ((f"{LIAR}, unknown",), PROXY),
        ((f"{LIAR},",), PROXY),
        ((f"{LIAR}, 1.2.3.4.5",), PROXY),
        ((f"{LIAR}, fe80::1%eth0",), PROXY),
        ((f"{LIAR}, {NURSE}<script>",), PROXY),
        ((f"{LIAR}, nonsense, {FAR_PROXY}",), FAR_PROXY),
    ],
)
def test_who_asks_is_the_last_address_that_is_no_proxy_of_ours(lines: tuple[str, ...], expected: str) -> None:
    assert forwarded_for(PROXY, *lines) == expected


def test_nobody_but_a_trusted_proxy_says_who_asks() -> None:
    assert forwarded_for(NURSE, LIAR) == NURSE
    assert forwarded_for("192.0.2.16", LIAR) == "192.0.2.16"  # the first address after the network
    assert forwarded_for("::ffff:192.0.2.1", NURSE) == NURSE
    assert forwarded_for("2001:db8::5", NURSE) == NURSE
    assert forwarded_for("", LIAR) == ""
    headers = (("X-Forwarded-Proto", "https"), ("X-Forwarded-For", LIAR))
    assert seen(NURSE, *headers) == Client(NURSE, secure=False)


def test_only_the_header_that_our_proxies_write_is_read() -> None:
    both = (("X-Forwarded-For", NURSE), ("Forwarded", f"for={LIAR};proto=https"))
    assert seen(PROXY, *both) == Client(NURSE, secure=False)
    other = (("Forwarded", f"for={NURSE}"), ("X-Forwarded-For", LIAR), ("X-Forwarded-Proto", "https"))
    assert seen(PROXY, *other, by="forwarded") == Client(NURSE, secure=False)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((f"for={NURSE}",), NURSE),
        ((f'FOR="{NURSE}:4711" ; proto=https;by=10.0.0.1',), NURSE),
        (('for="[2001:db9::7]:4711"',), "2001:db9::7"),
        ((r'for="198\.51.100.7"',), NURSE),
        ((f"for={LIAR}, for={NURSE};proto=http, for={FAR_PROXY}",), NURSE),
        ((f"for={LIAR}", f"for={NURSE}"), NURSE),
        ((), PROXY),
        (("for=unknown",), PROXY),
        ((f"for={LIAR}, for=_hidden",), PROXY),
        ((f"for={LIAR}, proto=https",), PROXY),
        ((f'for={LIAR};x="', f"for={NURSE}"), PROXY),  # a client's quotation that swallows what the proxy adds
        ((f'for={LIAR}, x="', f"for={NURSE}"), PROXY),
        ((f"for={NURSE};for={LIAR}",), PROXY),
        (("for",), PROXY),
        ((f"{LIAR}",), PROXY),
    ],
)
def test_who_asks_by_the_header_of_rfc_7239(lines: tuple[str, ...], expected: str) -> None:
    assert forwarded(PROXY, *lines) == expected


def test_how_the_client_spoke_is_said_by_the_proxy_that_heard_it() -> None:
    def secure(*headers: tuple[str, str], by: ProxyHeader = "x-forwarded-for") -> bool:
        return seen(PROXY, *headers, by=by).secure

    assert secure(("X-Forwarded-Proto", "HTTPS"))
    assert secure(("X-Forwarded-Proto", "http, https"), ("X-Forwarded-For", NURSE))
    assert not secure(("X-Forwarded-Proto", "https, http"), ("X-Forwarded-For", NURSE))
    assert not secure(("X-Forwarded-Proto", "httpsx"))
    assert secure(("Forwarded", f"for={NURSE};proto=https, for={FAR_PROXY};proto=http"), by="forwarded")
    assert not secure(("Forwarded", f"for={LIAR};proto=https, for={NURSE};proto=http"), by="forwarded")


def test_a_list_of_proxies_ends_somewhere() -> None:
    assert forwarded_for(PROXY, ",".join([NURSE, *["192.0.2.2"] * 15])) == NURSE
    assert forwarded_for(PROXY, ",".join([NURSE, *["192.0.2.2"] * 16])) == "192.0.2.2"


@given(st.text(max_size=60) | st.text('for="[],;=\\ 192.0:ab', max_size=40))
@settings(max_examples=200)
def test_any_header_gives_an_address_and_nothing_else(text: str) -> None:
    for by in ("x-forwarded-for", "forwarded"):
        address = seen(PROXY, ("Forwarded", text), ("X-Forwarded-For", text), by=by).address
        assert re.fullmatch(r"[0-9a-f.:]{2,39}", address), by
    assert all(isinstance(hop.node, str) for hop in parse_forwarded(text))
    assert node_address(text) is None or len(text) <= 53


# --- through the API ------------------------------------------------------------------------------------------------


async def wrong(person: Person, name: str, came_from: str) -> Any:  # noqa: ANN401 - what JSON says
    headers = {"X-Forwarded-For": came_from}
    form = {"username": name, "password": "wrong"}
    return (await person.ask("POST", f"{LOGIN}?f=json", headers, data=form)).json


async def test_one_who_guesses_behind_the_proxy_keeps_nobody_else_out(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(trusted_proxies=("127.0.0.1",)))
    stranger = Person(gateway.client)
    refused = [await wrong(stranger, f"name-{number}", LIAR) for number in range(31)]
    assert refused[-1]["error"]["description"] == "too many attempts"
    form = {"username": "nurse", "password": PASSWORD}
    for address, lets_in in ((NURSE, True), (LIAR, False), (f"{NURSE}, {LIAR}", False)):
        answer = await stranger.ask("POST", f"{LOGIN}?f=json", {"X-Forwarded-For": address}, data=form)
        assert ("token" in answer.json) is lets_in, address


async def test_a_guesser_cannot_change_places_by_a_header_of_their_own(gateway: Gateway) -> None:
    stranger = Person(gateway.client)
    refused = [await wrong(stranger, "nurse", f"198.51.100.{number}") for number in range(6)]
    assert refused[-1]["error"]["description"] == "too many attempts"


async def test_a_session_knows_where_it_came_from(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(trusted_proxies=("127.0.0.1",)))
    form = {"username": "nurse", "password": PASSWORD}
    await Person(gateway.client).ask("POST", f"{LOGIN}?f=json", {"X-Forwarded-For": NURSE}, data=form)
    assert [token.client.split()[0] for token in gateway.sessions._tokens.values()] == [NURSE]


async def test_behind_a_proxy_that_speaks_tls_cookies_and_commands_are_for_https(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(trusted_proxies=("127.0.0.1",)))
    form = {"username": "nurse", "password": PASSWORD}
    for scheme in ("https", "http"):
        sent = {"Accept": "text/html", "X-Forwarded-For": NURSE, "X-Forwarded-Proto": scheme}
        answer = await Person(gateway.client).ask("POST", LOGIN, sent, data=form)
        assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) is (scheme == "https")
        assert f"{scheme}://127.0.0.1:" in answer.text


async def test_a_proxy_that_changes_the_host_is_told_what_is_wrong(gateway: Gateway) -> None:
    form = {"username": "nurse", "password": PASSWORD}
    answer = await Person(gateway.client).submits(LOGIN, form, Origin="https://alarms.example")
    assert answer.status == 403
    assert "a proxy that does not hand on its Host" in answer.text
