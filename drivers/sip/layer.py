"""The transaction layer: parses what arrives, finds the transaction that it belongs to, repeats what was answered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from drivers.sip.answering import write_response
from drivers.sip.connection import Wires
from drivers.sip.fading import Fading
from drivers.sip.flow import UDP, Flow
from drivers.sip.grammar import DEFAULT_PORT, MAGIC_COOKIE, REMEMBERED, Malformed
from drivers.sip.message import Key, Request, Response, parse_message
from drivers.sip.timing import Agenda, Timing
from drivers.sip.transactions import (
    ClientTransaction,
    Failure,
    Means,
    ServerTransaction,
    State,
    client_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Bytes of the answers kept for retransmissions: 8 s of them at 4,000 requests a second, which is where timer E has
# reached T2. An answer repeats what its request says in Via, From, To and Call-ID, which may be long.
MAX_ANSWERS = 16 << 20
# Requests of ours whose answer may come again (timer K).
MAX_FINISHED = 32_768
# Requests that wait for the disk. More means that the disk stands still; the next are told to come back.
MAX_PENDING = 4_096

# Calls whose refusal is repeated until it is acknowledged (17.2.1); whoever has forged that many sources gains no more.
MAX_UNACKNOWLEDGED = 256

# A datagram's source may be forged: whoever has shown no password gets at most so many times the bytes that came, or
# nothing (as QUIC has it, RFC 9000 8.1). A phone's shortest request is far above the third of a challenge.
MOST_GAIN = 3

# Defects that are logged with all that is known of them; then they are only counted, whoever sends them.
DEFECTS_LOGGED = 10
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the layer needs from outside.

    `sent_by` is our host and port in Via, `tokens(n)` returns n random bytes in hex, `count(what)` counts.
    """

    sent_by: Callable[[], str]
    tokens: Callable[[int], str]
    count: Callable[[str], None]
    timing: Timing = field(default_factory=Timing)


