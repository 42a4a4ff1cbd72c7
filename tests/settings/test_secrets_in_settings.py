"""No secret may ever be seen: not in errors, not in what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registry.kinds.horn import HornSettings

if TYPE_CHECKING:
    from tests.settings.conftest import Box

CANARY = "canary-4711-never-shown"
LINE = '[lines.h]\nkind = "horn"\nport = "/dev/ttyS0"\n'


def password(box: Box) -> str:
    settings = box.settings.lines["h"].settings
    assert isinstance(settings, HornSettings)
    assert settings.password is not None
    return settings.password.get_secret_value()


@pytest.mark.parametrize("reference", ["env:KEY", "file:key", "credential:horn"])
def test_a_reference_becomes_the_secret(reference: str, box: Box) -> None:
    (box.file.parent / "key").write_text(CANARY + "\n")
    (box.file.parent / "horn").write_text(CANARY)
    box.env = {"KEY": CANARY, "CREDENTIALS_DIRECTORY": str(box.file.parent)}
    box.write(LINE + f'password = "{reference}"\n')
    assert password(box) == CANARY
    assert box.examined().warnings == ()


def test_a_secret_inside_a_table_is_looked_up_too(box: Box) -> None:
    box.write(LINE + 'accounts.2001.password = "env:KEY"\n')
    box.env = {"KEY": CANARY}
    settings = box.settings.lines["h"].settings
    assert isinstance(settings, HornSettings)
    assert settings.accounts["2001"].password.get_secret_value() == CANARY


def test_a_missing_secret_is_a_problem_of_its_key_and_names_the_reference(box: Box) -> None:
    box.write(LINE + 'password = "env:NOBODY"\naccounts.2001.password = "credential:sip"\n')
    assert box.complaints() == {
        "lines.h.password": "env:NOBODY: the environment has no such variable",
        "lines.h.accounts.2001.password": "credential:sip: $CREDENTIALS_DIRECTORY is not set; "
        "systemd sets it for LoadCredential=",
    }


def test_a_literal_secret_works_but_is_advised_against(box: Box) -> None:
    box.write(LINE + f'password = "{CANARY}"\n')
    assert password(box) == CANARY
    (warning,) = box.examined().warnings
    assert (warning.file, warning.where) == (str(box.file), "lines.h.password")
    assert CANARY not in str(warning)


def test_a_secret_in_a_variable_is_not_advised_against(box: Box) -> None:
    box.write(LINE)
    box.env = {"GATEWAYD_LINES__H__PASSWORD": CANARY}
    assert password(box) == CANARY
    assert box.examined().warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        f'password = ["{CANARY}"]',
        f'pasword = "{CANARY}"',
        f'password = "{CANARY}"\nbaudrate = "{CANARY}"',
        f'accounts = "{CANARY}"',
        f'accounts.2001 = "{CANARY}"',
        f'accounts.2001.password = "{CANARY}"\naccounts.2001.tones = "{CANARY}"',
        f'password = "{CANARY}',
        f"password = {CANARY}",
        f'password = "x"\npassword = "{CANARY}"',
        f'password = "\\q{CANARY}"',
        'password = "env:SHORT"',
    ],
)
def test_no_error_shows_a_value(text: str, box: Box) -> None:
    box.write(LINE + text + "\n")
    box.env = {"SHORT": CANARY[:6]}
    shown = "\n".join(str(problem) for problem in box.problems())
    assert shown
    assert CANARY not in shown
    assert CANARY[:6] not in shown


def test_a_driver_that_quotes_a_secret_in_its_own_error_is_masked(box: Box) -> None:
    box.write(LINE + 'password = "env:SHORT"\n')
    box.env = {"SHORT": "secret"}
    assert box.complaints() == {"lines.h.password": "******** is too short"}
