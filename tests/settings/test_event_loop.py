"""Which event loop carries the daemon."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from gatewayd import daemon
from gatewayd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.settings.conftest import Box


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return what installs or removes a stand-in for uvloop."""

    def set_up(there: bool) -> None:  # noqa: FBT001
        module = ModuleType("uvloop")
        module.new_event_loop = asyncio.new_event_loop  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "uvloop", module)
        for place in ("gatewayd.sections", "gatewayd.daemon"):
            monkeypatch.setattr(f"{place}.has_uvloop", lambda: there)

    return set_up


@pytest.mark.parametrize(
    ("choice", "there", "takes_uvloop"),
    [("auto", True, True), ("auto", False, False), ("asyncio", True, False), ("uvloop", True, True)],
)
def test_auto_takes_uvloop_where_it_is_installed(
    choice: str,
    there: bool,  # noqa: FBT001
    takes_uvloop: bool,  # noqa: FBT001
    install: Callable[[bool], None],
    box: Box,
) -> None:
    install(there)
    box.write(f'[gateway]\nevent_loop = "{choice}"\n')
    factory = daemon._loop_factory(box.settings.gateway.event_loop)
    assert factory is (asyncio.new_event_loop if takes_uvloop else None)


def test_without_a_word_the_choice_is_automatic(box: Box) -> None:
    assert box.settings.gateway.event_loop == "auto"


def test_uvloop_that_is_not_installed_is_refused_with_the_way_out(install: Callable[[bool], None], box: Box) -> None:
    install(False)  # noqa: FBT003
    box.write('[gateway]\nevent_loop = "uvloop"\n')
    with pytest.raises(ConfigError) as refused:
        _ = box.settings
    (problem,) = refused.value.problems
    assert problem.where == "gateway.event_loop"
    assert "uvloop is not installed" in problem.reason
