"""The wheel holds the two packages, all of them, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.packaging import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("gatewayd", "drivers")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a wheel is made of: building leaves files behind."""
    copy = tmp_path_factory.mktemp("source")
    for path in (ROOT / "pyproject.toml", ROOT / "LICENSE", *ROOT.glob("*.md")):
        shutil.copy(path, copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> zipfile.ZipFile:
    """Build with the backend that is installed and no index: nothing can be fetched."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
    run = subprocess.run([*build, "--wheel-dir", "out", "."], cwd=source, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (built,) = (source / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def contents(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_top_level_is_exactly_gatewayd_and_drivers(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in contents(wheel)} == set(PACKAGES)


def test_no_file_of_the_packages_is_left_behind(wheel: zipfile.ZipFile, source: Path) -> None:
    files = {
        str(path.relative_to(source)) for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()
    }
    assert contents(wheel) == files


def test_the_command_is_installed(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    assert "gatewayd = gatewayd.cli:main" in wheel.read(entry_points).decode()
