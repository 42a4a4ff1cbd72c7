"""Where the API listens: TLS 1.2 or newer, plain http only where that was said, and nowhere else before an admin."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from gatewayd.clock import ManualClock
from gatewayd.listening import HERE, Address, Listener
from gatewayd.sections import ApiSettings
from tests.transport.pem import Folder, certificate_pem, key_pem, make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVERYWHERE = "0.0.0.0"


@dataclass
class Fault:
    """What people were told."""

    stands: bool = False
    told: list[str] = field(default_factory=list)

    async def tell(self, reason: str) -> None:
        if self.stands != bool(reason):
            self.told.append(reason)
        self.stands = bool(reason)


@dataclass
class Box:
    """A server without operations, and whether its house has an admin."""

    runner: web.ServerRunner
    has_admin: bool = False
    clock: ManualClock = field(default_factory=ManualClock)
    fault: Fault = field(default_factory=Fault)
    opened: list[Listener] = field(default_factory=list)

    def listener(self, **settings: object) -> Listener:
        api = ApiSettings.model_validate({"port": 0, **settings})
        made = Listener(self.runner, api, lambda: self.has_admin, self.clock, self.fault)
        self.opened.append(made)
        return made

    async def passes(self, seconds: float) -> None:
        """Let time pass in small steps: a port is opened in between."""
        for _ in range(int(seconds)):
            await self.clock.advance(1)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _running() -> AsyncIterator[Box]:
    async def hello(_: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    box = Box(runner)
    yield box
    for listener in box.opened:
        await listener.close()
    await runner.cleanup()


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with _running() as box:
        yield box


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Certificate and key of this machine, as the settings name them."""
    key, folder = make_key(), Folder(tmp_path)
    return {
        "tls_certificate": folder.write("tls.pem", certificate_pem(key, begins=-5_000)),
        "tls_key": folder.write("tls.key", key_pem(key)),
    }


async def answer_of(listener: Listener, context: ssl.SSLContext | bool = True) -> str:  # noqa: FBT001, FBT002 - as aiohttp has it
    async with aiohttp.ClientSession() as http, http.get(listener.address.url, ssl=context) as answer:
        return await answer.text()


async def test_with_a_certificate_https_alone_is_spoken(box: Box, files: dict[str, str]) -> None:
    listener = box.listener(**files)
    await listener.open()
    assert listener.address.url.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=files["tls_certificate"])
    trusting.check_hostname = False
    assert await answer_of(listener, trusting) == "hello"
    plain = listener.address.url.replace("https", "http")
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession() as http, http.get(plain):
            raise AssertionError("answered")


async def test_old_versions_of_tls_are_refused(box: Box, files: dict[str, str]) -> None:
    listener = box.listener(**files)
    await listener.open()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientError):
        await answer_of(listener, old)


async def test_before_there_is_an_admin_it_is_this_machine_alone(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    listener = box.listener(host=EVERYWHERE, plain_http=True)
    await listener.open()
    assert listener.address.host == HERE
    assert "no admin" in caplog.text
    await listener.follow()
    assert listener.address.host == HERE
    box.has_admin = True
    await listener.follow()
    assert listener.address.host == EVERYWHERE
    assert await answer_of(listener) == "hello"
    assert len(box.runner.addresses) == 1


async def test_with_an_admin_it_listens_where_the_settings_say(box: Box) -> None:
    box.has_admin = True
    listener = box.listener(host=EVERYWHERE, plain_http=True)
    await listener.open()
    before = listener.address
    await listener.follow()
    assert listener.address == before == Address(EVERYWHERE, before.port)


async def test_files_that_cannot_be_used_leave_this_machine_alone(
    box: Box, files: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box.has_admin = True
    listener = box.listener(host=EVERYWHERE, **(files | {"tls_key": str(tmp_path / "none.key")}))
    await listener.open()
    assert listener.address == Address(HERE, listener.address.port)
    assert await answer_of(listener) == "hello"
    assert "No such file" in caplog.text


async def test_a_site_read_anew_while_a_certificate_is_being_replaced_moves_nothing(
    box: Box, files: dict[str, str]
) -> None:
    box.has_admin = True
    listener = box.listener(host=EVERYWHERE, **files)
    await listener.open()
    before = listener.address
    Path(files["tls_certificate"]).unlink()  # noqa: ASYNC240 - a file of the test
    await listener.follow()
    assert listener.address == before
    assert before.tls


async def test_a_place_that_is_taken_meanwhile_leaves_it_where_it_was(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        listener = box.listener(host=EVERYWHERE, port=taken.getsockname()[1], plain_http=True)
        await listener.open()
        box.has_admin = True
        await listener.follow()
        assert listener.address.host == HERE
        assert await answer_of(listener) == "hello"
        assert f"cannot listen on {EVERYWHERE}" in caplog.text


ELSEWHERE = "192.0.2.77"  # RFC 5737: no machine has it


async def test_an_address_that_this_machine_does_not_have_yet_leaves_it_here_and_people_are_told_when_that_lasts(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    box.has_admin = True
    listener = box.listener(host=ELSEWHERE, plain_http=True)
    await listener.open()
    assert listener.address.host == HERE
    assert await answer_of(listener) == "hello"
    await box.passes(29)
    assert box.fault.told == []
    await box.passes(31)
    reason = f"cannot listen on {ELSEWHERE}, port 0: Cannot assign requested address"
    assert box.fault.told == [reason]
    assert caplog.text.count(reason) == 1
    assert len(box.runner.sites) == 1


async def test_a_port_that_is_taken_is_had_as_soon_as_it_is_free(box: Box) -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        taken.listen()
        port = taken.getsockname()[1]
        listener = box.listener(port=port)
        await listener.open()
        assert (listener.address, listener.address.url) == (Address("", 0), "")
        await box.passes(36)
        assert box.fault.stands
    await box.passes(6)
    assert listener.address == Address(HERE, port)
    assert await answer_of(listener) == "hello"
    assert box.fault.told == [f"cannot listen on {HERE}, port {port}: Address already in use", ""]
    assert box.clock.next_due() is None  # nothing is tried any more


async def test_a_port_taken_on_another_address_leaves_this_machine_its_own_until_it_is_free(box: Box) -> None:
    box.has_admin = True
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        listener = box.listener(host=EVERYWHERE, port=taken.getsockname()[1], plain_http=True)
        await listener.open()
        for _ in range(3):
            assert listener.address.host == HERE
            assert await answer_of(listener) == "hello"
            await box.passes(5)
    await box.passes(6)
    assert listener.address.host == EVERYWHERE
    assert await answer_of(listener) == "hello"
    assert box.fault.told == []


async def test_a_fault_from_before_a_restart_is_cleared_once_it_listens(box: Box) -> None:
    box.fault.stands = True
    listener = box.listener()
    await listener.open()
    await box.passes(6)
    assert box.fault.told == [""]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
async def test_a_name_that_means_nothing_leaves_it_here(host: str, box: Box) -> None:
    box.has_admin = True
    listener = box.listener(host=host, plain_http=True)
    await listener.open()
    assert listener.address.host == HERE


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 80), "http://127.0.0.1:80/"),
        (Address("::", 80, tls=True), "https://[::1]:80/"),
        (Address("0.0.0.0", 80), "http://127.0.0.1:80/"),
        (Address("fd00::1", 443, tls=True), "https://[fd00::1]:443/"),
    ],
)
def test_the_url_is_one_that_a_person_here_can_open(address: Address, url: str) -> None:
    assert address.url == url
