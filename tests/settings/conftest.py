"""The vocabulary of these tests: a file, an environment, and what the gateway makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.errors import ConfigError, Problem
from gatewayd.settings import Loaded, Settings, examine
from tests.registry.conftest import fresh, kinds

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh", "kinds"]


@dataclass
class Box:
    """A box that is configured but not started."""

    file: Path
    env: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def write(self, text: str) -> None:
        """Write the configuration file."""
        self.file.write_text(text)

    def examined(self) -> Loaded:
        """Read everything."""
        return examine(self.file, self.overrides, self.env)

    @property
    def settings(self) -> Settings:
        """The settings, which are valid."""
        return self.examined().settings

    def problems(self) -> list[Problem]:
        """Return what is wrong with the settings."""
        with pytest.raises(ConfigError) as caught:
            self.examined()
        return list(caught.value.problems)

    def complaints(self) -> dict[str, str]:
        """Return reasons by key."""
        return {problem.where: problem.reason for problem in self.problems()}


@pytest.fixture
def box(kinds: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """Make a box with an empty configuration file in the current directory."""
    monkeypatch.chdir(tmp_path)
    made = Box(tmp_path / "gatewayd.toml")
    made.write("")
    return made
