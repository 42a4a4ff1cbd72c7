from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from gatewayd import registry
from tests.registry.kinds.horn.simulator import HornSimulator, HornSimulatorSettings

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

ROOT = Path(__file__).resolve().parents[2]
HORN = ("simulate-device", "horn-listener")


def test_without_a_name_the_simulators_are_listed(shell: Shell) -> None:
    ended = shell.type("simulate-device")
    assert ended.code == 0
    assert "  horn-listener    Listens to a horn.\n" in ended.out
    assert shell.type("simulate-device", "--json").json == {"horn-listener": "Listens to a horn."}


def test_an_unknown_simulator_is_wrong_usage_with_a_suggestion(shell: Shell) -> None:
    ended = shell.type("simulate-device", "horn-listner")
    assert (ended.code, "did you mean 'horn-listener'?" in ended.err) == (2, True)


def test_options_are_those_of_the_simulators_settings(shell: Shell) -> None:
    out = shell.type(*HORN, "--help").out
    assert all(option in out for option in ("--port VALUE", "--loud [VALUE]", "--rate VALUE", "--fault KIND[=TIMES]"))
    assert "default: 9600" in out


def test_a_simulator_runs_with_its_settings_and_faults_and_says_what_happens(shell: Shell) -> None:
    ended = shell.type(*HORN, "--port", "/tmp/x", "--set", "rate=1200", "--script", "a, b", "--fault", "nak=2")
    assert ended.code == 0
    messages = [line.split(" ", 2)[2] for line in ended.out.splitlines()]
    assert messages == [
        "horn-listener runs at /tmp/x; Ctrl-C ends it",
        "listens at /tmp/x, rate 1200, script ('a', 'b')",
        "refused",
    ]


def test_a_fault_is_called_what_the_simulator_calls_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, int]] = []

    async def run(simulator: HornSimulator) -> None:
        heard.append(simulator.settings.faults)

    monkeypatch.setattr(HornSimulator, "run", run)
    assert shell.type(*HORN, "--port", "x", "--fault", "no-answer=2", "--fault", "nak").code == 0
    assert heard == [{"no-answer": 2, "nak": 1}]


def test_a_fault_that_the_device_does_not_know_is_refused_and_those_that_it_knows_are_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(_simulator: HornSimulator) -> None:
        raise AssertionError("it must not start")

    monkeypatch.setattr(HornSimulator, "run", run)
    ended = shell.type(*HORN, "--port", "x", "--fault", "nack=2")
    assert ended.code == 2
    assert "faults: there is no fault 'nack'; this device knows nak, no-answer" in ended.err
    assert "this device knows nak, no-answer" in shell.type(*HORN, "--port", "x", "--fault", "nack").err
    assert "no fault '\\x1b[31m" in shell.type(*HORN, "--port", "x", "--fault", "\x1b[31m=1").err


def test_help_names_the_faults_of_the_device(shell: Shell) -> None:
    assert "knows nak, no-answer" in " ".join(shell.type(*HORN, "--help").out.split())


@pytest.mark.parametrize("words", [["--loud"], ["--loud", "yes"], ["--set", "loud=true"]])
def test_a_switch_may_stand_alone(words: list[str], shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bool] = []

    async def run(simulator: HornSimulator) -> None:
        heard.append(simulator.settings.loud)

    monkeypatch.setattr(HornSimulator, "run", run)
    assert shell.type(*HORN, "--port", "x", *words).code == 0
    assert heard == [True]


def test_a_password_in_the_defaults_is_masked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    field = HornSimulatorSettings.model_fields["password"]
    monkeypatch.setattr(field, "default", SecretStr("default-secret"))
    out = shell.type(*HORN, "--help").out
    assert "********" in out
    assert "default-secret" not in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "port: is missing"),
        (["--port", "x", "--rate", "fast"], "rate: should be a valid integer"),
        (["--port", "x", "--set", "rat=1"], "rat: unknown key; did you mean 'rate'?"),
        (["--port", "x", "--set", "rate"], "'rate' is not KEY=VALUE"),
        (["--port", "x", "--fault", "nak=often"], "faults.nak: should be a valid integer"),
        (["--port", "x", "--fault", "nak=-1"], "faults.nak: should be greater than or equal to 0"),
        (["--port", "x", "--password", "env:NOBODY"], "no such variable"),
    ],
)
def test_wrong_options_are_wrong_usage(words: list[str], reason: str, shell: Shell) -> None:
    ended = shell.type(*HORN, *words)
    assert ended.code == 2
    assert reason in ended.err


def test_a_line_that_is_lost_is_a_failure(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewayd.errors import LineDown

    async def lose(_self: object) -> None:
        raise LineDown("the adapter was unplugged")

    monkeypatch.setattr(registry.simulator("horn-listener"), "run", lose)
    ended = shell.type(*HORN, "--port", "x")
    assert (ended.code, ended.err) == (1, "gatewayd: the adapter was unplugged\n")


def wait_for(process: subprocess.Popen[str], part: str) -> None:
    """Read what a process says until it says `part`."""
    assert process.stdout is not None
    said = [process.stdout.readline()]
    while part not in said[-1]:
        assert said[-1], said
        said.append(process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_simulator_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "tap"
    command = [sys.executable, "-P", "-m", "gatewayd", "simulate-device", "tap", "--port", str(link)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            wait_for(process, "terminal at")
            assert link.is_symlink()
            process.send_signal(number)
            rest, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0, rest
    assert "tap ended" in rest
    assert "Traceback" not in rest


def test_every_simulator_that_ships_has_options(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    from gatewayd.cli import main

    for name in registry.simulators():
        with pytest.raises(SystemExit) as end:
            main(["simulate-device", name, "--help"])
        assert end.value.code == 0
        assert "--fault" in capsys.readouterr().out
