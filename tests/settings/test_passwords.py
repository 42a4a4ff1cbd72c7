from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd import passwords
from gatewayd.passwords import COST, DUMMY_HASH, cheap_for_tests, hash_password, is_password_hash, verify_password

ROOT = Path(passwords.__file__).parents[1]


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password("correct horse")


def test_the_password_that_was_hashed_fits(stored: str) -> None:
    assert verify_password("correct horse", stored)


def test_another_password_does_not_fit(stored: str) -> None:
    assert not verify_password("Correct horse", stored)


def test_the_hash_names_its_costs_and_hides_the_password(stored: str) -> None:
    assert stored.startswith("scrypt$32768$8$1$")
    assert "horse" not in stored


def test_two_hashes_of_one_password_differ_by_their_salt(stored: str) -> None:
    assert hash_password("correct horse") != stored


def test_the_dummy_is_a_hash_of_the_same_cost_and_fits_nothing(stored: str) -> None:
    assert is_password_hash(DUMMY_HASH)
    assert DUMMY_HASH.split("$")[:4] == stored.split("$")[:4]
    assert not verify_password("", DUMMY_HASH)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "scrypt$32768$8$1$x$y",
        "bcrypt$32768$8$1$AAAA$" + "A" * 43 + "=",
        "scrypt$1073741824$8$1$AAAA$" + "A" * 43 + "=",
        "scrypt$32767$8$1$AAAA$" + "A" * 43 + "=",
        "scrypt$32768$8$999$AAAA$" + "A" * 43 + "=",
        "scrypt$32768$8$1$AAAA$AAAA",
    ],
)
def test_a_text_that_is_no_affordable_hash_fits_nothing_but_costs_the_same(
    stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[tuple[int, int, int]] = []

    def fake(password: str, salt: bytes, costs: tuple[int, int, int]) -> bytes:
        derived.append(costs)
        return b""

    monkeypatch.setattr(passwords, "_derive", fake)
    assert not verify_password("plain", stored)
    assert not is_password_hash(stored)
    assert derived == [(2**15, 8, 1)]


def test_cheap_hashes_are_for_tests_and_nothing_that_is_shipped_can_ask_for_them() -> None:
    with cheap_for_tests():
        cheap = hash_password("correct horse")
    assert cheap.startswith("scrypt$16$")
    assert verify_password("correct horse", cheap)
    assert hash_password("correct horse").startswith(f"scrypt${COST}$")
    shipped = (path for folder in ("gatewayd", "drivers") for path in (ROOT / folder).rglob("*.py"))
    named = {path.relative_to(ROOT).as_posix() for path in shipped if "cheap_for_tests" in path.read_text("utf-8")}
    assert named == {"gatewayd/passwords.py"}
