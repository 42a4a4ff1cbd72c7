"""What a browser hands over is checked before anybody relies on it, and never shown again."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.webpush.receiving import Browser
from drivers.webpush.settings import WebPushSettings
from drivers.webpush.subscriptions import check_subscription, decode, encode, remembered, subscription_id
from drivers.webpush.urls import Policy
from gatewayd.driver import Outcome
from gatewayd.errors import Invalid
from tests.drivers.webpush.house import SUBJECT, House, page

ENDPOINT = "https://push.example.net/wpush/v2/gAAAA"
KEYS = Browser.new().keys()
POINT, AUTH = KEYS["p256dh"], KEYS["auth"]
STRICT = Policy()


def test_id_is_the_beginning_of_the_endpoints_digest() -> None:
    assert subscription_id(ENDPOINT) == hashlib.sha256(ENDPOINT.encode()).hexdigest()[:16]


def test_subscription_of_a_browser_is_taken() -> None:
    assert str(check_subscription(ENDPOINT, POINT, AUTH, STRICT)) == "https://push.example.net"
    assert House().driver.validate(ENDPOINT, POINT, AUTH) == subscription_id(ENDPOINT)


def test_keys_are_taken_in_either_alphabet_and_with_padding() -> None:
    for spelled in (base64.b64encode, base64.urlsafe_b64encode):
        point, auth = (spelled(decode(text)).decode() for text in (POINT, AUTH))
        check_subscription(ENDPOINT, point, auth, STRICT)
        read = remembered({"endpoint": ENDPOINT, "p256dh": point, "auth": auth, "user_id": 7}, STRICT)
        assert read.info() == {"endpoint": ENDPOINT, "keys": {"p256dh": POINT, "auth": AUTH}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", ""),
        ("endpoint", "http://push.example.net/x"),
        ("endpoint", "https://127.0.0.1/x"),
        ("p256dh", ""),
        ("p256dh", POINT[:-4]),
        ("p256dh", POINT + "AAAA"),
        ("p256dh", "!" + POINT[1:]),
        ("p256dh", "ü" + POINT[1:]),
        ("p256dh", "A" * 100_000),
        ("p256dh", encode(b"\x04" + bytes(64))),  # not on the curve
        ("p256dh", encode(b"\x05" + decode(POINT)[1:])),
        ("auth", ""),
        ("auth", AUTH[:-2]),
        ("auth", POINT),
        ("auth", "=" * 30),
    ],
    ids=range(15),  # the keys differ from run to run, names of tests may not
)
def test_wrong_field_is_named_and_its_value_not_shown(field: str, value: str) -> None:
    given = {"endpoint": ENDPOINT, "p256dh": POINT, "auth": AUTH, field: value}
    with pytest.raises(Invalid) as caught:
        House(allow_hosts=(), allow_http=False).driver.validate(**given)
    assert caught.value.field == field
    assert not value or field == "endpoint" or value[:9] not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=90), st.text(max_size=90), st.text(max_size=30))
def test_nothing_but_invalid_escapes_from_any_input(endpoint: str, p256dh: str, auth: str) -> None:
    assert len(subscription_id(endpoint)) == 16
    for values in ((endpoint, POINT, AUTH), (ENDPOINT, p256dh, AUTH), (ENDPOINT, POINT, auth)):
        try:
            check_subscription(*values, STRICT)
        except Invalid:
            continue


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=70))
def test_encoding_comes_back(data: bytes) -> None:
    assert decode(encode(data)) == data


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_not_in_the_repr() -> None:
    shown = repr(remembered({"endpoint": ENDPOINT, **KEYS}, STRICT))
    assert not any(secret in shown for secret in (POINT, AUTH, "gAAAA"))


async def test_no_secret_is_ever_logged_or_part_of_a_receipt(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with House(timeout=0.2, service={"reason": "see the manual"}).open() as house:
        logging.getLogger("drivers.webpush.simulator").setLevel(logging.CRITICAL)  # the browsers' own log
        said = []
        faults = ["", "nak", "bad", "unauthorized", "forbidden", "large", "busy", "redirect", "drop", "garble", "dead"]
        for fault in [*faults, "gone", "missing"]:
            address, _ = house.subscribe()
            house.service.faults.plan(fault)
            said.append(await house.driver.send(page("FIRE", address)))
            house.service.faults.repair(fault)
        secrets = [house.memory.saved["vapid"].splitlines()[1]]
        for other in house.service.devices.values():
            secrets += [*other.browser.keys().values(), other.endpoint.rpartition("/")[2]]
    assert {receipt.outcome for receipt in said} == {Outcome.SENT, Outcome.REFUSED, Outcome.FAILED}
    shown = caplog.text + repr(said) + repr(house.driver) + repr(house.settings)
    assert "has ended and was deleted" in shown
    assert [secret for secret in secrets if secret in shown] == []


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [SUBJECT, "https://hospital.example", "https://hospital.example/contact?a=b"])
def test_subject_that_services_take_is_taken(subject: str) -> None:
    assert WebPushSettings(subject=subject).subject == subject


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"subject": ""},
        {"subject": "it@hospital.example"},
        {"subject": "mailto:x@y"},
        {"subject": "mailto:a b@hospital.example"},
        {"subject": "http://hospital.example"},
        {"subject": "https://hospital.example/\r\nX: y"},
        {"subject": "mailto:" + "a" * 60 + "@" + "b." * 200 + "example"},
        {"subject": SUBJECT, "allow_http": True},
        {"subject": SUBJECT, "allow_hosts": ("https://push.house.lan",)},
        {"subject": SUBJECT, "allow_hosts": ("push.house.lan:8080",)},
        {"subject": SUBJECT, "allow_hosts": ("",)},
        {"subject": SUBJECT, "timeout": 0},
        {"subject": SUBJECT, "timeout": float("nan")},
        {"subject": SUBJECT, "parallel": 0},
        {"subject": SUBJECT, "unknown": 1},
    ],
)
def test_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebPushSettings(**wrong)


def test_numeric_hosts_are_listed_in_any_spelling() -> None:
    policy = WebPushSettings(subject=SUBJECT, allow_hosts=("[FD00:0::9]", "10.0.0.9")).policy()
    assert policy.lists("fd00::9")
    assert policy.lists("10.0.0.9")
    assert not policy.allow_http
