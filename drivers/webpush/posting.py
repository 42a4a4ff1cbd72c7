"""The way out: pywebpush's sender over an aiohttp session that reaches only what the policy allows.

Importing this module takes long (aiohttp, requests): `driver` does it when the line is opened. Everything that the
libraries raise is mapped here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pywebpush import WebPusher
from yarl import URL

from drivers.webpush.encryption import KEPT, Receiver, encrypt, receiver
from drivers.webpush.protocol import Answer, readable
from gatewayd.errors import DeliveryFailed, DeliveryFailedForGood, DeliveryFailedForNow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from drivers.webpush.settings import WebPushSettings
    from drivers.webpush.subscriptions import Subscription
    from drivers.webpush.urls import Origin, Policy

# Answers have no body worth reading; errors have a sentence.
MOST_ANSWER_BYTES = 65_536
READ_AT_ONCE = 4_096
# A name server that does not answer holds a thread: these are ours, so that nothing else of the box waits for them.
LOOKUPS = 4
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
NOT_REACHED: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "has a name that cannot be looked up"),
    (aiohttp.ClientSSLError, "shows no certificate that is trusted"),
    (aiohttp.ClientConnectorError, "cannot be connected to"),
    (aiohttp.ClientConnectionError, "closed the connection without an answer"),
    (OSError, "closed the connection without an answer"),
)


class NotReached(DeliveryFailedForNow):
    """Nobody answered at the other end: no address, no connection, or no answer in time."""


class ForbiddenAddress(OSError):
    """A name leads only to addresses that are not allowed."""


def look_up(host: str) -> list[str]:
    """Return the numeric addresses of a name. Blocks; raises OSError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError:
        raise OSError(f"{host} is not a host name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return whom to trust: the authorities of the system, and those of `ca_file`. Blocks; raises OSError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class CheckedResolver(AbstractResolver):
    """Looks a name up once and hands out only allowed addresses; the connection goes to exactly those."""

    def __init__(self, policy: Policy, lookup: Callable[[str], list[str]]) -> None:
        self._policy = policy
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="webpush-lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return where to connect. Raises OSError; ForbiddenAddress when every address is forbidden."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
        allowed = [address for address in found if self._policy.reaches(host, address)]
        if not found:  # the connector fails on an empty answer in its own way
            raise OSError(f"{host} has no address")
        if not allowed:
            raise ForbiddenAddress(f"{host} leads to {found[0]}")
        del family  # both kinds, as the connector asks for
        return [_result(host, address, port) for address in allowed]

    async def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Poster:
    """Makes pushes; one for each life of the line, to be made in the running loop."""

    def __init__(
        self,
        settings: WebPushSettings,
        context: ssl.SSLContext,
        lookup: Callable[[str], list[str]] = look_up,
    ) -> None:
        self._timeout = settings.timeout
        self._resolver = CheckedResolver(settings.policy(), lookup)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, limit=settings.parallel, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "gatewayd"},
        )
        self._carrier = Carrier(self._session)
        self._sender = lru_cache(maxsize=KEPT)(self._make_sender)

    async def push(self, subscription: Subscription, data: bytes, headers: dict[str, str]) -> Answer:
        """Encrypt and post. Raises DeliveryFailedForGood or DeliveryFailedForNow (NotReached when nobody answered)."""
        try:
            sender = self._sender(subscription)
        except ValueError:
            raise DeliveryFailedForGood("the keys of the subscription cannot be used") from None
        taken: Taken = await sender.send_async(data, headers, timeout=self._timeout)
        return taken.answer

    def _make_sender(self, subscription: Subscription) -> Sender:
        return Sender(subscription, receiver(subscription.p256dh, subscription.auth), self._carrier)

    async def reach(self, origin: Origin) -> None:
        """Show that a push service answers at all. Raises DeliveryFailed."""
        await self._carrier.ask("HEAD", f"{origin}/", timeout=self._timeout)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._resolver.close()


class Sender(WebPusher):  # type: ignore[misc]  # the library has no types
    """pywebpush's sender for one subscription; it encrypts by our own code, which takes half the time.

    `webpush_async` would make one anew, and copy the subscription, for every push.
    """

    def __init__(self, subscription: Subscription, to: Receiver, carrier: Carrier) -> None:
        super().__init__(subscription.info(), aiohttp_session=carrier)
        self._to = to

    def encode(self, data: bytes, content_encoding: str = "aes128gcm") -> dict[str, bytes]:
        """Return the body of a push."""
        del content_encoding
        return {"body": encrypt(data, self._to)}


class Carrier:
    """The session that pywebpush posts with.

    It follows no redirect, takes no more than `MOST_ANSWER_BYTES` and leaves secrets out of what it keeps.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(self, endpoint: str, *, timeout: float, data: bytes, headers: Mapping[str, str]) -> Taken:  # noqa: ASYNC109 - as pywebpush calls it
        """Post as aiohttp does. Raises DeliveryFailed."""
        secrets = (endpoint, headers.get("authorization", ""))
        return Taken(await self.ask("POST", endpoint, timeout=timeout, secrets=secrets, data=data, headers=headers))

    async def ask(
        self,
        method: str,
        url: str,
        *,
        timeout: float,  # noqa: ASYNC109 - aiohttp's
        secrets: tuple[str, ...] = (),
        **request: Any,  # noqa: ANN401 - as aiohttp takes it
    ) -> Answer:
        """Make the request and return the bounded answer, `secrets` left out. Raises DeliveryFailed."""
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), timeout=limit, allow_redirects=False, **request
            ) as response:
                body = await _first_bytes(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _mapped(error, timeout) from None
        said = "" if response.ok else readable(body.decode("utf-8", "replace"), *secrets)
        return Answer(response.status, said, response.headers.get("Retry-After", ""))


class Taken:
    """What pywebpush wants to see of an answer, and the answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.status = answer.status

    async def text(self) -> str:
        """Return nothing: what the service said is in the answer already."""
        return ""


async def _first_bytes(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of the body; whatever happens to the body, the status counts.

    A connection on which more would follow is closed and used no more.
    """
    first, taken = b"", 0
    try:
        while (chunk := await response.content.read(READ_AT_ONCE)) and taken < MOST_ANSWER_BYTES:
            first = first or chunk
            taken += len(chunk)
    except (aiohttp.ClientError, OSError):
        response.close()
    if taken >= MOST_ANSWER_BYTES:
        response.close()
    return first


def _mapped(error: Exception, timeout: float) -> DeliveryFailed:
    """Return our error for one of the library's, without any URL in it."""
    cause: object = getattr(error, "os_error", error)
    if isinstance(cause, ForbiddenAddress):
        return DeliveryFailedForGood(f"{cause}, which is not public; allow_hosts can list it")
    if isinstance(error, TimeoutError):
        return NotReached(f"the push service did not answer within {timeout:g} s")
    for kind, text in NOT_REACHED:
        if isinstance(error, kind):
            return NotReached(f"the push service {text}")
    return DeliveryFailedForNow(f"the push service gave an answer that is none: {type(error).__name__}")


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=NUMERIC)
