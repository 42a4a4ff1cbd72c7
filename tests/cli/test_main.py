from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatewayd import __version__

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    ["run"],
    ["config"],
    ["config", "check"],
    ["config", "show"],
    ["import"],
    ["export"],
    ["user"],
    ["user", "set-password"],
    ["simulate-device"],
]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself_and_the_exit_codes(command: list[str], shell: Shell) -> None:
    ended = shell.type(*command, "--help")
    assert ended.code == 0
    assert "3 the daemon cannot be reached" in " ".join(ended.out.split())


def test_the_version_is_printed(shell: Shell) -> None:
    assert shell.type("--version").out == f"gatewayd {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["config"], ["import"], ["run", "--port", "x"], ["config", "check", "x"]]
)
def test_wrong_usage_ends_with_2(words: list[str], shell: Shell) -> None:
    assert shell.type(*words).code == 2


def loaded_by(*words: str) -> set[str]:
    """Return the modules that a command imports, in a process of its own."""
    code = "import sys; from gatewayd.cli import main\n"
    code += "try: main(sys.argv[1:])\nfinally: print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-P", "-c", code, *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return set(result.stderr.split())


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    modules = loaded_by("--help")
    assert "gatewayd.cli.main" in modules
    assert modules.isdisjoint({"pydantic", "aiohttp", "asyncio", "sqlite3", "gatewayd.settings", "logging"})


def test_checking_a_configuration_needs_no_web_server(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text("")
    modules = loaded_by("config", "check", "--config", str(config))
    assert "gatewayd.settings" in modules
    assert modules.isdisjoint({"aiohttp", "gatewayd.daemon", "gatewayd.store", "jinja2"})
