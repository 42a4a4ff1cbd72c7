"""Where the API listens: TLS 1.2 or newer, plain http only where that was said, and nowhere else before an admin."""

from __future__ import annotations

import socket
import ssl
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from gatewayd.listening import HERE, Address, Listener
from gatewayd.sections import ApiSettings
from tests.transport.pem import Folder, certificate_pem, key_pem, make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVERYWHERE = "0.0.0.0"


@dataclass
class Box:
    """A server without operations, and whether its house has an admin."""

    runner: web.ServerRunner
    has_admin: bool = False

    def listener(self, **settings: object) -> Listener:
        return Listener(self.runner, ApiSettings.model_validate({"port": 0, **settings}), lambda: self.has_admin)


@asynccontextmanager
async def _running() -> AsyncIterator[Box]:
    async def hello(_: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    yield Box(runner)
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


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 80), "http://127.0.0.1:80/"),
        (Address("::", 80, tls=True), "https://127.0.0.1:80/"),
        (Address("fd00::1", 443, tls=True), "https://[fd00::1]:443/"),
    ],
)
def test_the_url_is_one_that_a_person_here_can_open(address: Address, url: str) -> None:
    assert address.url == url
