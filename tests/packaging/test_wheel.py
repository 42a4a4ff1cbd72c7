"""The wheel holds the two packages, all of them; beside them the configuration and the units; and nothing else."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest

from tests.packaging import ROOT

PACKAGES = ("gatewayd", "drivers")
SHARED = {"config": "share/gatewayd", "systemd": "share/gatewayd/systemd"}  # folder: where it is installed
START = 30.0  # seconds, on a busy machine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a wheel is made of: building leaves files behind."""
    copy = tmp_path_factory.mktemp("source")
    for path in (ROOT / "pyproject.toml", ROOT / "LICENSE", *ROOT.glob("*.md")):
        shutil.copy(path, copy)
    for name in (*PACKAGES, *SHARED):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def built(source: Path) -> Path:
    """Build with the backend that is installed and no index: nothing can be fetched."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
    run = subprocess.run([*build, "--wheel-dir", "out", "."], cwd=source, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = (source / "out").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built)


def contents(wheel: zipfile.ZipFile) -> set[str]:
    """Return what lands in site-packages."""
    return {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own that borrows what it depends on; return its programs' folder."""
    home = tmp_path_factory.mktemp("opt")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*pip, built], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


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


def test_configuration_and_units_are_installed_beside_the_packages(wheel: zipfile.ZipFile) -> None:
    shared = {name.partition(".data/data/")[2] for name in wheel.namelist() if ".data/" in name}
    expected = {f"{place}/{file.name}" for folder, place in SHARED.items() for file in (ROOT / folder).iterdir()}
    assert shared == expected
    assert "share/gatewayd/demo.toml" in shared


def test_an_installed_gateway_starts_its_demonstration_far_from_any_checkout(installed: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    command: list[str | Path] = [
        installed / "gatewayd",
        "run",
        "--demo",
        "--port",
        "0",
        "--data",
        tmp_path / "data",
        "--ready-file",
        ready,
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + START
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=START)[1]
    finally:
        process.kill()
    assert (ready.exists(), process.returncode) == (True, 0), log
    assert "ward-panel" in json.loads(ready.read_text())["lines"]
    assert "Traceback" not in log


def test_an_installed_gateway_without_a_configuration_says_where_an_example_is(installed: Path) -> None:
    if Path("/etc/gatewayd/gatewayd.toml").exists():
        pytest.skip("this machine has a gateway")
    run = subprocess.run([installed / "gatewayd", "run"], capture_output=True, text=True, check=False)
    example = installed.parent / "share" / "gatewayd" / "gatewayd.toml"
    assert (run.returncode, str(example) in run.stderr, "gatewayd run --demo" in run.stderr) == (4, True, True)
    assert example.is_file()
