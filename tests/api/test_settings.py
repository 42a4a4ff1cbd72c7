"""What `[api]` says is what the running daemon does."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gatewayd import settings, sitefile
from gatewayd.daemon import Daemon
from gatewayd.model import Role, Site, User
from gatewayd.settings import RunOptions
from gatewayd.store import open_store
from tests.api.conftest import PASSWORD, password_hash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONFIG = """
[gateway]
name = "House 3"
data_dir = "{folder}/data"
log_level = "error"
[api]
port = 0
prefixes = ["/Fusion"]
allowed_hosts = ["alarms.example"]
token_idle_minutes = 5
token_lifetime_days = 2
max_api_sessions = 5
contact_fields = ["Room"]
user_settings = ["language"]
ask_old_password = true
secure_cookies = true
trusted_proxies = ["127.0.0.0/8"]
proxy_header = "forwarded"
"""
PEOPLE = """
[site]
fallback = "user:admin"
[[user]]
name = "admin"
role = "admin"
password_hash = "{password_hash}"
"""
LOGIN = {"username": "admin", "password": PASSWORD}
Json = dict[str, Any]


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    (tmp_path / "data").mkdir()
    (tmp_path / "gatewayd.toml").write_text(CONFIG.format(folder=tmp_path), "utf-8")
    store = open_store(tmp_path / "data")
    people = sitefile.parse(PEOPLE.format(password_hash=password_hash()), "people")
    store.save_site(sitefile.merge(Site(), people, known_lines=frozenset()))
    store.close()
    async with AsyncExitStack() as stack:
        loaded = settings.load(tmp_path / "gatewayd.toml", env={})
        started = Daemon(loaded, RunOptions(demo=False, ready_file=None, config_file=None), stack)
        await started.start()
        yield started


@pytest.fixture
async def http(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(daemon.address.url) as opened:
        yield opened


async def logs_in(http: aiohttp.ClientSession) -> Json:
    async with http.post("/api/tokens/generatetoken?f=json", data=LOGIN) as answer:
        found: Json = await answer.json()
    return found


async def status(http: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with http.get(path, headers=headers) as answer:
        return answer.status


async def test_A33_as_many_sessions_are_open_as_the_settings_allow_and_for_as_long(
    daemon: Daemon, http: aiohttp.ClientSession
) -> None:
    answers = [await logs_in(http) for _ in range(5)]
    assert ["token" in answer for answer in answers] == [True] * 4 + [False]  # one user has four fifths at most
    assert answers[4]["error"]["description"] == "no free API session"
    assert daemon._sessions is not None
    limits = daemon._sessions.limits
    assert (limits.idle, limits.absolute, limits.max_sessions) == (300, 2 * 86_400, 5)


async def test_A04_the_prefixes_and_names_of_the_settings_are_served(http: aiohttp.ClientSession) -> None:
    for prefix, expected in (("", 200), ("/Fusion", 200), ("/fusion", 200), ("/Other", 404)):
        assert await status(http, f"{prefix}/api/docs") == expected, prefix
    for host, expected in (("alarms.example", 200), ("Alarms.Example:99", 200), ("evil.example", 400)):
        assert await status(http, "/api/docs", Host=host) == expected, host


async def test_the_box_shows_its_name(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/docs") as answer:
        assert '<span class="box">House 3</span>' in await answer.text()


async def test_a_cookie_is_for_secure_connections_where_the_settings_say_so(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/tokens/generatetoken", data=LOGIN) as answer:
        assert "Secure" in answer.headers["Set-Cookie"].split("; ")


async def test_a_proxy_of_the_settings_says_who_asks(daemon: Daemon, http: aiohttp.ClientSession) -> None:
    sent = {"Forwarded": "for=198.51.100.7", "X-Forwarded-For": "203.0.113.66"}
    async with http.post("/api/tokens/generatetoken?f=json", data=LOGIN, headers=sent) as answer:
        assert answer.status == 200
    assert daemon._sessions is not None
    assert [token.client.split()[0] for token in daemon._sessions._tokens.values()] == ["198.51.100.7"]


async def test_the_fields_and_settings_of_the_site_are_there(http: aiohttp.ClientSession) -> None:
    bearer = {"Authorization": f"Bearer {(await logs_in(http))['token']}"}
    async with http.get("/api/users/self?f=json", headers=bearer) as answer:
        assert (await answer.json())["language"] == ""
    async with http.get("/api/openapi.json") as answer:
        assert "Room" in (await answer.json())["components"]["schemas"]["Contact"]["properties"]


async def test_A27_programs_show_the_old_password_where_the_settings_want_it(http: aiohttp.ClientSession) -> None:
    bearer = {"Authorization": f"Bearer {(await logs_in(http))['token']}"}
    new = {"Password": "a new passphrase"}
    async with http.post("/api/users/self/password?f=json", headers=bearer, data=new) as answer:
        assert (answer.status, (await answer.json())["error"]["description"]) == (400, "old_password: is missing")


OPEN = """
[gateway]
data_dir = "{folder}/data"
log_level = "error"
[api]
host = "0.0.0.0"
port = 0
plain_http = true
"""


async def test_nobody_elsewhere_reaches_the_interface_before_an_admin_has_a_password(tmp_path: Path) -> None:
    (tmp_path / "gatewayd.toml").write_text(OPEN.format(folder=tmp_path), "utf-8")
    hosts = []
    async with AsyncExitStack() as stack:
        loaded = settings.load(tmp_path / "gatewayd.toml", env={})
        daemon = Daemon(loaded, RunOptions(demo=False, ready_file=None, config_file=None), stack)
        await daemon.start()
        for number, role, password in ((1, Role.USER, "hash"), (2, Role.ADMIN, ""), (3, Role.ADMIN, "hash")):
            who = User(number, "somebody", role=role, password_hash=password)
            daemon.engine.store.save_site(Site(users=(who,)))
            daemon.reload()
            assert daemon._moving is not None
            await daemon._moving
            hosts.append(daemon.address.host)
    assert hosts == ["127.0.0.1", "127.0.0.1", "0.0.0.0"]


async def test_an_address_that_this_machine_does_not_have_keeps_no_alarm_from_its_way(tmp_path: Path) -> None:
    config = OPEN.replace('"0.0.0.0"', '"192.0.2.77"').format(folder=tmp_path)
    (tmp_path / "gatewayd.toml").write_text(config, "utf-8")
    with closing(open_store(prepared(tmp_path / "data"))) as store:
        store.save_site(Site(users=(User(1, "admin", role=Role.ADMIN, password_hash="hash"),)))
    async with AsyncExitStack() as stack:
        loaded = settings.load(tmp_path / "gatewayd.toml", env={})
        daemon = Daemon(loaded, RunOptions(demo=False, ready_file=None, config_file=None), stack)
        await daemon.start()
        assert daemon.address.host == "127.0.0.1"


def prepared(folder: Path) -> Path:
    folder.mkdir()
    return folder