class TransactionLayer:
    """Runs every transaction of one endpoint. `on_request(request, flow, now)` takes each new request except ACK."""

    def __init__(self, around: Surroundings, on_request: Callable[[Request, Flow, float], None]) -> None:
        self.agenda = Agenda()
        self.wires = Wires(self.receive)
        self._around = around
        self._on_request = on_request
        self._means = Means(self.wires.send, self._forget_client, self.agenda, around.timing)
        self._clients: dict[Key, ClientTransaction] = {}
        self._finished: Fading[Key, bool] = Fading(self.agenda.at, MAX_FINISHED)
        self._servers: dict[Key, ServerTransaction] = {}
        self._by_number: dict[int, ServerTransaction] = {}
        self._answers: Fading[Key, bytes] = Fading(self.agenda.at, MAX_ANSWERS)
        self._numbers = 0
        self._heard = 0  # bytes of the message that is being taken
        self._defects = 0
        self._tag_key = around.tokens(16).encode()

    # --- in ---------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one message from a wire."""
        self._heard = len(data)
        try:
            message = parse_message(data)
            if isinstance(message, Response):
                self._receive_response(message, flow, now)
            else:
                self._receive_request(message, flow, now)
        except Malformed:
            self._around.count("malformed")
        except Exception:  # a message that meets a defect of ours must not take the line from everybody else
            self._around.count("defects")
            self._defects += 1
            if self._defects <= DEFECTS_LOGGED:
                log.exception("a SIP message could not be handled")

    def _receive_response(self, response: Response, flow: Flow, now: float) -> None:
        response.check(stream=flow.is_stream)
        key = client_key(response)
        client = self._clients.get(key)
        if client is not None:
            client.receive(response, now)
        elif self._finished.get(key) is None:
            self._around.count("stray_responses")

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        """Answer what is malformed as far as its Via can be read (so that nobody is answered who did not ask)."""
        _ = request.via if "via" in request.headers else None
        try:
            request.check(stream=flow.is_stream)
        except Malformed as error:
            self._around.count("malformed")
            if request.method != "ACK" and request.call_id and request.first("from"):
                self.reply(request, flow, error.status)
            return
        key = request.transaction
        if (answer := self._answers.get(key)) is not None:
            self._around.count("retransmissions")
            self._send_response(answer, request, flow)
        elif (server := self._servers.get(key)) is not None:
            self._repeat(server, request, flow, now)
        elif request.method != "ACK":
            self._on_request(request, flow, now)

    def _repeat(self, server: ServerTransaction, request: Request, flow: Flow, now: float) -> None:
        """Absorb a retransmission (17.2.2); no 100 before the client's timer E has reached T2 (RFC 4320 4.1)."""
        if request.method == "ACK":
            self._confirm(server, now)
            return
        self._around.count("retransmissions")
        if server.response:  # to an INVITE, whose answer was not yet acknowledged
            self._send_response(server.response, request, flow)
        elif not flow.is_stream and now - server.created >= 7 * self._around.timing.t1:
            self.reply(request, flow, 100)

    # --- answering --------------------------------------------------------------------------------------------------

    def reply(self, request: Request, flow: Flow, status: int, headers: Mapping[str, list[str]] | None = None) -> None:
        """Answer at once, without keeping state: for everything that costs nothing to answer again."""
        data = write_response(request, status, self._tag(request), headers, flow.peer)
        if flow.is_stream or len(data) <= MOST_GAIN * self._heard:
            self._send_response(data, request, flow)
        else:
            self._around.count("would_amplify")

    def begin(self, request: Request, flow: Flow, now: float) -> ServerTransaction | None:
        """Take the request on: its retransmissions are absorbed from now on. None when too many wait already."""
        if len(self._by_number) >= MAX_PENDING:
            return None
        self._numbers += 1
        server = ServerTransaction(self._numbers, request.transaction, request, flow, now)
        self._servers[server.key] = self._by_number[server.number] = server
        return server

    def pending(self, number: int) -> ServerTransaction | None:
        """Return the transaction that still owes an answer, by its number."""
        return self._by_number.get(number)

    def respond(
        self, server: ServerTransaction, status: int, now: float, headers: Mapping[str, list[str]] | None = None
    ) -> None:
        """Give the final answer; silently none when the client has given up by now (RFC 4320 4.2)."""
        self._by_number.pop(server.number, None)
        limit = self._around.timing.limit
        if now - server.created >= limit:
            self._forget_server(server)
            return
        tag = self._around.tokens(8)  # the answer itself is kept for retransmissions
        server.response = write_response(server.request, status, tag, headers, server.flow.peer)
        self._send_response(server.response, server.request, server.flow)
        is_call = server.request.method == "INVITE"
        if is_call and len(self._servers) - len(self._by_number) <= MAX_UNACKNOWLEDGED:
            server.state = State.COMPLETED
            self._resend_until_ack(server, now)
            return
        self._forget_server(server)
        if not is_call and not server.flow.is_stream:
            self._answers.keep(server.key, server.response, now + limit, len(server.response))

    def _send_response(self, data: bytes, request: Request, flow: Flow) -> None:
        self.wires.send(flow, data, None if flow.is_stream else request.via.reply_address(flow.peer))

    def _tag(self, request: Request) -> str:
        """Return our tag: the same for every retransmission, without keeping it (8.2.7)."""
        text = f"{request.call_id}\n{request.first('from')}\n{request.first('cseq')}"
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8, key=self._tag_key).hexdigest()

    # --- INVITE -----------------------------------------------------------------------------------------------------

    def invite_is_known(self, cancel: Request) -> bool:
        """Return whether the INVITE that a CANCEL names is known."""
        return replace(cancel, method="INVITE").transaction in self._servers

    def _resend_until_ack(self, server: ServerTransaction, now: float) -> None:
        timing = self._around.timing
        server.timers.append(self.agenda.at(now + timing.limit, lambda _now: self._forget_server(server)))
        if not server.flow.is_stream:
            self._plan_timer_g(server, timing.t1, now)

    def _plan_timer_g(self, server: ServerTransaction, interval: float, now: float) -> None:
        def handle_timer_g(now: float) -> None:
            self._send_response(server.response, server.request, server.flow)
            self._plan_timer_g(server, min(2 * interval, self._around.timing.t2), now)

        server.timers[1:] = [self.agenda.at(now + interval, handle_timer_g)]

    def _confirm(self, server: ServerTransaction, now: float) -> None:
        if server.state is not State.COMPLETED:
            return
        server.state = State.CONFIRMED
        server.stop_timers()
        linger = 0.0 if server.flow.is_stream else self._around.timing.t4
        self.agenda.at(now + linger, lambda _now: self._forget_server(server))

    # --- asking -----------------------------------------------------------------------------------------------------

    def request(
        self, request: Request, flow: Flow, now: float, on_result: Callable[[Response | Failure, float], None]
    ) -> ClientTransaction:
        """Send a request of ours; its Via is added here."""
        branch = f"{MAGIC_COOKIE}{self._around.tokens(10)}"
        data = self.draw_up(request, flow.transport, branch)
        client = ClientTransaction((branch, request.method), data, flow, self._means, on_result)
        self._clients[client.key] = client
        client.start(now)
        return client

    def draw_up(self, request: Request, transport: str, branch: str) -> bytes:
        """Return the request as it goes out."""
        via = f"SIP/2.0/{transport} {self._around.sent_by()};branch={branch};rport"
        return request.to_bytes(via)

    def connection_lost(self, number: int, now: float) -> None:
        """Fail what waits for answers on a stream connection."""
        self.wires.connections.pop(number, None)
        for client in [client for client in self._clients.values() if client.flow.connection == number]:
            client.fail(Failure.UNREACHABLE, now)

    # --- forgetting -------------------------------------------------------------------------------------------------

    def _forget_server(self, server: ServerTransaction) -> None:
        server.stop_timers()
        if self._servers.get(server.key) is server:
            del self._servers[server.key]

    def _forget_client(self, client: ClientTransaction, until: float | None) -> None:
        """Forget a client transaction; its answer may come again `until` then (timer K)."""
        self._clients.pop(client.key, None)
        if until is not None:
            self._finished.keep(client.key, True, until)  # noqa: FBT003 - a set would not fade

    @property
    def size(self) -> int:
        """How many transactions are held."""
        return len(self._servers) + len(self._clients) + len(self._answers) + len(self._finished)


@lru_cache(maxsize=REMEMBERED)
def datagram_flow(source: tuple[str, int]) -> Flow:
    """Return the flow of a datagram's sender."""
    return Flow(UDP, source)


def sent_by(host: str, port: int) -> str:
    """Return host and port for Via; the default port is written too, some phones need it."""
    return f"{host}:{port or DEFAULT_PORT}"
