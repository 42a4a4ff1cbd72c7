from __future__ import annotations

import pytest

from gatewayd.sitefile import SiteFile, parse
from tests.site.conftest import VAULT, complaints

CANARY = "canary-4711-never-shown"


def parsed(text: str) -> SiteFile:
    return parse(text, "site.toml", VAULT)


def refused(text: str) -> dict[str, str]:
    return complaints(lambda: parsed(text))


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ('"30s"', 30.0),
        ('"30 s"', 30.0),
        ('"2min"', 120.0),
        ('"1h"', 3600.0),
        ('"1.5min"', 90.0),
    ],
)
def test_a_wait_is_seconds_or_has_a_unit(wait: str, seconds: float) -> None:
    file = parsed(f'[[plan]]\nname = "p"\nsteps = [{{ page = "user:a", wait = {wait} }}]\n')
    assert file.content.plan[0].steps[0].wait == seconds


@pytest.mark.parametrize("wait", ["-1", '"-1s"', '"soon"', '"3 days"', "true", "inf", "nan", "1e9", "[]"])
def test_a_wait_that_is_none_is_refused(wait: str) -> None:
    place = 'plan "p": steps #1: wait'
    assert list(refused(f'[[plan]]\nname = "p"\nsteps = [{{ page = "user:a", wait = {wait} }}]\n')) == [place]


def test_every_problem_is_reported_at_once_and_by_the_name_of_its_entry() -> None:
    text = """
    [sight]
    [[user]]
    name = "anna"
    rolle = "admin"
    role = "boss"
    ways = [{ contact = "a" }, { contakt = "b" }]
    [[user]]
    full_name = "Nobody"
    [[plan]]
    name = "p"
    steps = []
    [[alarm]]
    name = "a"
    page = "user:anna"
    priority = "urgent"
    [[route]]
    alarm = "a"
    source = "panel"
    """
    assert refused(text) == {
        "sight": "unknown key; did you mean 'site'?",
        'user "anna": rolle': "unknown key; did you mean 'role'?",
        'user "anna": role': "should be 'user', 'operator' or 'admin'",
        'user "anna": ways #2: contact': "is missing",
        'user "anna": ways #2: contakt': "unknown key; did you mean 'contact'?",
        "user #2: name": "is missing",
        'plan "p": steps': "should have at least 1 item, not 0",
        'alarm "a": priority': "should be 'emergency', 'high', 'normal' or 'low'",
        "route #1: source": "should be '', 'device', 'fault' or 'text'",
    }


def test_names_are_unique_within_their_type_only() -> None:
    contact = '[[contact]]\nname = "x"\nline = "pager"\naddress = "1"\n'
    assert refused(contact + contact) == {'contact "x"': "the name is given 2 times"}
    parsed(contact + '[[user]]\nname = "x"\n')


def test_broken_toml_is_located() -> None:
    assert refused('[[user]]\nname = "a\n') == {"": "is not TOML at line 2, column 10: Illegal character …"}


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{CANARY}"\npassword_hash = "{CANARY}"',
        f'password_hash = "{CANARY}"',
        f'password = ["{CANARY}"]',
        f'passwort = "{CANARY}"',
        f'password = "{CANARY}"\nrole = "{CANARY}"',
        f'password = "{CANARY}',
        f"password = {CANARY}",
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    reasons = refused(f'[[user]]\nname = "anna"\n{text}\n')
    assert reasons
    assert CANARY not in repr(reasons)


def test_a_password_can_be_a_reference() -> None:
    file = parsed('[[user]]\nname = "anna"\npassword = "env:NURSE"\n')
    password = file.content.user[0].password
    assert password is not None
    assert password.get_secret_value() == "nurse-secret"
    assert "nurse-secret" not in repr(file)


def test_a_reference_that_leads_nowhere_is_a_problem_of_its_user() -> None:
    reasons = refused('[[user]]\nname = "anna"\npassword = "env:NOBODY"\n')
    assert reasons == {'user "anna": password': "env:NOBODY: the environment has no such variable"}


def test_an_empty_password_is_refused() -> None:
    assert list(refused('[[user]]\nname = "anna"\npassword = ""\n')) == ['user "anna": password']


def test_cycles_without_any_wait_would_be_a_storm_and_are_refused() -> None:
    plan = '[[plan]]\nname = "p"\ncycles = {}\nsteps = [{{ page = "user:a", wait = 0 }}]\n'
    assert "without any wait" in refused(plan.format(0))['plan "p"']
    parsed(plan.format(1))


@pytest.mark.parametrize("name", ["", "two\nlines", "bell\u0007", "x" * 201])
def test_a_name_is_one_short_line(name: str) -> None:
    (place,) = refused(f"[[group]]\nname = {name!a}\n".replace("'", '"').replace("\\x07", "\\u0007"))
    assert place.endswith("name")
