"""tools/bootstrap.sh, with a stand-in for Python that writes down what it was asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.packaging import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("sh", "awk", "cat", "cksum", "cp", "dirname", "flock", "ls", "mkdir", "rm")
PYTHON = """#!/bin/sh
case "$*" in
    -V) echo "Python 3.12.1" ;;
    -c*) exit 0 ;;
    "-m venv "*)
        echo venv >>"$LOG"
        [ ! -e "$GATE" ] || cat "$GATE"
        mkdir -p "$3/bin"; : >"$3/pyvenv.cfg"; cp "$0" "$3/bin/python" ;;
    *"-e "*) echo gatewayd >>"$LOG" ;;
    "-m compileall"*) echo "$*" >>"$LOG.compiled"; exit 1 ;;
    *--require-hashes*)
        shift $(($# - 1))
        while read -r word _; do case $word in *==*) echo "$word" >>"$LOG" ;; esac; done <"$1"
        [ ! -e "$BROKEN" ] ;;
esac
"""
PINS = """# set: build
pip==1 \\
    --hash=sha256:00

# set: runtime
aiohttp==2

# set: test
pytest==3
"""
RUNTIME = ["venv", "pip==1", "aiohttp==2", "gatewayd"]


@dataclass
class Checkout:
    """A project folder with a space in its name, and what happened in it."""

    root: Path
    programs: Path
    log: Path
    broken: Path
    gate: Path

    def start(self, wanted: str = "runtime", **environment: str) -> subprocess.Popen[str]:
        script = 'set -eu; root=$1; . "$1/tools/bootstrap.sh"; bootstrap "$2"; echo "$venv"'
        return subprocess.Popen(
            [shutil.which("sh") or "sh", "-c", script, "sh", self.root, wanted],
            env={
                "PATH": str(self.programs),
                "LOG": str(self.log),
                "BROKEN": str(self.broken),
                "GATE": str(self.gate),
                "SSL_CERT_FILE": str(self.log),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def bootstrap(self, wanted: str = "runtime", **environment: str) -> tuple[int, str]:
        """Run to the end; return the exit status and what a person reads."""
        process = self.start(wanted, **environment)
        _, told = process.communicate()
        return process.returncode, told

    def done(self) -> list[str]:
        """Return what was done since the last call."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines

    def has(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        path = self.programs / name
        path.write_text(script)
        path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "a box"
    made = Checkout(root, tmp_path / "bin", tmp_path / "log", tmp_path / "broken", tmp_path / "gate")
    (root / "tools").mkdir(parents=True)
    (root / "gatewayd").mkdir()
    made.programs.mkdir()
    made.log.touch()
    shutil.copy(ROOT / "tools" / "bootstrap.sh", root / "tools")
    (root / "tools" / "constraints.txt").write_text(PINS)
    (root / "pyproject.toml").touch()
    (root / "gatewayd" / "__init__.py").touch()
    for name in PROGRAMS:
        (made.programs / name).symlink_to(shutil.which(name) or name)
    made.has("python3", PYTHON)
    return made


def test_the_first_start_installs_the_runtime_and_gatewayd(checkout: Checkout) -> None:
    assert checkout.bootstrap()[0] == 0
    assert checkout.done() == RUNTIME


def test_what_is_installed_is_compiled_and_where_that_fails_it_runs_all_the_same(checkout: Checkout) -> None:
    assert checkout.bootstrap()[0] == 0
    compiled = checkout.log.with_name("log.compiled").read_text()
    assert compiled == f"-m compileall -q {checkout.root}/gatewayd {checkout.root}/drivers\n"


def test_the_second_start_does_nothing(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.done()
    assert checkout.bootstrap() == (0, "")
    assert checkout.done() == []


def test_the_test_set_is_added_to_the_runtime(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.done()
    checkout.bootstrap("test")
    assert checkout.done() == ["pytest==3", "gatewayd"]
    assert checkout.bootstrap() == (0, "")


def test_a_failed_installation_is_reported_and_begun_afresh_next_time(checkout: Checkout) -> None:
    checkout.broken.touch()
    status, told = checkout.bootstrap()
    assert status == 1
    assert "failed" in told
    checkout.broken.unlink()
    checkout.done()
    assert checkout.bootstrap()[0] == 0
    assert checkout.done() == RUNTIME


def test_an_environment_that_was_being_changed_when_the_power_went_is_rebuilt(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.done()
    (checkout.root / ".venv" / ".building").touch()
    checkout.bootstrap()
    assert checkout.done() == RUNTIME


def test_other_pins_make_a_new_environment(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.done()
    (checkout.root / "tools" / "constraints.txt").write_text(PINS.replace("aiohttp==2", "aiohttp==4"))
    checkout.bootstrap()
    assert checkout.done() == ["venv", "pip==1", "aiohttp==4", "gatewayd"]


def test_another_description_of_the_project_installs_gatewayd_alone(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.done()
    (checkout.root / "pyproject.toml").write_text("[project]")
    checkout.bootstrap()
    assert checkout.done() == ["gatewayd"]


def test_two_starts_at_once_install_once(checkout: Checkout) -> None:
    os.mkfifo(checkout.gate)
    first = checkout.start()
    with checkout.gate.open("w"):  # opens when the first has begun to build
        second = checkout.start()
        assert second.stderr
        assert "waiting" in second.stderr.readline()
    first.communicate()
    second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert checkout.done() == RUNTIME


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout, tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "dear-aunt.txt").touch()
    status, told = checkout.bootstrap(GATEWAYD_VENV=str(letters))
    assert status == 1
    assert "stays as it is" in told
    assert [path.name for path in letters.iterdir()] == ["dear-aunt.txt"]


@pytest.mark.parametrize(("beside", "expected"), [("/usr/bin", "/usr/bin/python3"), ("/usr/local/bin", "python3")])
def test_the_python_of_the_distribution_comes_before_others_on_the_path(
    checkout: Checkout, beside: str, expected: str
) -> None:
    script = 'root=$1; . "$1/tools/bootstrap.sh"; _usable() { [ -n "$1" ]; }; _pick_python; echo "$_python"'
    told = subprocess.run(
        [shutil.which("sh") or "sh", "-c", script, "sh", checkout.root],
        env={"PATH": f"{checkout.programs}:{beside}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert told == f"{expected}\n"


def test_without_python_a_user_is_told_what_to_install(checkout: Checkout) -> None:
    (checkout.programs / "python3").unlink()
    checkout.has("apt-get", "#!/bin/sh\nexit 9\n")
    checkout.has("dpkg-query", "#!/bin/sh\nexit 1\n")
    checkout.has("id", "#!/bin/sh\necho 1000\n")
    status, told = checkout.bootstrap()
    assert status == 1
    assert "sudo apt-get install python3 python3-venv\n" in told


def test_without_python_root_gets_exactly_what_is_missing(checkout: Checkout) -> None:
    (checkout.programs / "python3").rename(checkout.programs / "later")
    checkout.has(
        "apt-get", f'#!/bin/sh\necho "$@" >>"$LOG"\ncp "{checkout.programs}/later" "{checkout.programs}/python3"\n'
    )
    checkout.has("dpkg-query", '#!/bin/sh\ncase "$*" in *venv) exit 1 ;; esac\necho "install ok installed"\n')
    checkout.has("id", "#!/bin/sh\necho 0\n")
    assert checkout.bootstrap()[0] == 0
    update, install, *rest = checkout.done()
    assert update.startswith("update")
    assert install.endswith("Timeout=300 python3-venv")
    assert rest == RUNTIME
