"""The vocabulary of these tests: commands are typed, their output and exit code are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.cli import main
from gatewayd.store import open_store
from tests.registry.conftest import fresh, kinds

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.model import Site

__all__ = ["fresh", "kinds"]

CONFIG = '[gateway]\ndata_dir = "data"\n[lines.north-horn]\nkind = "horn"\nport = "pty/horn"\n'


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """What it printed for programs."""
        return json.loads(self.out)


@dataclass
class Shell:
    """A terminal in the directory of one box."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def type(self, *words: str) -> Ended:
        """Run a command of `gatewayd`."""
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        output = self.capsys.readouterr()
        return Ended(code, output.out, output.err)

    def write(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def site(self) -> Site:
        """Return the site in the store."""
        store = open_store(self.folder / "data")
        try:
            return store.load_site()
        finally:
            store.close()


@pytest.fixture
def shell(kinds: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Open a terminal in the directory of a configured box."""
    monkeypatch.chdir(tmp_path)
    made = Shell(tmp_path, capsys)
    made.write("box.toml", CONFIG)
    return made
