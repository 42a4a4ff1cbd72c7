"""A phone, sans-IO: registers, receives MESSAGE, sends MESSAGE. The other end of the line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from drivers.sip.asking import credentials_for
from drivers.sip.content import read_content
from drivers.sip.core import Core, Outside
from drivers.sip.digest import Account
from drivers.sip.events import ConnectionWanted
from drivers.sip.flow import UDP, Flow
from drivers.sip.grammar import DEFAULT_PORT
from drivers.sip.message import Request, Response
from drivers.sip.uri import address_of_record, host_of_uri
from gatewayd.simulator import Faults, SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.timing import Deadline
    from drivers.sip.transactions import Failure
    from gatewayd.driver import Address

# Seconds until a registration that failed is tried again.
RETRY_REGISTER = 5.0
NOISE = b"\x00\xff garbled \r\n\r\n"


class PhoneSettings(SimulatorSettings):
    """Whose phone it is and where the gateway listens."""

    registrar_host: str = Field("127.0.0.1", description="numeric address of the gateway")
    registrar_port: int = 5060
    registrar: str = Field("", description="the same as host:port, where given instead of the two")
    domain: str = Field("", description="default: registrar_host")
    user: str = "2001"
    password: str = Field("", repr=False)
    transport: Literal["udp", "tcp", "tls"] = "udp"
    tls_authority: str = Field("", description="PEM file; whom the phone trusts (transport tls)")
    host: str = Field("127.0.0.1", description="own address")
    port: int = Field(0, description="own port; 0 takes any free one")
    register_for: int = Field(300, description="seconds for which the phone registers; 0: it does not")
    gateway_user: str = Field("alarm", description="whom the phone writes to")
    answer: str = Field("", description="what the phone replies by itself; {code} stands for the #code of the text")
    answer_after: float = Field(0.0, description="seconds between the first text with a code and that reply")
    refuse_with: int = Field(486, description="status of a refusal (fault nak)")
    late: float = Field(10.0, description="seconds of delay of a late answer (fault late)")

    @property
    def gateway(self) -> Address:
        """Where the phone registers."""
        if not self.registrar:
            return self.registrar_host, self.registrar_port
        host, _, port = self.registrar.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class TextArrived:
    """The phone shows a text; `headers` are those of its request, by lower-case name."""

    text: str
    sender: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class RegistrationDone:
    """The registrar answered; 0 when it did not."""

    status: int


@dataclass(frozen=True, slots=True)
class Said:
    """The gateway answered a text of the phone; status 0 when it did not."""

    handle: int
    status: int


PhoneEvent = TextArrived | RegistrationDone | Said | ConnectionWanted


class Phone(Core[PhoneEvent]):
    """The user agent of one phone."""

    def __init__(self, settings: PhoneSettings, outside: Outside, faults: Faults) -> None:
        super().__init__(outside, (settings.host, settings.port or DEFAULT_PORT), idle_timeout=86_400.0)
        self.settings = settings
        self.faults = faults
        self._registrar: Address = settings.gateway
        self._domain = host_of_uri(settings.domain or self._registrar[0])
        self._flow: Flow | None = Flow(UDP, self._registrar) if settings.transport == "udp" else None
        self._account = Account(settings.user, settings.password)
        self._cseq = 0
        self._handles = 0
        self._call_id = outside.tokens(12)
        self._backlog: list[Callable[[Flow, float], None]] = []
        self._refresh: Deadline | None = None

    # --- asking -----------------------------------------------------------------------------------------------------

    def register(self, now: float, seconds: int | None = None) -> None:
        """Register for `seconds` (0: sign off; default: as the settings say)."""
        lifetime = self.settings.register_for if seconds is None else seconds
        parameter = "" if self.settings.transport == "udp" else f";transport={self.settings.transport}"
        contact = f"<sip:{self.settings.user}@{self.sent_by()}{parameter}>"
        own = f"<{self._aor(self.settings.user)}>"
        headers = {"to": [own], "call-id": [self._call_id], "contact": [contact], "expires": [str(lifetime)]}
        request = self._request("REGISTER", f"sip:{self._domain}", headers)
        self._ask(request, lambda result, now: self._registered(result, lifetime, now), now)

    def _registered(self, result: Response | None, lifetime: int, now: float) -> None:
        status = result.status if result is not None else 0
        self.events.append(RegistrationDone(status))
        if self._refresh is not None:
            self._refresh.cancel()
        if lifetime:
            delay = lifetime / 2 if status == 200 else RETRY_REGISTER  # noqa: PLR2004 - OK
            self._refresh = self.layer.agenda.at(now + delay, self.register)

    def say(self, text: str, now: float, to: str = "") -> int:
        """Send a text to the gateway (or to another user of it); `Said` brings the answer."""
        self._handles += 1
        handle = self._handles
        aor = self._aor(to or self.settings.gateway_user)
        call_id, content_type = self.outside.tokens(12), "text/plain;charset=UTF-8"
        headers = {"to": [f"<{aor}>"], "call-id": [call_id], "content-type": [content_type]}
        request = self._request("MESSAGE", aor, headers, text.encode())

        def on_answer(result: Response | None, now: float) -> None:
            del now
            self.events.append(Said(handle, result.status if result is not None else 0))

        self._ask(request, on_answer, now)
        return handle

    def _request(self, method: str, uri: str, headers: dict[str, list[str]], body: bytes = b"") -> Request:
        self._cseq += 1
        common = {
            "max-forwards": ["70"],
            "from": [f"<{self._aor(self.settings.user)}>;tag={self.outside.tokens(6)}"],
            "cseq": [f"{self._cseq} {method}"],
        }
        return Request({**common, **headers}, body, method, uri)

    def _ask(self, request: Request, then: Callable[[Response | None, float], None], now: float) -> None:
        """Send a request, once more with credentials when it is challenged."""

        def on_result(result: Response | Failure, now: float) -> None:
            if not isinstance(result, Response):
                then(None, now)
                return
            again = self._with_credentials(request, result)
            if again is None:
                then(result, now)
            else:
                self._send(again, lambda last, now: then(last if isinstance(last, Response) else None, now), now)

        self._send(request, on_result, now)

    def _with_credentials(self, request: Request, response: Response) -> Request | None:
        credentials = credentials_for(response, self._account, request, self.outside.tokens(8))
        if credentials is None:
            return None
        self._cseq += 1
        cseq = [f"{self._cseq} {request.method}"]
        return replace(request, headers={**request.headers, "cseq": cseq, **credentials})

    def _send(self, request: Request, on_result: Callable[[Response | Failure, float], None], now: float) -> None:
        if self._flow is not None and self.layer.wires.alive(self._flow):
            self.layer.request(request, self._flow, now, on_result)
            return
        self._backlog.append(lambda flow, now: _forget(self.layer.request(request, flow, now, on_result)))
        if len(self._backlog) == 1:
            self.events.append(ConnectionWanted(self._registrar, self.settings.transport.upper()))

    def connection_made(self, wanted: ConnectionWanted, flow: Flow | None, now: float) -> None:
        """Take the connection to the gateway, or try again later."""
        if flow is None:
            self.layer.agenda.at(now + RETRY_REGISTER, lambda _now: self.events.append(wanted))
            return
        self._flow = flow
        backlog, self._backlog = self._backlog, []
        for send in backlog:
            send(flow, now)

    def _aor(self, user: str) -> str:
        return address_of_record(user, self._domain)

    # --- being asked ------------------------------------------------------------------------------------------------

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram; a dead phone hears nothing."""
        if not self.faults.standing("dead"):
            super().receive_datagram(data, source, now)

    def on_request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a new request, or misbehave as planned."""
        if self.faults.standing("dead"):
            return
        if request.method == "OPTIONS":
            self.layer.reply(request, flow, 200)
        elif request.method != "MESSAGE":
            self.layer.reply(request, flow, 405, {"allow": ["MESSAGE, OPTIONS"]})
        elif self.faults.take("garble"):
            self.layer.wires.send(flow, NOISE)
        elif not self.faults.take("drop"):
            self._take_text(request, flow, now)

    def _take_text(self, request: Request, flow: Flow, now: float) -> None:
        server = self.layer.begin(request, flow, now)
        if server is None:
            return
        if self.faults.take("nak"):
            self.layer.respond(server, self.settings.refuse_with, now)
            return
        headers = {name: values[0] for name, values in request.headers.items()}
        text = read_content(request.first("content-type"), request.body).text
        self.events.append(TextArrived(text, request.from_.uri, headers))
        if self.faults.take("late"):
            self.layer.agenda.at(now + self.settings.late, lambda now: self.layer.respond(server, 200, now))
        else:
            self.layer.respond(server, 200, now)


def _forget(_: object) -> None:
    """Drop a value that is of no use."""
