"""Each import contract catches what it is there to catch, tried on a skeleton of the two packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging import ROOT

LINT = Path(sys.executable).with_name("lint-imports")
MODULES = {
    "gatewayd": "cli daemon api/ engine/ store/ settings driver transport/ registry simulator model clock errors",
    "drivers/alpha": "driver protocol",
    "drivers/beta": "driver protocol",
}
VIOLATIONS = [
    ("gatewayd/stray.py", "# a module without a place", "Layers import downwards only"),
    ("gatewayd/model.py", "import gatewayd.store", "Layers import downwards only"),
    ("gatewayd/store/__init__.py", "import gatewayd.engine", "Layers import downwards only"),
    ("gatewayd/settings.py", "import gatewayd.store", "Layers import downwards only"),
    ("gatewayd/registry.py", "import drivers.alpha", "gatewayd never names a driver"),
    ("drivers/alpha/driver.py", "from gatewayd import store", "Drivers see the driver contract and what lies below it"),
    ("drivers/alpha/driver.py", "from drivers.beta import protocol", "No driver imports another"),
    ("drivers/alpha/protocol.py", "import asyncio.streams", "A protocol does no input, output or waiting"),
    ("drivers/alpha/protocol.py", "from time import monotonic", "A protocol does no input, output or waiting"),
    ("drivers/alpha/protocol.py", "from drivers.alpha import driver", "A protocol does no input, output or waiting"),
    ("gatewayd/engine/__init__.py", "import sqlite3", "SQL lives in the store"),
]


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package, modules in MODULES.items():
        (tmp_path / package).mkdir(parents=True)
        for name in ["__init__", *modules.split()]:
            path = tmp_path / package / (f"{name}__init__.py" if name.endswith("/") else f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.touch()
    (tmp_path / "drivers" / "__init__.py").touch()
    (tmp_path / "drivers" / "alpha" / "driver.py").write_text("import asyncio\n")
    (tmp_path / "gatewayd" / "store" / "__init__.py").write_text("import sqlite3\nimport sqlite_utils\n")
    return tmp_path


def broken_contracts(project: Path) -> list[str]:
    run = subprocess.run([LINT, "--no-logo", "--no-cache"], cwd=project, capture_output=True, text=True, check=False)
    assert re.search(r"^Contracts: \d+ kept, \d+ broken\.$", run.stdout, re.MULTILINE), run.stdout
    return re.findall(r"^(.+) BROKEN\b", run.stdout, re.MULTILINE)


def test_the_skeleton_keeps_every_contract(skeleton: Path) -> None:
    assert broken_contracts(skeleton) == []


@pytest.mark.parametrize(("module", "line", "contract"), VIOLATIONS)
def test_a_violation_breaks_its_contract(skeleton: Path, module: str, line: str, contract: str) -> None:
    with (skeleton / module).open("a") as source:
        source.write(f"{line}\n")
    assert any(name.startswith(contract) for name in broken_contracts(skeleton))
