"""What goes over the connection itself: bodies that wait to be asked for, pieces, and what is no HTTP at all."""

from __future__ import annotations

import asyncio
import json
import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from gatewayd.api import app
from gatewayd.api.direct import DirectAnswer, Head
from gatewayd.api.guard import HEADERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Gateway, Person

PATIENCE = 5.0  # seconds
SEND = "/api/users/self/events/send?f=json"


class Wire:
    """A bare connection to the API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)


@pytest.fixture
async def wire(gateway: Gateway) -> AsyncIterator[Wire]:
    url = gateway.client.make_url("")
    opened = Wire(*await asyncio.open_connection(url.host, url.port))
    yield opened
    opened.writer.close()
    await opened.writer.wait_closed()


def head(person: Person, length: int, *more: str) -> bytes:
    lines = [
        f"POST {SEND} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {person.token}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {length}",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


BODY = b"text=ROOM+12%21&recipients=5"


async def test_a_client_that_asks_first_is_told_to_go_on(wire: Wire, nurse: Person) -> None:
    wire.send(head(nurse, len(BODY), "Expect: 100-continue"))
    async with asyncio.timeout(PATIENCE):
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(BODY)
    status, _, body = await wire.answer()
    assert (status, json.loads(body)) == (200, {"message_id": 1})


async def test_a_body_in_pieces_is_read_to_its_end(wire: Wire, nurse: Person, gateway: Gateway) -> None:
    wire.send(head(nurse, len(BODY)), BODY[:7])
    await wire.writer.drain()
    await asyncio.sleep(0.01)
    wire.send(BODY[7:])
    assert (await wire.answer())[0] == 200
    assert gateway.texts_of(5) == ["ROOM 12!"]


async def test_one_connection_carries_many_requests_also_sent_at_once(wire: Wire, nurse: Person) -> None:
    wire.send((head(nurse, len(BODY)) + BODY) * 3)
    assert [json.loads((await wire.answer())[2]) for _ in range(3)] == [{"message_id": number} for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /api/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /api/alarms HTTP/1.1\r\nBad Header\r\n\r\n",
        b"POST /api/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
    ],
    ids=["tls", "long line", "long header", "bad header", "bad length"],
)
async def test_what_is_no_http_is_refused_as_everything_else_and_logged_in_a_line(
    wire: Wire, caplog: pytest.LogCaptureFixture, nonsense: bytes
) -> None:
    caplog.set_level(logging.INFO)
    wire.send(nonsense)
    status, headers, body = await wire.answer()
    assert status == 400
    assert "request line" in json.loads(body)["error"]["description"]
    assert headers["x-content-type-options"] == "nosniff"
    assert await wire.reader.read() == b""  # closed: what follows cannot be understood either
    records = [record for record in caplog.records if "bad input" in record.message]
    assert len(records) == 1
    assert records[0].exc_info is None


async def test_the_start_page_leads_to_the_board_and_only_by_reading(wire: Wire) -> None:
    wire.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    status, headers, _ = await wire.answer()
    assert (status, headers["location"]) == (303, "/api/alarms/active")
    wire.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n")
    assert (await wire.answer())[0] == 404


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/api", "/api/alarms/active"),
        ("/API/", "/api/alarms/active"),
        ("/ward7/", "/ward7/api/alarms/active"),
        ("/Ward7/api/", "/Ward7/api/alarms/active"),
        ("/ward7", ""),
        ("/favicon.ico", ""),
        ("//", ""),
        ("//evil.example/", ""),
        ("/a/b/", ""),
        ("/%0d%0aX:1/", "/%0D%0AX%3A1/api/alarms/active"),
        ("/%2F%2Fevil.example/", ""),
    ],
)
async def test_the_start_of_a_site_leads_to_its_board(path: str, leads: str, wire: Wire) -> None:
    wire.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    status, headers, _ = await wire.answer()
    assert (status, headers.get("location", "")) == (303 if leads else 404, leads)


async def test_a_full_request_target_and_one_with_escapes_lead_to_the_same(wire: Wire, nurse: Person) -> None:
    for target in ("http://127.0.0.1/api/alarms/active?f=json", "/api/%61larms/active?f=json"):
        wire.send(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {nurse.token}\r\n\r\n".encode())
        assert (await wire.answer())[0] == 200


INBOX = "/api/users/self/events?f=json"
WAYS = {
    "as usual": ("GET", "1.1", [], None),
    "by a client that wants no more": ("GET", "1.1", ["Connection: close"], "close"),
    "by an old client": ("GET", "1.0", [], None),
    "by an old client that goes on": ("GET", "1.0", ["Connection: keep-alive"], "keep-alive"),
    "for its head alone": ("HEAD", "1.1", [], None),
}


def ask(person: Person, method: str, version: str, *more: str) -> bytes:
    lines = [f"{method} {INBOX} HTTP/{version}", "Host: 127.0.0.1", f"Authorization: Bearer {person.token}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize("way", WAYS)
async def test_the_same_answer_goes_out_however_it_is_asked_for(wire: Wire, nurse: Person, way: str) -> None:
    method, version, more, connection = WAYS[way]
    wire.send(ask(nurse, method, version, *more))
    async with asyncio.timeout(PATIENCE):
        lines = (await wire.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = b'{"offset":0,"count":0,"total":0,"events":[]}'
    assert lines[0] == f"HTTP/{version} 200 OK"
    assert parsedate_to_datetime(headers.pop("date")).tzinfo is not None
    assert headers.pop("connection", None) == connection
    wanted = {name.lower(): value for name, value in HEADERS.items()}
    wanted |= {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
    assert headers == wanted | {"content-length": str(len(body))}
    if method == "GET":
        assert await wire.reader.readexactly(len(body)) == body
    ends = connection == "close" or (version == "1.0" and connection is None)
    if not ends:  # then the next answer begins where this one ended
        wire.send(ask(nurse, "GET", "1.1"))
        assert (await wire.answer())[2] == body
    else:
        assert await wire.reader.read() == b""


async def test_an_answer_to_a_connection_that_is_gone_is_an_error_of_the_connection() -> None:
    request = make_mocked_request("GET", "/")
    answer = DirectAnswer(Head({}), b"{}")
    await answer.prepare(request)
    assert request.transport is not None
    request.transport.is_closing.return_value = True  # type: ignore[attr-defined]
    with pytest.raises(ConnectionResetError, match="gone"):
        await answer.write_eof()


async def test_a_client_that_goes_away_in_the_middle_of_its_body_is_no_error(
    wire: Wire, nurse: Person, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    assert gateway.server.runner is not None
    server = gateway.server.runner.server
    assert server is not None
    wire.send(head(nurse, 100), b"text=")
    await asyncio.sleep(0.05)
    before = len(server.connections)
    wire.writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        while len(server.connections) >= before:  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(0.01)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert gateway.store.inbox.message(1) is None


@pytest.mark.parametrize("token", [True, False], ids=["known", "unknown"])
async def test_a_body_in_a_wrong_coding_is_refused_and_logged_in_a_line(
    wire: Wire, nurse: Person, caplog: pytest.LogCaptureFixture, *, token: bool
) -> None:
    caplog.set_level(logging.INFO)
    request = head(nurse, len(BODY), "Content-Encoding: gzip")
    wire.send(request if token else request.replace(nurse.token.encode(), b"x"), BODY)
    assert (await wire.answer())[0] == (400 if token else 403)
    assert await wire.reader.read() == b""
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert records == []
    assert len([record for record in caplog.records if "bad input" in record.message]) == 1


async def test_idle_connections_give_way_and_those_with_a_request_under_way_do_not(
    gateway: Gateway, nurse: Person, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_CONNECTIONS", 3)  # the nurse's, and two more
    url = gateway.client.make_url("")
    wire.send(head(nurse, len(BODY)), BODY[:7])  # under way
    await asyncio.sleep(0.05)
    idle = Wire(*await asyncio.open_connection(url.host, url.port))
    await nurse.client.session.connector.close()  # type: ignore[union-attr]
    burst = await asyncio.gather(*(asyncio.open_connection(url.host, url.port) for _ in range(6)))
    fresh = [Wire(*pair) for pair in burst]
    async with asyncio.timeout(PATIENCE):
        assert await idle.reader.read() == b""  # the oldest idle one
        for one in fresh[:4]:
            assert await one.reader.read() == b""
    fresh[5].send(ask(nurse, "GET", "1.1"))
    assert (await fresh[5].answer())[0] == 200
    wire.send(BODY[7:])
    assert (await wire.answer())[0] == 200
    for one in (idle, *fresh):
        one.writer.close()
