"""Replays of lines on the network: recorded on real sockets of this machine, played back without any."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd import registry
from gatewayd.cli.player import Player
from gatewayd.cli.rehearsal import Isolated
from gatewayd.cli.replay import checked
from gatewayd.driver import News, Progress
from gatewayd.transport.capture import Piece
from gatewayd.transport.capturefile import Capture
from tests.cli.recording import Recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MESSAGE = """MESSAGE sip:alarm@127.0.0.1 SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK77;rport\r
From: <sip:2001@127.0.0.1>;tag=a1\r
To: <sip:alarm@127.0.0.1>\r
Call-ID: c4711@192.0.2.9\r
CSeq: 1 MESSAGE\r
Content-Type: text/plain\r
Content-Length: 9\r
\r
WATER 12B"""


@pytest.fixture
async def snpp() -> AsyncIterator[Recording]:
    async with Recording("snpp", port=0) as recording:
        yield recording


async def connected(recording: Recording) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert recording.driver.bound is not None
    return await asyncio.open_connection(*recording.driver.bound)


async def say(client: tuple[asyncio.StreamReader, asyncio.StreamWriter], *words: str) -> None:
    """Say commands, one after the answer to the other."""
    for word in words:
        client[1].write(word.encode() + b"\r\n")
        await client[0].readline()


async def test_an_snpp_session_over_tcp_is_replayed_byte_for_byte(snpp: Recording) -> None:
    client = await connected(snpp)
    await client[0].readline()
    await say(client, "PAGE 2001", "MESS FIRE ROOM 12", "SEND", "QUIT")
    client[1].close()
    told = await snpp.replayed()
    texts = [what for what in told if what.startswith("TextReceived")]
    assert texts[0].startswith("TextReceived sender='127.0.0.1' text='FIRE ROOM 12' recipient='2001'")
    assert len(texts) == 1
    assert any(what.startswith("sent as recorded: ") for what in told), told


async def test_two_clients_at_once_are_kept_apart(snpp: Recording) -> None:
    one, two = await connected(snpp), await connected(snpp)
    for client in (one, two):
        await client[0].readline()
    await say(one, "PAGE 2001")
    await say(two, "PAGE 2002", "MESS BED", "SEND")
    await say(one, "MESS FIRE", "SEND")
    for client in (one, two):
        client[1].close()
        await client[1].wait_closed()
    told = await snpp.replayed()
    texts = [what for what in told if what.startswith("TextReceived")]
    assert ["BED" in texts[0], "2002" in texts[0], "FIRE" in texts[1], "2001" in texts[1]] == [True] * 4
    assert any(what.startswith("sent as recorded: ") for what in told), told


async def test_datagrams_are_replayed_from_where_they_came() -> None:
    async with Recording("sip", host="127.0.0.1", port=0, authenticate=False) as recording:
        assert recording.driver.bound is not None
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.setblocking(False)  # noqa: FBT003 - the socket's own signature
            phone.bind(("127.0.0.1", 0))
            await loop.sock_sendto(phone, MESSAGE.encode(), recording.driver.bound)
            async with asyncio.timeout(5):
                answer = await loop.sock_recv(phone, 4096)
    assert b"SIP/2.0 20" in answer
    told = await recording.replayed()
    texts = [what for what in told if what.startswith("TextReceived")]
    assert len(texts) == 1
    assert "WATER 12B" in texts[0]
    assert texts == [what for what in recording.told if what.startswith("TextReceived")]


async def test_a_capture_has_the_beginning_and_the_end_of_each_connection(snpp: Recording) -> None:
    client = await connected(snpp)
    own = client[1].get_extra_info("sockname")
    await client[0].readline()
    client[1].close()
    await snpp.hears("close")
    pieces = [piece for piece in snpp.recorder.pieces() if piece.what in {"connect", "close"}]
    assert [piece.what for piece in pieces] == ["connect", "close"]
    assert pieces[0].data.startswith(f"127.0.0.1:{own[1]}\x1f127.0.0.1:".encode())


async def test_a_capture_from_before_connections_were_recorded_can_be_replayed(snpp: Recording) -> None:
    client = await connected(snpp)
    await client[0].readline()
    await say(client, "PAGE 2001", "MESS FIRE", "SEND")
    client[1].close()
    old = [piece for piece in snpp.saved().pieces if piece.what not in {"connect", "close"}]
    told: list[str] = []
    settings: Any = snpp.kind.settings.model_validate({"networks": ["127.0.0.0/8"]})
    await Player(snpp.kind, settings, Capture(tuple(old)), lambda _, what: told.append(what)).play()
    assert sum(what.startswith("TextReceived") for what in told) == 1


async def test_a_connection_ends_in_the_replay_when_it_ended_then(snpp: Recording) -> None:
    pieces = [Piece(0.0, "connect", "1", b"127.0.0.1:4\x1f127.0.0.1:444"), Piece(1.0, "close", "1", b"")]
    late = Piece(2.0, "in", "1", b"PAGE 2001\r\n")
    told: list[str] = []
    player = Player(snpp.kind, snpp.settings, Capture((*pieces, late)), lambda _, what: told.append(what))
    await player.play()
    assert "11 bytes were not heard: the line is not open" in told


async def test_what_the_driver_was_told_is_told_again(snpp: Recording) -> None:
    snpp.tell(News("7", Progress.ACCEPTED, "anna", 12))
    (piece,) = [piece for piece in snpp.saved().pieces if piece.what == "news"]
    heard: list[News] = []

    class Listening(type(snpp.driver)):  # type: ignore[misc]  # a driver of this kind that lets us look
        def tell(self, news: News) -> None:
            heard.append(news)

    kind = registry.Kind("snpp", Listening, snpp.kind.settings)
    await Player(kind, snpp.settings, Capture((piece,)), lambda _, __: None).play()
    assert heard == [News("7", Progress.ACCEPTED, "anna", 12)]


async def test_a_serial_kind_that_listens_instead_is_replayed_without_a_port() -> None:
    async with Recording("tap", role="terminal", listen="127.0.0.1:0") as terminal:
        client = await connected(terminal)
        client[1].write(b"\r")
        assert (await client[0].readexactly(3)) == b"ID="
        client[1].close()
        await client[1].wait_closed()
        await terminal.hears("close")
    told: list[str] = []
    settings = checked(terminal.kind, {"role": "terminal", "listen": "127.0.0.1:0"}, terminal.driver.port)
    await Player(terminal.kind, settings, terminal.saved(), lambda _, what: told.append(what)).play()
    assert any(what.startswith("sent as recorded: ") for what in told), told


def test_nothing_leaves_a_replay_whatever_a_driver_tries() -> None:
    async def attempts() -> tuple[object, ...]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            asyncio.open_connection("127.0.0.1", 9),
            asyncio.start_server(print, "127.0.0.1", 0),
            loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0)),
            loop.getaddrinfo("localhost", 9),
            asyncio.create_subprocess_exec("true"),
            return_exceptions=True,
        )

    with asyncio.Runner(loop_factory=Isolated) as runner:
        results = runner.run(attempts())
    assert [str(result) for result in results] == ["a replay opens nothing"] * 5
