from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import gatewayd
from gatewayd.settings import RunOptions, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Settings, RunOptions]]]:
    """Stand in for the daemon and keep what it was started with."""
    started: list[tuple[Settings, RunOptions]] = []
    daemon = ModuleType("gatewayd.daemon")

    def run(settings: Settings, options: RunOptions) -> int:
        started.append((settings, options))
        return 0

    daemon.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gatewayd.daemon", daemon)
    monkeypatch.setattr(gatewayd, "daemon", daemon, raising=False)
    collects_after = gc.get_threshold()
    yield started
    gc.set_threshold(*collects_after)


def test_a_start_makes_what_stays_and_is_not_held_up_by_collecting(
    shell: Shell, runs: list[tuple[Settings, RunOptions]]
) -> None:
    assert shell.type("run", "--config", "box.toml").code == 0
    assert len(runs) == 1
    assert gc.get_threshold()[0] >= 500_000  # more than a start makes


def test_the_daemon_gets_its_settings_and_what_the_command_line_said(
    shell: Shell, runs: list[tuple[Settings, RunOptions]]
) -> None:
    words = ["--config", "box.toml", "--data", "/tmp/d", "--host", "::1", "--port", "0", "--ready-file", "ready"]
    assert shell.type("run", *words).code == 0
    ((settings, options),) = runs
    assert (settings.api.host, settings.api.port, settings.gateway.data_dir) == ("::1", 0, Path("/tmp/d"))
    assert options == RunOptions(demo=False, ready_file=Path("ready"), config_file=Path("box.toml"))


@pytest.mark.parametrize(("words", "demo"), [([], False), (["--demo"], True), (["--demo", "--no-demo"], False)])
def test_the_last_of_demo_and_no_demo_wins(
    words: list[str],
    demo: bool,  # noqa: FBT001
    shell: Shell,
    runs: list[tuple[Settings, RunOptions]],
) -> None:
    shell.type("run", "--config", "box.toml", *words)
    assert runs[0][1].demo is demo


def test_without_a_file_the_one_in_etc_is_meant(shell: Shell, runs: list[tuple[Settings, RunOptions]]) -> None:
    ended = shell.type("run")
    assert (ended.code, runs) == (4, [])
    assert ended.err.startswith("/etc/gatewayd/gatewayd.toml: ")


def test_a_configuration_with_problems_never_reaches_the_daemon(
    shell: Shell, runs: list[tuple[Settings, RunOptions]]
) -> None:
    shell.write("box.toml", "[api]\nprot = 1\n")
    ended = shell.type("run", "--config", "box.toml")
    assert (ended.code, runs) == (4, [])
    assert ended.err == "box.toml: api.prot: unknown key; did you mean 'port'?\n"


def test_the_exit_code_of_the_daemon_is_that_of_the_command(shell: Shell, runs: object) -> None:
    sys.modules["gatewayd.daemon"].run = lambda _settings, _options: 1  # type: ignore[attr-defined]
    assert shell.type("run", "--config", "box.toml").code == 1
