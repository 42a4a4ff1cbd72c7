"""Linphone as a phone of the site: over UDP, TCP and TLS it registers, shows pages, says that it has them, answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from gatewayd.driver import Outcome
from gatewayd.model import PageConfirmed, PageState
from tests.drivers.sip.net import FakeLine, page
from tests.drivers.sip.test_kamailio import HOST, free_port
from tests.drivers.sip.test_line_on_sockets import gateway
from tests.drivers.sip.test_tls import make_certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.peer

CONFIGURATION = """
[sip]
bind_address={host}
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
guess_hostname=0
default_proxy=0
use_ipv6=0
register_only_when_network_is_up=0
root_ca={authority}
verify_server_certs=1
verify_server_cn=1

[proxy_0]
reg_proxy=<sip:{host}:{port};transport={transport}>
reg_identity=sip:2001@{host}
reg_expires=300
reg_sendregister=1
publish=0

[auth_info_0]
username=2001
passwd=s3cret
realm={host}
"""


class Linphone:
    """The console program, in a home of its own; what it writes is collected."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.written = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(4096):
            self.written += data.decode("utf-8", "replace")

    def order(self, line: str) -> None:
        """Type a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def stop(self) -> None:
        """Sign off and leave."""
        self.order("quit")
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def linphone(folder: Path, port: int, transport: str, authority: Path) -> AsyncIterator[Linphone]:
    found = shutil.which("linphonec")
    if found is None:
        pytest.skip("linphonec is not installed (Debian: linphone-cli)")
    ports = {name: free_port() if name == transport else 0 for name in ("udp", "tcp", "tls")}
    given = {"host": HOST, "port": port, "transport": transport, "authority": authority, **ports}
    (folder / "rc").write_text(CONFIGURATION.format(**given))
    (folder / ".local/share/linphone").mkdir(parents=True)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        found, "-c", f"{folder}/rc", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    phone = Linphone(process)
    try:
        yield phone
    finally:
        await phone.stop()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; fails after 20 s."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("linphone did not do it in 20 s")


@pytest.mark.parametrize("notifications", [True, False], ids=["cpim", "plain"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_linphone_is_paged_confirms_and_answers(tmp_path: Path, transport: str, notifications: bool) -> None:  # noqa: FBT001
    """It says on its own that it has a text, in packed bodies; a plain one it names by the Call-ID."""
    authority = make_certificate(tmp_path / "site.pem", x509.DNSName(HOST))
    line = FakeLine()
    given = {"tls_port": 0, "tls_certificate": str(authority), "notifications": notifications}
    async with gateway(line, **given) as driver:
        bound = driver.tls_bound if transport == "tls" else driver.bound
        assert bound is not None
        async with linphone(tmp_path, bound[1], transport, authority) as phone:
            await until(lambda: "bindings/2001" in line.memory.saved)
            receipt = await driver.send(page("FIRE 3 #12"))
            assert receipt.outcome is Outcome.RECEIVED
            await until(lambda: "FIRE 3 #12" in phone.written)
            confirmed = PageConfirmed(receipt.reference, PageState.RECEIVED, "the phone says so")
            await until(lambda: confirmed in line.reports)
            phone.order(f"chat sip:alarm@{HOST} OK #12")
            await until(lambda: line.said)
    assert line.said == [("2001", "OK #12")]
    assert line.counters["wrong_passwords"] == 0
    assert not any(key.startswith("habits/") for key in line.memory.saved)
    assert "bindings/2001" not in line.memory.saved
