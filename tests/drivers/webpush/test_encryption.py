"""Encryption and tokens: both ends against the RFCs and against each other."""

from __future__ import annotations

import base64
import json

import http_ece
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.webpush.encryption import encrypt, encrypt_with, receiver
from drivers.webpush.payload import MOST_BYTES
from drivers.webpush.receiving import Browser, NoAuthorization, from_base64url, to_base64url, verify_vapid
from drivers.webpush.vapid import (
    LIFETIME,
    MOST_TOKENS,
    RENEW_AFTER,
    Signer,
    load_key,
    new_key,
    public_der,
    vapid_public_der_base64,
    vapid_public_raw_base64url,
)
from gatewayd.errors import RemoteProtocolError
from tests.drivers.webpush.house import START, SUBJECT

# RFC 8291 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQp"
    "u6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ORIGIN = "https://push.example.net"
PEM = new_key()


def rfc_browser() -> Browser:
    return Browser.of(from_base64url(RECEIVER), from_base64url(AUTH))


def encrypted_for(browser: Browser, content: bytes) -> bytes:
    return encrypt(content, receiver(**browser.keys()))


# --- RFC 8291 ---------------------------------------------------------------------------------------------------------


def test_browser_reads_the_example_of_rfc_8291() -> None:
    browser = rfc_browser()
    assert to_base64url(browser.public) == RECEIVER_PUBLIC
    assert browser.decrypt(from_base64url(BODY)) == PLAINTEXT


def test_the_example_of_rfc_8291_is_encrypted_to_the_last_bit() -> None:
    key = Browser.of(from_base64url(SENDER), b"").key
    assert (
        to_base64url(encrypt_with(PLAINTEXT, receiver(RECEIVER_PUBLIC, AUTH), key, from_base64url(BODY)[:16])) == BODY
    )


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=MOST_BYTES), st.binary(min_size=16, max_size=16))
def test_the_library_encrypts_with_the_same_key_and_salt_to_the_same(content: bytes, salt: bytes) -> None:
    key, to = Browser.new().key, receiver(RECEIVER_PUBLIC, AUTH)
    theirs = http_ece.encrypt(content, salt, private_key=key, dh=to.point, auth_secret=to.auth, version="aes128gcm")
    assert encrypt_with(content, to, key, salt) == theirs


def test_every_push_has_a_key_and_a_salt_of_its_own() -> None:
    bodies = [encrypted_for(rfc_browser(), PLAINTEXT) for _ in range(20)]
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 20


def test_what_we_encrypt_for_the_receiver_of_rfc_8291_is_read_by_it() -> None:
    body = encrypted_for(rfc_browser(), PLAINTEXT)
    assert len(body) == len(from_base64url(BODY))
    assert body[16:21] == from_base64url(BODY)[16:21]  # record size 4096, key of 65 bytes
    assert rfc_browser().decrypt(body) == PLAINTEXT


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=MOST_BYTES))
def test_every_content_arrives_as_it_was(content: bytes) -> None:
    browser = rfc_browser()
    assert browser.decrypt(encrypted_for(browser, content)) == content


def test_greatest_payload_makes_a_body_of_exactly_4096_bytes() -> None:
    body = encrypted_for(rfc_browser(), bytes(MOST_BYTES))
    assert len(body) == 4096
    assert rfc_browser().decrypt(body) == bytes(MOST_BYTES)


