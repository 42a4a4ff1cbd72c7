"""nginx in front, as docs/proxy.md sets it up: TLS, the name of the site, a path of its own, and who really asks."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from gatewayd.api import ApiOptions
from tests.api.conftest import PASSWORD
from tests.scenarios.house import free_port
from tests.transport.pem import Folder, certificate_pem, key_pem, make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.timeout(30)]

DOCUMENTED = Path(__file__).parents[2] / "docs" / "proxy.md"
NAME = "alarms.example"
HERSELF = "127.0.0.2"  # the nurse's address; the proxy's is 127.0.0.1
CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def documented(port: int, behind: int, certificate: str, key: str) -> str:
    """Return the `server` of the documentation with our own ports and files."""
    found = re.search(r"^    server \{\n.*?^    \}\n", DOCUMENTED.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    text = found[0].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("50443", str(behind))
    return text.replace("/etc/ssl/alarms.pem", certificate).replace("/etc/ssl/alarms.key", key)


@asynccontextmanager
async def nginx(folder: Path, behind: int) -> AsyncIterator[int]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    key, files, port = make_key(), Folder(folder), free_port()
    certificate = files.write("tls.pem", certificate_pem(key, begins=-5_000))
    server = documented(port, behind, certificate, files.write("tls.key", key_pem(key)))
    config = files.write("nginx.conf", CONFIG.format(folder=folder, server=server).encode())
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(folder), "-e", "stderr", "-c", config, stderr=asyncio.subprocess.PIPE
    )
    try:
        await answers(process, port)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def answers(process: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(200):
        if process.returncode is not None:
            assert process.stderr is not None
            pytest.fail((await process.stderr.read()).decode())
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    pytest.fail("nginx does not listen")


async def test_a_nurse_signs_in_and_accepts_through_nginx_and_is_known_by_her_own_address(
    gateway: Gateway, tmp_path: Path
) -> None:
    await gateway.activates("12")
    await gateway.client.close()
    await gateway.serve(ApiOptions(trusted_proxies=("127.0.0.1",), allowed_hosts=(NAME,)))
    async with nginx(tmp_path, gateway.client.port or 0) as port, browser() as http:
        site = f"https://127.0.0.1:{port}"
        host = {"Host": NAME, "Origin": f"https://{NAME}", "Accept": "text/html"}
        form = {"username": "nurse", "password": PASSWORD}
        lie = {"X-Forwarded-For": "203.0.113.66", "X-Forwarded-Proto": "http", "Forwarded": "for=203.0.113.67"}
        async with http.post(f"{site}/ward7/api/tokens/generatetoken", data=form, headers=host | lie) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "Secure" in cookie.split("; ")
        assert [token.client.split()[0] for token in gateway.sessions._tokens.values()] == [HERSELF]
        shown = host | {"Cookie": cookie.partition(";")[0]}
        async with http.get(f"{site}/ward7/api/users/self/events/1", headers=shown) as answer:
            page = await answer.text()
        action = re.search(r'action="(/ward7/api/users/self/events/1/accept)"', page)
        token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
        assert action is not None
        assert token is not None
        async with http.post(f"{site}{action[1]}", data={"form_token": token[1]}, headers=shown) as answer:
            assert answer.status == 200
        async with http.get(f"{site}/ward7/", headers=shown, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/ward7/api/alarms/active"
    assert gateway.alarm().accepted_by is not None


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client that believes every certificate and keeps no cookies: it shows them itself."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=trusting, local_addr=(HERSELF, 0))
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http
