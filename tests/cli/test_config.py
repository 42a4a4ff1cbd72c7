from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import CONFIG

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

CANARY = "canary-4711-never-shown"


def test_a_good_configuration_is_said_to_be_good(shell: Shell) -> None:
    ended = shell.type("config", "check", "--config", "box.toml")
    assert (ended.code, ended.out, ended.err) == (0, "box.toml: ok, 1 lines: north-horn\n", "")


def test_every_problem_is_printed_and_the_exit_code_is_4(shell: Shell) -> None:
    shell.write("box.toml", CONFIG + "baudrat = 1\n[api]\nport = 70000\n")
    ended = shell.type("config", "check", "--config", "box.toml")
    assert ended.code == 4
    assert ended.err.splitlines() == [
        "box.toml: api.port: should be less than or equal to 65535",
        "box.toml: lines.north-horn.baudrat: unknown key; did you mean 'baudrate'?",
    ]


def test_problems_are_printed_for_programs_too(shell: Shell) -> None:
    ended = shell.type("config", "check", "--config", "none.toml", "--json")
    assert ended.code == 4
    reason = "cannot be read: No such file or directory"
    assert ended.json == {"ok": False, "problems": [{"file": "none.toml", "where": "", "reason": reason}]}


def test_a_literal_secret_is_warned_of_without_showing_it(shell: Shell) -> None:
    shell.write("box.toml", CONFIG + f'password = "{CANARY}"\n')
    ended = shell.type("config", "check", "--config", "box.toml")
    assert ended.code == 0
    assert ended.err.startswith("warning: box.toml: lines.north-horn.password: ")
    (warning,) = shell.type("config", "check", "--config", "box.toml", "--json").json["warnings"]
    assert warning["where"] == "lines.north-horn.password"
    assert CANARY not in ended.out + ended.err + str(warning)


def test_files_that_lines_name_are_looked_at(shell: Shell) -> None:
    shell.write("box.toml", CONFIG + 'song = "/nowhere/song"\n')
    ended = shell.type("config", "check", "--config", "box.toml")
    assert (ended.code, ended.err) == (4, "box.toml: lines.north-horn.song: there is no such file\n")
    assert shell.type("config", "show", "--config", "box.toml").code == 0
    shell.write("box.toml", CONFIG + 'song = "box.toml"\n')
    ended = shell.type("config", "check", "--config", "box.toml")
    assert (ended.code, ended.err) == (0, "warning: box.toml: lines.north-horn.song: is out of fashion\n")


@pytest.mark.parametrize("mode", [[], ["--json"]])
def test_show_masks_every_secret(mode: list[str], shell: Shell) -> None:
    text = CONFIG + f'password = "{CANARY}"\npin = "{CANARY}"\naccounts.2001.password = "{CANARY}"\n'
    shell.write("box.toml", text + f'[simulators.s]\nkind = "horn-listener"\nport = "x"\npassword = "{CANARY}"\n')
    ended = shell.type("config", "show", "--config", "box.toml", *mode)
    assert ended.code == 0
    assert CANARY not in ended.out
    assert ended.out.count('"********"' if mode else "'********'") == 4


def test_show_tells_where_each_value_comes_from(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYD_LINES__NORTH_HORN__BAUDRATE", "1200")
    rows = shell.type("config", "show", "--config", "box.toml", "--data", "/tmp/elsewhere", "--json").json
    found = {row["key"]: (row["value"], row["from"]) for row in rows}
    assert found["gateway.data_dir"] == ("/tmp/elsewhere", "command line")
    assert found["lines.north-horn.baudrate"] == (1200, "environment")
    assert found["lines.north-horn.port"] == ("/tmp/elsewhere/pty/horn", "box.toml")
    assert found["api.port"] == (50443, "default")
    assert found["lines.north-horn.password"] == (None, "default")


def test_show_for_people_has_one_line_a_setting(shell: Shell) -> None:
    lines = shell.type("config", "show", "--config", "box.toml").out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["gateway.name", "gateway.data_dir"]
    assert all("  # " in line for line in lines)


def test_a_device_that_is_not_there_is_warned_of_and_one_that_a_simulator_makes_is_not(shell: Shell) -> None:
    for port, warned in (("/nowhere/tty", True), ("pty/horn", False), ("socket://192.0.2.1:1", False)):
        shell.write("box.toml", CONFIG.replace('"pty/horn"', f'"{port}"'))
        ended = shell.type("config", "check", "--config", "box.toml")
        assert ended.code == 0
        assert ended.err.startswith("warning: box.toml: lines.north-horn.port: there is no such device now") is warned
        assert shell.type("config", "show", "--config", "box.toml").err == ""
