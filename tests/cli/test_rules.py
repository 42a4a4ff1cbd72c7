from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Ended, Shell

CONFIG = """
[lines.fire]
kind = "ascii"
port = "x"
[[lines.fire.rules]]
name = "alarm"
match = '^ALARM (?P<key>\\w+) (?P<text>.*)$'
[lines.pager]
kind = "tap"
port = "y"
"""


@pytest.fixture
def kinds() -> None:
    """Use the kinds that gatewayd ships with."""


def tried(shell: Shell, sample: str, *words: str) -> Ended:
    shell.write("house.toml", CONFIG)
    return shell.type("rules", "test", shell.write("sample", sample), "--config", "house.toml", *words)


def test_a_sample_shows_rule_groups_and_what_would_be_reported(shell: Shell) -> None:
    ended = tried(shell, "ALARM z1 ROOM 3\n", "--line", "fire", "--json")
    (record,) = ended.json
    assert (ended.code, record["verdicts"], record["groups"]) == (0, ["set"], {"key": "z1", "text": "ROOM 3"})
    assert "AlarmActivated key='z1' text='ROOM 3'" in record["reports"][0]


def test_a_line_that_no_rule_knows_fails_the_test(shell: Shell) -> None:
    ended = tried(shell, "ALARM z1 ROOM 3\nwhat is this\n", "--line", "fire")
    assert ended.code == 1
    assert "'what is this': unmatched" in ended.out
    assert ended.out.endswith("2 records, 1 not understood\n")


def test_a_capture_is_a_sample(shell: Shell) -> None:
    capture = "# gatewayd capture 1\n0 open -\n1 in 1 ALARM z1 RO\n1.1 out 1 <ACK>\n1.2 in 1 OM 3<CR><LF>\n"
    (record,) = tried(shell, capture, "--line", "fire", "--json").json
    assert record["groups"]["text"] == "ROOM 3"


def test_a_sample_may_be_typed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("house.toml", CONFIG)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ALARM z1 ROOM \xe4\r\n")))
    assert shell.type("rules", "test", "-", "--config", "house.toml", "--line", "fire").code == 0


@pytest.mark.parametrize(("line", "said"), [("pager", "which has no rules"), ("fier", "did you mean 'fire'?")])
def test_only_lines_with_rules_can_be_tried(line: str, said: str, shell: Shell) -> None:
    ended = tried(shell, "", "--line", line)
    assert (ended.code, said in ended.err) == (1, True)


def test_a_sample_that_is_not_there_is_named(shell: Shell) -> None:
    shell.write("house.toml", CONFIG)
    ended = shell.type("rules", "test", "nowhere", "--config", "house.toml", "--line", "fire")
    assert (ended.code, "nowhere: cannot be read" in ended.err) == (4, True)
