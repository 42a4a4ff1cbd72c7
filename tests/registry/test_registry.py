from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import drivers
from gatewayd import registry
from gatewayd.errors import Invalid
from tests.registry.kinds.horn import HornDriver, HornSettings

if TYPE_CHECKING:
    from pathlib import Path

BELL = """
from tests.registry.kinds.horn import DRIVER, SETTINGS
"""


@pytest.fixture
def installed_bell(kinds: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution of somebody else that brings the kind `bell`, and one that wants to replace `horn`."""
    package, info = tmp_path / "bellworks", tmp_path / "bellworks-1.dist-info"
    package.mkdir()
    (package / "__init__.py").write_text(BELL)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bellworks\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gatewayd.drivers]\nbell = bellworks\nhorn = bellworks.fake\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_kinds_are_the_packages_beside_each_other(kinds: None) -> None:
    assert registry.kinds() == ["broken", "horn", "lamp"]


def test_a_kind_brings_its_driver_and_its_settings(kinds: None) -> None:
    assert registry.load("horn") == registry.Kind("horn", HornDriver, HornSettings)


def test_only_the_kind_that_is_asked_for_is_imported(kinds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tests.registry.kinds.lamp", raising=False)
    registry.load("horn")
    registry.simulator("horn-listener")
    assert "tests.registry.kinds.lamp" not in sys.modules


def test_an_unknown_kind_is_refused_with_what_was_probably_meant(kinds: None) -> None:
    with pytest.raises(Invalid, match=r"there is no driver 'hron'; did you mean 'horn'\?"):
        registry.load("hron")


def test_a_driver_that_cannot_be_imported_says_why(kinds: None) -> None:
    with pytest.raises(Invalid, match="'broken' cannot be imported: ImportError: no module named 'libhorn'"):
        registry.load("broken")


def test_a_package_that_exports_no_driver_is_named(kinds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("tests.registry.kinds.lamp.DRIVER")
    with pytest.raises(Invalid, match=r"'lamp' cannot be used: .* has no attribute 'DRIVER'"):
        registry.load("lamp")


def test_what_is_built_in_is_found_without_a_look_at_all_that_is_installed(
    kinds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "entry_points", None)
    assert registry.load("horn").driver is HornDriver
    assert registry.simulator("horn-listener")


def test_an_installed_distribution_adds_a_kind(installed_bell: None) -> None:
    assert registry.kinds() == ["bell", "broken", "horn", "lamp"]
    assert registry.load("bell").settings is HornSettings


def test_an_installed_distribution_cannot_replace_a_built_in_kind(installed_bell: None) -> None:
    assert registry.load("horn").driver is HornDriver


def test_a_broken_simulator_is_logged_and_hides_no_other(kinds: None, caplog: pytest.LogCaptureFixture) -> None:
    assert list(registry.simulators()) == ["horn-listener"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the simulators of broken cannot be used"
    ]


def test_an_unknown_simulator_is_refused_with_what_was_probably_meant(kinds: None) -> None:
    with pytest.raises(Invalid, match=r"there is no simulator 'horn-listner'; did you mean 'horn-listener'\?"):
        registry.simulator("horn-listner")


def test_every_kind_that_ships_can_be_used(fresh: None) -> None:
    assert drivers.__name__ == registry.BUILT_IN
    for kind in registry.kinds():
        assert registry.load(kind).driver.kind == kind
