"""The vocabulary of these tests: files are parsed, merged into a site, and complaints are read by place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import ConfigError
from gatewayd.model import Site
from gatewayd.passwords import cheap_for_tests
from gatewayd.secrets import Vault
from gatewayd.sitefile import merge, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VAULT = Vault({"NURSE": "nurse-secret"}, Path("/nonexistent"))
LINES = frozenset({"ward-panel", "pager", "phones"})


@pytest.fixture(autouse=True, scope="module")
def _cheap_passwords() -> Iterator[None]:
    """Let no test wait for scrypt."""
    with cheap_for_tests():
        yield


def loaded(text: str, current: Site | None = None, *, replace: bool = False, next_id: int = 1) -> Site:
    """Return the site after an import of `text`."""
    file = parse(text, "site.toml", VAULT)
    return merge(current or Site(), file, replace=replace, known_lines=LINES, next_id=next_id)


def complaints(action: Callable[[], object]) -> dict[str, str]:
    """Return the reasons by place of what `action` refuses."""
    with pytest.raises(ConfigError) as caught:
        action()
    assert {problem.file for problem in caught.value.problems} == {"site.toml"}
    return {problem.where: problem.reason for problem in caught.value.problems}
