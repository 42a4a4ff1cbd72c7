"""What is in the repository, and what must never be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.packaging import ROOT

TOP_LEVEL = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml"} | {
    "config",
    "docs",
    "drivers",
    "gatewayd",
    "systemd",
    "tests",
    "tools",
}
COMMANDS = ("tools/run", "tools/test", "tools/pin", ".ci/run")

# Each is put together from halves, so that this file does not contain what it looks for.
NEVER = (
    "python" + "hosted.org",
    "pypi" + ".org",
    "registry." + "npmjs",
    "deb." + "debian.org",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
    "--trusted" + "-host",
    "/ro" + "ot/",
    "/wo" + "rk/main",
    "/wo" + "rk/shared",
    "/Us" + "ers/",
)


def committed_files() -> list[str]:
    """Ask git; in an exported tree, where there is none, take every file that is neither hidden nor generated."""
    if (ROOT / ".git").exists():
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]
    return exported_files()


def exported_files() -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not name.startswith((".", "__pycache__"))]
        found += [str((Path(folder) / name).relative_to(ROOT)) for name in files]
    return found


def test_the_top_level_stays_as_it_was_designed() -> None:
    names = {name.split("/")[0] for name in committed_files()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    found = [
        f"{name}: {needle}"
        for name in committed_files()
        for needle in NEVER
        if needle.encode() in (ROOT / name).read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_executed(command: str) -> None:
    assert os.access(ROOT / command, os.X_OK)


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec ./tools/test"
