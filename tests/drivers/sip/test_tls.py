"""SIP over TLS: a phone registers and is paged on its own connection; who is not trusted gets nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from drivers.sip import DRIVER, SETTINGS
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import AlarmActivated, TextReceived
from tests.drivers.sip.net import FakeLine, page, settings
from tests.drivers.sip.test_line_on_sockets import gateway, phone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from drivers.sip.driver import SipDriver
    from gatewayd.driver import Receipt
    from gatewayd.model import Page


def make_certificate(path: Path, name: x509.GeneralName, passphrase: bytes = b"") -> Path:
    """Write certificate and key of one name into one file; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, form, lock)
    )
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1 in one file; its own authority."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "gateway.pem", x509.IPAddress(ip_address("127.0.0.1")))


async def test_a_phone_registers_over_tls_and_is_paged_on_its_connection(certificate: Path) -> None:
    line = FakeLine()
    async with gateway(line, tls_port=0, tls_certificate=str(certificate)) as driver:
        assert driver.tls_bound is not None
        secure = {"transport": "tls", "tls_authority": str(certificate), "registrar_port": driver.tls_bound[1]}
        async with phone(driver, **secure) as handset:
            assert handset.registration_status == 200
            assert (await driver.send(page("FIRE #1"))).outcome is Outcome.RECEIVED
            shown = await handset.expect("FIRE")
            assert shown.headers["via"].startswith("SIP/2.0/TLS ")
            assert await handset.reply("#1") == 200
            assert line.said == [("2001", "OK #1")]
            assert driver._session is not None
            assert len(driver._session._sockets._adapters) == 1


async def test_a_phone_whose_connection_is_gone_is_not_reached_without_tls(certificate: Path) -> None:
    async with gateway(FakeLine(), tls_port=0, tls_certificate=str(certificate)) as driver:
        assert driver.tls_bound is not None
        secure = {"transport": "tls", "tls_authority": str(certificate), "registrar_port": driver.tls_bound[1]}
        async with phone(driver, **secure) as handset:
            assert driver._session is not None
            for adapter in list(driver._session._sockets._adapters.values()):
                adapter.abort()
            await asyncio.sleep(0.01)
            assert (await driver.send(page())).outcome is Outcome.FAILED
            assert handset.messages == []


async def test_old_versions_of_tls_are_refused(certificate: Path) -> None:
    async with gateway(FakeLine(), tls_port=0, tls_certificate=str(certificate)) as driver:
        assert driver.tls_bound is not None
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(certificate)
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(*driver.tls_bound, ssl=old)


async def test_only_phones_with_a_certificate_get_in_when_told_so(certificate: Path) -> None:
    files = {"tls_certificate": str(certificate), "tls_client_authority": str(certificate)}
    async with gateway(FakeLine(), tls_port=0, **files) as driver:
        assert driver.tls_bound is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(certificate)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await _ping(driver.tls_bound, context)
        context.load_cert_chain(certificate)
        assert await _ping(driver.tls_bound, context) == b"\r\n"


async def _ping(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    """With TLS 1.3 a client learns only at its first read that it was refused."""
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    writer.write(b"\r\n\r\n")
    try:
        answer = await asyncio.wait_for(reader.read(2), 5)
    finally:
        writer.transport.abort()
    if not answer:
        message = "the connection was closed"
        raise ConnectionError(message)
    return answer


async def test_files_that_cannot_be_used_keep_the_line_down(tmp_path: Path) -> None:
    missing = DRIVER(FakeLine(), SETTINGS(port=0, tls_port=0, tls_certificate=str(tmp_path / "none.pem")))
    with pytest.raises(LineDown, match="TLS files"):
        await missing.run()


async def test_a_locked_key_keeps_the_line_down_and_nobody_is_asked_for_its_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_certificate(tmp_path / "locked.pem", x509.IPAddress(ip_address("127.0.0.1")), b"secret words")
    asked: list[str | None] = []
    load = ssl.SSLContext.load_cert_chain

    def load_cert_chain(context: ssl.SSLContext, file: str, key: str | None, password: str | None = None) -> None:
        asked.append(password)
        load(context, file, key, password or "")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    with pytest.raises(LineDown, match="TLS files"):
        await DRIVER(FakeLine(), SETTINGS(port=0, tls_port=0, tls_certificate=str(path))).run()
    assert asked == [""]  # None would have the library ask at the terminal, and everything waits


def test_tls_needs_a_certificate() -> None:
    with pytest.raises(ValidationError, match="tls_certificate"):
        settings(tls_port=5061)


# --- to a PBX ---------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def behind_a_pbx(
    line: FakeLine, beyond: FakeLine, certificate: Path, **pbx: str
) -> AsyncIterator[list[SipDriver]]:
    """A gateway, and another one that is its PBX: a registrar that asks for a password over TLS."""
    account = {"alarms": {"password": "pw"}}
    files = {"tls_certificate": str(certificate), "tls_port": 0, "recipients": ("*",)}
    async with gateway(beyond, accounts=account, domains=("pbx.site",), **files) as far:
        assert far.tls_bound is not None
        servers = (f"sips:127.0.0.1:{far.tls_bound[1]}",)
        given = {"servers": servers, "domain": "pbx.site", "user": "alarms", "password": "pw", **pbx}
        async with gateway(line, pbx=given, tls_authority=str(certificate)) as near:
            yield [near, far]


