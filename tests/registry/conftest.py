"""The vocabulary of these tests: a box whose built-in kinds are those of `tests.registry.kinds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the registry look again, before and after."""
    registry.forget()
    yield
    registry.forget()


@pytest.fixture
def kinds(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `horn`, `lamp` and `broken` the built-in kinds."""
    monkeypatch.setattr(registry, "BUILT_IN", "tests.registry.kinds")
