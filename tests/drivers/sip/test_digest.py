"""Digest authentication: the published vectors, and whom the authenticator lets in."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

from drivers.sip.authenticator import NC_WINDOW, Authenticator, Verdict
from drivers.sip.digest import (
    Account,
    Asked,
    answer_challenge,
    authorize,
    digest,
    secret_hash,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_700_000_000.0
NONCE = "84f1c1ae6cbe5ua9c8e88dfa3ecm3459"
HTTP_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
HTTP_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
SITE = ("2001", "gateway.local", "s3cret")
MUFASA = ("Mufasa", "http-auth@example.org", "Circle of Life")
OLD_MUFASA = ("Mufasa", "testrealm@host.com", "Circle Of Life")


@pytest.mark.parametrize(
    ("algorithm", "secret", "asked", "expected"),
    [
        ("MD5", MUFASA, Asked("GET", "/dir/index.html", HTTP_NONCE, "auth", "00000001", HTTP_CNONCE),
         "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", MUFASA, Asked("GET", "/dir/index.html", HTTP_NONCE, "auth", "00000001", HTTP_CNONCE),
         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", OLD_MUFASA,
         Asked("GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "auth", "00000001", "0a4f113b"),
         "6629fae49393a05397450978507c4ef1"),
        ("MD5", SITE, Asked("REGISTER", "sip:gateway.local", NONCE), "7cb08ad6038748a9eb3abca11aa960f6"),
        ("MD5", SITE, Asked("REGISTER", "sip:gateway.local", NONCE, "auth", "00000001", "0a4f113b"),
         "d5440a76baf999b37cb9ffe67a025abb"),
        ("SHA-256", SITE, Asked("REGISTER", "sip:gateway.local", NONCE, "auth", "00000001", "0a4f113b"),
         "e11c0a68afaaf4000e1d811743ed64fc30e84f548aa4b9bd691eb7c2e52742c8"),
        ("SHA-256", SITE, Asked("MESSAGE", "sip:alarm@gateway.local", NONCE, "auth", "00000002", "0a4f113b"),
         "729ec1523fcdb927ad8a888f2b48c35160bbb36318afd42d7011d2160ceb6348"),
    ],
)  # fmt: skip
def test_the_published_vectors_come_out(
    algorithm: str, secret: tuple[str, str, str], asked: Asked, expected: str
) -> None:
    assert digest(algorithm, secret_hash(algorithm, *secret), asked) == expected


def test_sha_512_256_is_the_function_of_fips_180_4() -> None:
    """Its value of the empty text is published; the body of an auth-int request is hashed by it too."""
    asked = Asked("MESSAGE", "sip:a", "n", "auth-int", "00000001", "c")
    empty = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
    ha2 = hashlib.new("sha512_256", f"MESSAGE:sip:a:{empty}".encode()).hexdigest()
    expected = hashlib.new("sha512_256", f"h:n:00000001:c:auth-int:{ha2}".encode()).hexdigest()
    assert digest("SHA-512-256", "h", asked) == expected


def test_sha_512_256_is_taken_where_sha_256_is() -> None:
    for algorithms, expected in ((("SHA-256", "MD5"), Verdict.RIGHT), (("MD5",), Verdict.WRONG)):
        judge = make()
        judge.algorithms = algorithms
        asked = [judge.challenges(NOW)[0].replace(f"algorithm={algorithms[0]}", "algorithm=SHA-512-256")]
        assert verdict(judge, credentials(asked)) is expected


@pytest.mark.parametrize("body", [b"as it was sent", b"as somebody changed it"])
def test_a_body_that_was_changed_on_its_way_is_refused_with_auth_int(body: bytes) -> None:
    judge = make()
    asked = [value.replace('qop="auth"', 'qop="auth-int"') for value in judge.challenges(NOW)]
    question = Asked("MESSAGE", "sip:a", "", cnonce="cn", body=b"as it was sent")
    value = authorize(asked, Account("2001", "s3cret"), question)
    assert value is not None
    assert "qop=auth-int" in value
    expected = Verdict.RIGHT if body == b"as it was sent" else Verdict.WRONG
    assert judge.check([value], "MESSAGE", NOW, body)[0] is expected


def test_a_session_key_is_computed_as_rfc_7616_says() -> None:
    asked = Asked("MESSAGE", "sip:a", "n", "auth", "00000001", "c")
    ha1 = hashlib.md5(b"2001:r:x", usedforsecurity=False).hexdigest()
    session = hashlib.md5(f"{ha1}:n:c".encode(), usedforsecurity=False).hexdigest()
    value = answer_challenge(
        ['Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"'], Account("2001", "x"), "MESSAGE", "sip:a", "c"
    )
    assert value is not None
    assert f'response="{digest("MD5", session, asked)}"' in value


def test_auth_int_covers_the_body() -> None:
    asked = Asked("MESSAGE", "sip:a", "n", "auth-int", "00000001", "c", b"one")
    other = Asked("MESSAGE", "sip:a", "n", "auth-int", "00000001", "c", b"two")
    assert digest("MD5", "00", asked) != digest("MD5", "00", other)


def make(*, accept_without_qop: bool = True) -> Authenticator:
    numbers = itertools.count(1)
    accounts = {"2001": "s3cret"}
    return Authenticator("gateway.local", accounts, lambda n: f"{next(numbers):0{2 * n}x}", accept_without_qop)


def credentials(
    challenges: Sequence[str], *, password: str = "s3cret", user: str = "2001", nc: str = "00000001"
) -> list[str]:
    value = answer_challenge(challenges, Account(user, password), "REGISTER", "sip:gateway.local", "cn")
    assert value is not None
    if nc == "00000001":
        return [value]
    nonce = challenges[0].partition('nonce="')[2].partition('"')[0]
    ha1 = secret_hash("SHA-256", user, "gateway.local", password)
    right = digest("SHA-256", ha1, Asked("REGISTER", "sip:gateway.local", nonce, "auth", nc, "cn"))
    old = value.partition('response="')[2].partition('"')[0]
    return [value.replace(old, right).replace("nc=00000001", f"nc={nc}")]


def verdict(judge: Authenticator, values: list[str], now: float = NOW) -> Verdict:
    return judge.check(values, "REGISTER", now)[0]


def test_sha_256_is_offered_before_md5_and_always_with_qop() -> None:
    first, second = make().challenges(NOW)
    assert "algorithm=SHA-256" in first
    assert "algorithm=MD5" in second
    assert 'qop="auth"' in first
    assert 'qop="auth"' in second


def test_the_right_password_is_let_in_with_either_algorithm() -> None:
    judge = make()
    assert verdict(judge, credentials(judge.challenges(NOW))) is Verdict.RIGHT
    assert verdict(judge, credentials(judge.challenges(NOW)[1:])) is Verdict.RIGHT


def test_wrong_passwords_unknown_users_and_no_credentials_are_not() -> None:
    judge = make()
    assert verdict(judge, []) is Verdict.ABSENT
    assert verdict(judge, ["Basic QWxhZGRpbjpvcGVu"]) is Verdict.ABSENT
    assert verdict(judge, ["NoOneKnowsThisScheme opaque-data=here"]) is Verdict.ABSENT
    assert verdict(judge, credentials(judge.challenges(NOW), password="guess")) is Verdict.WRONG
    assert verdict(judge, credentials(judge.challenges(NOW), user="2999", password="")) is Verdict.WRONG


def test_a_protection_that_nobody_offered_is_none() -> None:
    judge = make()
    challenges = judge.challenges(NOW)
    nonce = challenges[0].partition('nonce="')[2].partition('"')[0]
    asked = Asked("REGISTER", "sip:gateway.local", nonce, "auth-conf", "00000001", "cn")
    right = digest("SHA-256", secret_hash("SHA-256", *SITE), asked)
    [value] = credentials(challenges)
    old = value.partition('response="')[2].partition('"')[0]
    assert verdict(judge, [value.replace(old, right).replace("qop=auth", "qop=auth-conf")]) is Verdict.WRONG


def test_a_nonce_lives_five_minutes_and_is_stale_after_that() -> None:
    judge = make()
    challenges = judge.challenges(NOW)
    assert verdict(judge, credentials(challenges), NOW + 299) is Verdict.RIGHT
    assert verdict(judge, credentials(challenges, nc="00000002"), NOW + 301) is Verdict.STALE
    assert all(value.endswith("stale=true") for value in judge.challenges(NOW, stale=True))


def test_a_nonce_of_somebody_else_is_stale() -> None:
    challenges = [value.replace('nonce="0', 'nonce="1') for value in make().challenges(NOW)]
    assert verdict(make(), credentials(challenges)) is Verdict.STALE


def test_a_count_is_taken_once_and_may_come_a_little_late() -> None:
    judge = make()
    challenges = judge.challenges(NOW)
    assert verdict(judge, credentials(challenges, nc="00000003")) is Verdict.RIGHT
    assert verdict(judge, credentials(challenges, nc="00000003")) is Verdict.STALE
    assert verdict(judge, credentials(challenges)) is Verdict.RIGHT
    assert verdict(judge, credentials(challenges)) is Verdict.STALE
    assert verdict(judge, credentials(challenges, nc=f"{3 + NC_WINDOW:08x}")) is Verdict.RIGHT
    assert verdict(judge, credentials(challenges, nc="00000002")) is Verdict.STALE
    assert verdict(judge, credentials(challenges, nc="-0000001")) is Verdict.STALE


def test_clients_of_rfc_2069_are_let_in_only_when_wanted() -> None:
    for wanted, expected in ((True, Verdict.RIGHT), (False, Verdict.WRONG)):
        judge = make(accept_without_qop=wanted)
        old = [value.replace(', qop="auth"', "") for value in judge.challenges(NOW)]
        assert verdict(judge, credentials(old)) is expected


def test_the_client_takes_the_topmost_challenge_that_it_knows() -> None:
    challenges = ['Digest realm="r", nonce="n", algorithm=SHA-3, qop="auth"', *make().challenges(NOW)]
    value = answer_challenge(challenges, Account("2001", "x"), "REGISTER", "sip:g", "cn")
    assert value is not None
    assert "algorithm=SHA-256" in value
    assert "qop=auth, nc=00000001" in value
    assert answer_challenge(challenges[:1], Account("2001", "x"), "REGISTER", "sip:g", "cn") is None
    unknown = ['Digest realm="r", nonce="n", qop="auth-conf"']
    assert answer_challenge(unknown, Account("2001", "x"), "REGISTER", "sip:g", "cn") is None


def test_the_client_protects_no_more_than_it_has_to_and_gives_back_what_is_opaque() -> None:
    value = answer_challenge(
        ['Digest realm="r", nonce="n",qop="auth-int,auth", opaque="a\\"b"'],
        Account("1", "x"),
        "REGISTER",
        "sip:g",
        "c",
    )
    assert value is not None
    assert "qop=auth," in value
    assert 'opaque="a\\"b"' in value


def test_nobody_without_a_name_gets_in_without_a_password() -> None:
    judge = make()
    assert verdict(judge, credentials(judge.challenges(NOW), user="", password="")) is Verdict.WRONG


def test_a_nonce_that_had_to_be_forgotten_cannot_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sip.authenticator.MAX_NONCES", 2)
    judge = make()
    first = credentials(judge.challenges(NOW))
    assert verdict(judge, first) is Verdict.RIGHT
    for later in (1, 2):
        assert verdict(judge, credentials(judge.challenges(NOW + later)), NOW + later) is Verdict.RIGHT
    assert verdict(judge, first, NOW + 3) is Verdict.STALE
    assert verdict(judge, credentials(judge.challenges(NOW + 3)), NOW + 3) is Verdict.RIGHT


def test_passwords_never_show() -> None:
    assert "s3cret" not in repr(Account("2001", "s3cret"))
    judge = make()
    verdict(judge, credentials(judge.challenges(NOW)))
    assert "s3cret" not in repr(judge)


def test_a_client_that_repeats_qop_but_counts_nothing_is_one_of_rfc_2069() -> None:
    for wanted, expected in ((True, Verdict.RIGHT), (False, Verdict.WRONG)):
        judge = make(accept_without_qop=wanted)
        [value] = credentials([each.replace(', qop="auth"', "") for each in judge.challenges(NOW)])
        assert verdict(judge, [value + ', qop="auth"']) is expected