async def test_the_gateway_registers_at_a_pbx_over_tls_and_texts_go_both_ways(certificate: Path) -> None:
    line, beyond = FakeLine(), FakeLine()
    async with behind_a_pbx(line, beyond, certificate) as (near, far):
        receipt = await sent_when_registered(near, page("FIRE", "777"))
        assert receipt.outcome is Outcome.SENT  # 202: the other gateway stores it for somebody
        [text] = beyond.reports
        assert isinstance(text, TextReceived)
        assert (text.sender, text.recipient, text.text) == ("alarms", "777", "FIRE")
        assert beyond.counters["wrong_passwords"] == 0
        assert (await far.send(page("help in 12", "alarms"))).outcome is Outcome.RECEIVED
        assert line.said == [("alarm", "help in 12")]
        assert far._session is not None
        assert len(far._session._sockets._adapters) == 1


async def sent_when_registered(driver: SipDriver, one: Page) -> Receipt:
    """Send as soon as the gateway is registered at its PBX."""
    deadline = asyncio.get_running_loop().time() + 5
    receipt = await driver.send(one)
    while receipt.detail == "registered at no PBX" and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
        receipt = await driver.send(one)
    return receipt


async def test_a_pbx_whose_certificate_nobody_vouches_for_gets_no_password(certificate: Path, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other.pem", x509.IPAddress(ip_address("127.0.0.1")))
    line, beyond = FakeLine(), FakeLine()
    async with gateway(beyond, tls_port=0, tls_certificate=str(certificate)) as far:
        assert far.tls_bound is not None
        pbx = {"servers": (f"sip:127.0.0.1:{far.tls_bound[1]};transport=tls",), "user": "alarms", "password": "pw"}
        async with gateway(line, pbx=pbx, tls_authority=str(other)) as near:
            await asyncio.wait_for(line.reported.wait(), 5)
            [fault] = line.reports
            assert isinstance(fault, AlarmActivated)
            assert "no connection" in fault.text
            assert (await near.send(page("FIRE", "777"))).outcome is Outcome.FAILED
    assert beyond.memory.saved.keys() == {"nonce_key"}


async def test_a_certificate_for_a_name_is_taken_when_the_site_says_which(tmp_path: Path) -> None:
    named = make_certificate(tmp_path / "named.pem", x509.DNSName("pbx.site"))
    async with behind_a_pbx(FakeLine(), FakeLine(), named, tls_name="pbx.site") as (near, _):
        assert (await sent_when_registered(near, page("FIRE", "777"))).outcome is Outcome.SENT
    line = FakeLine()
    async with behind_a_pbx(line, FakeLine(), named) as (near, _):
        await asyncio.wait_for(line.reported.wait(), 5)
        assert (await near.send(page("FIRE", "777"))).outcome is Outcome.FAILED


@pytest.mark.parametrize("shown", [True, False], ids=["with", "without"])
async def test_a_pbx_that_wants_a_certificate_gets_ours(certificate: Path, shown: bool) -> None:  # noqa: FBT001
    files = {"tls_certificate": str(certificate), "tls_client_authority": str(certificate), "recipients": ("*",)}
    async with gateway(FakeLine(), accounts={"alarms": {"password": "pw"}}, tls_port=0, **files) as far:
        assert far.tls_bound is not None
        pbx = {"servers": (f"sips:127.0.0.1:{far.tls_bound[1]}",), "user": "alarms", "password": "pw"}
        own = {"tls_certificate": str(certificate)} if shown else {}
        line = FakeLine()
        async with gateway(line, pbx=pbx, tls_authority=str(certificate), **own) as near:
            if not shown:
                await asyncio.wait_for(line.reported.wait(), 5)
            receipt = await (sent_when_registered(near, page("FIRE", "777")) if shown else near.send(page("F", "777")))
            assert receipt.outcome is (Outcome.SENT if shown else Outcome.FAILED)


def test_a_pbx_over_tls_needs_somebody_who_vouches_for_it() -> None:
    with pytest.raises(ValidationError, match="tls_authority"):
        settings(pbx={"servers": ("sips:10.0.0.2",), "user": "a", "password": "b"})
