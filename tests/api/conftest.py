"""The API over a real engine and store, spoken to through a socket."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import BaseTestServer, TestClient
from aiohttp.web import BaseRequest, ServerRunner
from multidict import CIMultiDict

from gatewayd.api import ApiOptions, build_runner, build_server
from gatewayd.clock import settle
from gatewayd.engine.sessions import Sessions
from gatewayd.model import Role
from gatewayd.passwords import cheap_for_tests, hash_password
from tests.engine.conftest import DOCTOR, SITE, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from aiohttp import ClientResponse

    from gatewayd.api.app import ApiServer
    from gatewayd.model import Site

PASSWORD = "canary-password-7319"
OTHER_ROLE = {DOCTOR: Role.OPERATOR}

Client = TestClient[BaseRequest, None]


@cache
def password_hash() -> str:
    """A hash at the least cost, or every login would take a tenth of a second."""
    with cheap_for_tests():
        return hash_password(PASSWORD)


def site_with_passwords() -> Site:
    users = (
        replace(user, password_hash=password_hash(), role=OTHER_ROLE.get(user.id, user.role)) for user in SITE.users
    )
    return replace(SITE, users=tuple(users))


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDict[str]
    text: str
    json: Any

    @property
    def error(self) -> dict[str, str]:
        found: dict[str, str] = self.json["error"]
        return found


class How(TypedDict, total=False):
    """What a request may carry."""

    data: Any
    json: Any


class Person:
    """Somebody with a token, or a browser with a cookie."""

    def __init__(self, client: Client, token: str = "") -> None:
        self.client = client
        self.token = token

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **how: Unpack[How]) -> Answer:
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = shown | (headers or {})
        async with self.client.request(method, path, headers=sent, allow_redirects=False, **how) as response:
            return await to_answer(response)

    async def get(self, path: str) -> Answer:
        """Ask for JSON."""
        return await self.ask("GET", with_json(path))

    async def post(self, path: str, **how: Unpack[How]) -> Answer:
        return await self.ask("POST", with_json(path), **how)

    async def page(self, path: str) -> Answer:
        """Ask for html, as a browser does."""
        return await self.ask("GET", path, headers={"Accept": "text/html"})

    async def submits(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form as a browser does."""
        origin = {"Origin": str(self.client.make_url("")).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        sent = {"Accept": "text/html"} | origin | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", path, headers={name: value for name, value in sent.items() if value}, data=fields)


def with_json(path: str) -> str:
    return path if re.search(r"[?&][fF]=", path) else f"{path}{'&' if '?' in path else '?'}f=json"


async def to_answer(response: ClientResponse) -> Answer:
    text = await response.text()
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return Answer(
        response.status, CIMultiDict(response.headers), text, await response.json() if is_json and text else None
    )


class Server(BaseTestServer):
    """The server as the daemon runs it."""

    def __init__(self, made: ApiServer) -> None:
        super().__init__()
        self._made = made

    async def _make_runner(self, **_: object) -> ServerRunner:
        return build_runner(self._made)


class Gateway(Box):
    """A box with its API listening."""

    client: Client

    def __init__(self, data: Path) -> None:
        super().__init__(data, site_with_passwords())
        self.sessions = Sessions(self.engine)

    async def logs_in(self, name: str, path: str = "/api/tokens/generatetoken") -> Person:
        stranger = Person(self.client)
        answer = await stranger.post(path, data={"username": name, "password": PASSWORD})
        return Person(self.client, answer.json["token"])

    async def opens_browser(self, name: str) -> Person:
        """A person whose browser keeps the cookie of the login form."""
        client: Client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        await client.start_server()
        self.browsers.append(client)
        person = Person(client)
        answer = await person.submits("/api/tokens/generatetoken", {"username": name, "password": PASSWORD})
        assert answer.status == 200
        return person

    async def serve(self, options: ApiOptions | None = None) -> None:
        self.browsers: list[Client] = []
        self.server = Server(build_server(self.engine, self.sessions, options))
        self.client = TestClient(self.server)
        await self.client.start_server()

    async def passes(self, seconds: float) -> None:
        await super().passes(seconds)
        await self.store.written()  # on a slow disk commits run in a thread
        await settle()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let every write fail."""
        self.store._connection.execute("PRAGMA query_only = ON")
        yield
        self.store._connection.execute("PRAGMA query_only = OFF")

    async def end(self) -> None:
        for client in self.browsers:
            await client.session.close()
        await self.client.close()
        await self.sessions.close()
        await self.engine.stop()
        self.store.close()


@pytest.fixture(autouse=True, scope="module")
def _cheap_passwords() -> Iterator[None]:
    """Let no test wait for scrypt."""
    with cheap_for_tests():
        yield


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    opened = Gateway(tmp_path)
    await settle()
    await opened.serve()
    yield opened
    await opened.end()


@pytest.fixture
async def nurse(gateway: Gateway) -> Person:
    return await gateway.logs_in("nurse")


@pytest.fixture
async def doctor(gateway: Gateway) -> Person:
    return await gateway.logs_in("doctor")


@pytest.fixture
async def admin(gateway: Gateway) -> Person:
    return await gateway.logs_in("admin")


@pytest.fixture
def stranger(gateway: Gateway) -> Person:
    return Person(gateway.client)