@pytest.mark.parametrize("position", [0, 20, 30, 90, 120])
def test_damaged_push_is_not_read(position: int) -> None:
    body = bytearray(from_base64url(BODY))
    body[position] ^= 1
    with pytest.raises(RemoteProtocolError):
        rfc_browser().decrypt(bytes(body))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_not_read(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        rfc_browser().decrypt(body)


def test_push_for_somebody_else_is_not_read() -> None:
    with pytest.raises(RemoteProtocolError, match="somebody else"):
        rfc_browser().decrypt(encrypted_for(Browser.new(), b"secret"))


@pytest.mark.parametrize("padding", [b"\x02", b"\x02\x00", b"\x02" + bytes(500)])
def test_padding_of_the_last_record_is_taken_off(padding: bytes) -> None:
    assert rfc_browser().decrypt(_record(b"FIRE" + padding)) == b"FIRE"


@pytest.mark.parametrize("wrong", [b"", b"\x00", b"\x01", b"FIRE\x02\x00\x01"])
def test_push_with_other_padding_is_not_read(wrong: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        rfc_browser().decrypt(_record(wrong))


def _record(padded: bytes) -> bytes:
    """Encrypt one record with the keys of the RFC's example, whatever its padding."""
    body = from_base64url(BODY)
    content_key, nonce = rfc_browser()._derive(body[21:86], body[:16])
    return body[:86] + AESGCM(content_key).encrypt(nonce, padded, None)


# --- RFC 8292 ---------------------------------------------------------------------------------------------------------


def test_public_key_is_91_bytes_of_der_that_end_with_the_point() -> None:
    der = base64.b64decode(vapid_public_der_base64(PEM), validate=True)
    assert len(der) == 91
    assert vapid_public_raw_base64url(PEM) == to_base64url(der[-65:])
    assert der[-65] == 4
    assert public_der(PEM) == der


@pytest.mark.parametrize("pem", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_damaged_key_is_refused_without_showing_it(pem: str) -> None:
    with pytest.raises(ValueError, match=r"^the VAPID key is not an unencrypted private key in PEM$"):
        load_key(pem)


def test_key_of_another_curve_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="P-256"):
        load_key(pem)


@pytest.mark.parametrize("origin", [ORIGIN, "https://push.example.net:8443", "http://[fd00::1]:8080"])
def test_token_says_for_whom_until_when_and_from_whom(origin: str) -> None:
    header = Signer(PEM, SUBJECT).authorization(origin, START)
    claims, public = verify_vapid(header, origin, START)
    assert claims == {"aud": origin, "exp": START + LIFETIME, "sub": SUBJECT}
    assert to_base64url(public) == vapid_public_raw_base64url(PEM)
    assert LIFETIME <= 12 * 3600


def test_token_is_kept_for_each_origin_until_half_of_its_life_is_over() -> None:
    signer = Signer(PEM, SUBJECT)
    first = signer.authorization(ORIGIN, START)
    other = signer.authorization("https://other.example", START)
    assert other != first
    assert signer.authorization(ORIGIN, START + RENEW_AFTER - 1) == first
    renewed = signer.authorization(ORIGIN, START + RENEW_AFTER)
    assert verify_vapid(renewed, ORIGIN, START + RENEW_AFTER)[0]["exp"] == START + RENEW_AFTER + LIFETIME
    assert signer.authorization("https://other.example", START + 1) == other


def test_token_is_signed_anew_when_the_wall_clock_went_back() -> None:
    signer = Signer(PEM, SUBJECT)
    signer.authorization(ORIGIN, START)
    back = START - 365 * 86_400
    assert verify_vapid(signer.authorization(ORIGIN, back), ORIGIN, back)


def test_tokens_of_only_so_many_origins_are_kept() -> None:
    signer = Signer(PEM, SUBJECT)
    first = signer.authorization("https://0.example", START)
    for number in range(1, MOST_TOKENS + 1):
        signer.authorization(f"https://{number}.example", START)
    assert len(signer._tokens) == MOST_TOKENS
    assert signer.authorization("https://0.example", START) != first  # ECDSA signs differently each time


def test_service_sees_through_a_wrong_token() -> None:
    header = Signer(PEM, SUBJECT).authorization(ORIGIN, START)
    for audience, now in ((f"{ORIGIN}:444", START), (ORIGIN, START + LIFETIME + 61), (ORIGIN, START - 13 * 3600)):
        with pytest.raises(RemoteProtocolError):
            verify_vapid(header, audience, now)
    with pytest.raises(RemoteProtocolError, match="signature"):
        verify_vapid(header.replace("k=B", "k=C"), ORIGIN, START)
    with pytest.raises(RemoteProtocolError, match="signature"):
        verify_vapid(
            _with_claims(header, {"aud": ORIGIN, "exp": START + 60, "sub": "mailto:evil@x.example"}), ORIGIN, START
        )
    for nothing in ("", "Bearer abc", "vapid t=abc", "WebPush a.b.c"):
        with pytest.raises(NoAuthorization):
            verify_vapid(nothing, ORIGIN, START)


def _with_claims(header: str, claims: dict[str, object]) -> str:
    head, _, rest = header.partition(".")
    return f"{head}.{to_base64url(json.dumps(claims).encode())}.{rest.partition('.')[2]}"
