"""TCP on loopback, plain and with TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatewayd.clock import settle
from gatewayd.errors import LineDown
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.tcp import CONNECT_LIMIT, MOST_AT_ONCE, connect_tcp, listen_tcp
from tests.transport.cores import LineCore, Talker

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.clock import ManualClock

DAY = dt.timedelta(days=1)


class Site:
    """A listener that keeps what it accepted."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.accepted: list[Talker] = []

    def accept(self) -> Talker:
        self.accepted.append(Talker(self.clock))
        return self.accepted[-1]


@pytest.fixture
def site(clock: ManualClock) -> Site:
    return Site(clock)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def close(*adapters: Talker) -> None:
    for adapter in adapters:
        adapter.close()
        await asyncio.wait_for(adapter.wait_closed(), 5)


async def until_accepted(site: Site, count: int) -> None:
    async with asyncio.timeout(5):
        while len([adapter for adapter in site.accepted if adapter.transport is not None]) < count:
            await settle(1)


async def test_both_ends_talk_and_the_end_of_one_is_the_end_of_the_other(site: Site, clock: ManualClock) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept)
    client = Talker(clock)
    await connect_tcp("127.0.0.1", port_of(server), client)
    client.say(b"alarm\n")
    await until_accepted(site, 1)
    assert await site.accepted[0].hear() == [b"alarm"]
    site.accepted[0].say(b"taken\n")
    site.accepted[0].close()
    assert await client.hear() == [b"taken"]
    with pytest.raises(LineDown, match="closed by the other end"):
        await client.next_event()
    await close(client, site.accepted[0])
    server.close()


async def test_a_vanished_peer_is_noticed_by_the_kernel(site: Site, clock: ManualClock) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept)
    client = Talker(clock)
    await connect_tcp("127.0.0.1", port_of(server), client)
    await until_accepted(site, 1)
    for end in (client, site.accepted[0]):
        assert end.transport is not None
        sock = end.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, count = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= 30
        assert 0 < sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 30_000
    await close(client, site.accepted[0])
    server.close()


async def test_a_port_that_nobody_listens_on_is_line_down(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LineDown, match=f"cannot connect to 127.0.0.1:{port}"):
        await connect_tcp("127.0.0.1", port, Talker(clock))


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 0), ("127.0.0.1", 70_000), ("x" * 70 + ".invalid", 80), ("..", 80)]
)
async def test_an_impossible_address_is_line_down(clock: ManualClock, host: str, port: int) -> None:
    with pytest.raises(LineDown, match="cannot connect"):
        await connect_tcp(host, port, Talker(clock))


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
async def test_a_port_that_does_not_exist_cannot_be_listened_on(site: Site, port: int) -> None:
    with pytest.raises(LineDown, match="no such port"):
        await listen_tcp("127.0.0.1", port, site.accept)


async def test_a_port_that_is_taken_cannot_be_listened_on(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LineDown, match="cannot listen on 127"):
        await listen_tcp("127.0.0.1", taken.getsockname()[1], site.accept)


async def test_connecting_is_given_up_after_its_limit(clock: ManualClock) -> None:
    fillers = socket.socket(), socket.socket()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, fillers[0], fillers[1]:
        for filler in fillers:  # a full backlog: the kernel answers no more
            filler.settimeout(0)
            filler.connect_ex(deaf.getsockname())
        connecting = asyncio.create_task(connect_tcp("127.0.0.1", deaf.getsockname()[1], Talker(clock)))
        await settle()
        await clock.advance(CONNECT_LIMIT - 0.1)
        assert not connecting.done()
        await clock.advance(0.2)
        with pytest.raises(LineDown, match="no answer in time"):
            await connecting


async def test_one_connection_too_many_is_refused_until_another_ends(site: Site, clock: ManualClock) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept, limit=2)
    clients = [Talker(clock) for _ in range(4)]
    for client in clients[:3]:
        await connect_tcp("127.0.0.1", port_of(server), client)
    with pytest.raises(LineDown):
        await asyncio.wait_for(clients[2].next_event(), 5)
    assert len(site.accepted) == 2
    clients[0].close()
    with pytest.raises(LineDown):
        await asyncio.wait_for(site.accepted[0].next_event(), 5)
    await connect_tcp("127.0.0.1", port_of(server), clients[3])
    await until_accepted(site, 3)
    clients[3].say(b"my turn\n")
    assert await site.accepted[2].hear() == [b"my turn"]
    await close(*clients, *site.accepted)
    server.close()


async def test_a_flood_is_taken_whole_at_the_pace_of_the_driver(site: Site, clock: ManualClock) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept)
    client = Talker(clock)
    await connect_tcp("127.0.0.1", port_of(server), client)
    lines = [b"%05d" % number for number in range(50_000)]
    client.say(b"\n".join(lines) + b"\n")
    await until_accepted(site, 1)
    assert await site.accepted[0].hear(50_000) == lines
    await close(client, site.accepted[0])
    server.close()


class Gulp(LineCore):
    """Notes how many bytes came at once, and in which turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.gulps: list[tuple[int, int]] = []

    def receive_data(self, data: bytes, now: float) -> None:
        self.gulps.append((self.turn, len(data)))
        super().receive_data(data, now)

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


@pytest.mark.parametrize("tls", [False, True])
async def test_a_flood_leaves_the_loop_to_others_after_every_portion(
    *, tls: bool, clock: ManualClock, contexts: Contexts
) -> None:
    core = Gulp()
    taker = StreamAdapter(core, clock)
    server = await listen_tcp("127.0.0.1", 0, lambda: taker, ssl=contexts[0] if tls else None)
    client = Talker(clock)
    await connect_tcp("127.0.0.1", port_of(server), client, ssl=contexts[1] if tls else None)
    counting = asyncio.create_task(core.count_turns())
    client.say(b"x" * 262_143 + b"\n")
    assert len(await asyncio.wait_for(taker.next_event(), 5)) == 262_143
    counting.cancel()
    taken = Counter[int]()
    for turn, size in core.gulps:
        assert size <= MOST_AT_ONCE
        taken[turn] += size
    assert max(taken.values()) <= MOST_AT_ONCE * (4 if tls else 1)  # asyncio's own TLS takes several records in a turn
    taker.close()
    await close(client)
    server.close()


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of the server at 127.0.0.1 and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    no_password = serialization.NoEncryption()
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


async def test_tls_carries_the_bytes(site: Site, clock: ManualClock, contexts: Contexts) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept, ssl=contexts[0])
    client = Talker(clock)
    await connect_tcp("127.0.0.1", port_of(server), client, ssl=contexts[1])
    client.say(b"secret\n")
    await until_accepted(site, 1)
    assert await site.accepted[0].hear() == [b"secret"]
    await close(client, site.accepted[0])
    server.close()


async def test_a_certificate_that_is_not_trusted_is_line_down_at_both_ends(
    site: Site, clock: ManualClock, contexts: Contexts
) -> None:
    server = await listen_tcp("127.0.0.1", 0, site.accept, ssl=contexts[0])
    with pytest.raises(LineDown, match="certificate verify failed"):
        await connect_tcp("127.0.0.1", port_of(server), Talker(clock), ssl=ssl.create_default_context())
    await settle()
    await clock.advance(CONNECT_LIMIT)
    for adapter in site.accepted:
        with pytest.raises(LineDown, match="handshake"):
            await asyncio.wait_for(adapter.next_event(), 5)
    assert site.accepted
    server.close()
