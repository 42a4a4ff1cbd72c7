"""html or json, paths and prefixes, methods, and the error envelope."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.api import ApiOptions
from gatewayd.api.emm import operations
from gatewayd.api.formats import Format, accepted
from gatewayd.api.guard import check_host
from gatewayd.api.router import Router
from gatewayd.errors import GatewayError, Invalid

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

ACTIVE = "/api/alarms/active"
HTML, JSON = "text/html; charset=utf-8", "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.HTML),
        ("*/*", Format.HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.HTML),
        ("application/json", Format.JSON),
        ("application/json, text/plain, */*", Format.JSON),
        ("Application/JSON", Format.JSON),
        ("text/html;q=0.5, application/json", Format.JSON),
        ("text/html, application/json", Format.HTML),
        ("application/json;q=0.1, text/html;q=0.9", Format.HTML),
        ("application/json;q=x", Format.HTML),
    ],
)
def test_A01_html_is_the_default_and_accept_can_prefer_json(accept: str, expected: Format) -> None:
    assert accepted(accept) is expected


async def test_A01_f_wins_over_accept_and_an_unknown_f_is_400(nurse: Person) -> None:
    for query, accept, kind in (
        ("", "*/*", HTML),
        ("?f=json", "text/html", JSON),
        ("?F=JSON", "text/html", JSON),
        ("?f=html", "application/json", HTML),
        ("?f=", "*/*", HTML),
        ("", "application/json", JSON),
    ):
        answer = await nurse.ask("GET", ACTIVE + query, headers={"Accept": accept})
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), (query, accept)
    assert (await nurse.ask("GET", f"{ACTIVE}?f=xml")).status == 400


async def test_A02_f_may_stand_in_the_body_and_the_query_wins(nurse: Person) -> None:
    event = {"text": "hello", "recipients": "5"}
    send = "/api/users/self/events/send"
    assert (await nurse.ask("POST", send, json=event | {"f": "json"})).headers["Content-Type"] == JSON
    assert (await nurse.ask("POST", f"{send}?f=json", data=event | {"f": "html"})).headers["Content-Type"] == JSON
    assert (await nurse.ask("POST", f"{send}?text=query&f=json", data=event)).status == 200


async def test_A02_the_body_wins_over_the_query(gateway: Gateway, nurse: Person) -> None:
    await nurse.post("/api/users/self/events/send?text=query", json={"text": "body", "recipients": 5})
    message = gateway.store.inbox.message(1)
    assert message is not None
    assert message.text == "body"


async def test_A03_A04_paths_are_found_in_every_spelling(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    for path in (
        "/api/alarms/active",
        "/api/alarms/active/",
        "/API/Alarms/ACTIVE",
        "/FusionEnterpriseTest/api/alarms/active",
        "/FusionEnterpriseTest/API/alarms/active/",
        "/api/user/self/events",
        "/api/users/SELF/events/1",
        "/Site%20One/api/user/self/events",
    ):
        assert (await nurse.get(path)).status == 200, path
    for path in ("/api/tokens/GENERATETOKEN", "/x/api/Tokens/GenerateToken/"):
        assert (await nurse.post(path, data={})).error["api"] == "generatetoken"


async def test_A04_only_configured_prefixes_are_served(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(prefixes=("ward7",)))
    person = await gateway.logs_in("nurse", "/ward7/api/tokens/generatetoken")
    assert (await person.get("/Ward7/api/alarms/active")).status == 200
    assert (await person.get("/api/alarms/active")).status == 404
    assert (await person.get("/other/api/alarms/active")).status == 404


async def test_A04_pages_behind_a_prefix_link_behind_it(nurse: Person) -> None:
    page = await nurse.page("/Site%20One/api/alarms/active")
    assert 'href="/Site%20One/api/users/self/events"' in page.text
    assert 'href="/Site%20One/api/static/gatewayd.css"' in page.text
    assert (await nurse.ask("GET", "/Site%20One/api/static/gatewayd.css")).status == 200


async def test_A06_every_failure_has_the_envelope_or_a_page(nurse: Person) -> None:
    for path, status in (("/api/nothing", 404), ("/nowhere", 404), ("/api/alarms/active/5", 404), ("/api/a/b", 404)):
        answer = await nurse.get(path)
        assert answer.status == status
        assert set(answer.error) == {"api", "description"}
        assert answer.headers["X-Error-Code"] == "not-found"
        page = await nurse.page(path)
        assert (page.status, page.headers["Content-Type"]) == (status, HTML)
        assert 'role="alert"' in page.text


async def test_a_method_that_is_not_there_is_405_with_those_that_are(nurse: Person) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = await nurse.ask(method, f"{ACTIVE}?f=json")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET"), method
    answer = await nurse.get("/api/alarms/active/1/cancel")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_head_is_a_get_without_a_body(nurse: Person) -> None:
    answer = await nurse.ask("HEAD", f"{ACTIVE}?f=json")
    assert (answer.status, answer.text) == (200, "")


async def test_an_unexpected_error_is_500_without_details(
    gateway: Gateway, nurse: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-detail")

    monkeypatch.setattr(gateway.store.alarms, "listing", fail)
    for answer in (await nurse.get(ACTIVE), await nurse.page(ACTIVE)):
        assert answer.status == 500
        assert "canary-detail" not in answer.text
    assert "GET of alarms/active failed" in caplog.text


async def test_a_body_that_never_comes_is_given_up(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(body_timeout=0.02))
    assert gateway.server.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
    writer.write(
        b"POST /api/tokens/generatetoken?f=json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername="
    )
    assert b" 408 " in await reader.readline()
    writer.close()


@given(st.text(max_size=80))
def test_any_path_leads_somewhere_or_nowhere(path: str) -> None:
    router = Router(operations(ApiOptions()), ("", "*"))
    for prefix in ("", "/", "/api/", "/x/api/users/"):
        try:
            assert router.find(prefix + path).resource.operations
        except GatewayError as error:
            assert str(error) == "there is no such path"  # noqa: PT017 - both ends are right


ALLOWED = frozenset({"alarms.example"})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "192.0.2.1", "localhost:99", "Alarms.Example:1", "alarms.example."],
)
def test_addresses_localhost_and_configured_names_are_served(host: str) -> None:
    check_host(host, ALLOWED)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"]
)
def test_other_names_are_refused(host: str | None) -> None:
    with pytest.raises(Invalid):
        check_host(host, ALLOWED)
    check_host(host, frozenset({"*"}))


async def test_a_foreign_host_name_gets_nothing_at_all(nurse: Person) -> None:
    for path in ("/", ACTIVE, "/api/static/gatewayd.css", "/api/tokens/generatetoken"):
        answer = await nurse.ask("GET", path, headers={"Host": "evil.example"})
        assert answer.status == 400, path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
