"""What every simulated device says it can do wrong, held against its code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gatewayd import registry
from gatewayd.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
SHARED = {
    **dict.fromkeys(("comp2", "scope", "waveware"), (ROOT / "gatewayd/encoder/simulator.py",)),
    "tap": (ROOT / "gatewayd/hayes/simulated.py",),
}
NEEDS = {"port": "/tmp/x"}
OPTIONAL = FieldInfo(default=None)
USES = ("take", "standing")


def kinds() -> list[str]:
    return [kind for kind in registry.kinds() if names(kind)]


def names(kind: str) -> list[str]:
    found = registry.simulators().items()
    return [name for name, simulator in found if simulator.__module__.startswith(f"drivers.{kind}.")]


def sources(kind: str) -> list[ast.AST]:
    files = [*(ROOT / "drivers" / kind).glob("*.py"), *SHARED.get(kind, ())]
    return [ast.parse(file.read_text()) for file in files]


def declared(kind: str) -> set[str]:
    return {fault for name in names(kind) for fault in registry.simulator(name).Settings.FAULTS}


def texts(nodes: Sequence[ast.expr | None]) -> set[str]:
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {value for value in values if isinstance(value, str)}


def asked_for(kind: str) -> set[str]:
    """Return the faults that the code asks for by name: `faults.take("nak")`."""
    calls = [node for tree in sources(kind) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in USES and "faults" in ast.unparse(call.func.value)
    ]
    return texts(named)


def tabulated(kind: str) -> set[str]:
    """Return the keys of tables, and of single pairs behind one: a fault may be looked up there."""
    nodes = [node for tree in sources(kind) for node in ast.walk(tree)]
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    pairs = [node.elts for node in nodes if isinstance(node, ast.Tuple) and len(node.elts) == len(("key", "value"))]
    keys += [key for key, value in pairs if not isinstance(value, ast.Constant)]
    return texts(keys)


@pytest.mark.parametrize("kind", kinds())
def test_every_fault_that_a_device_can_have_is_declared_and_the_other_way_round(kind: str) -> None:
    assert asked_for(kind) <= declared(kind)
    assert declared(kind) <= asked_for(kind) | tabulated(kind)


@pytest.mark.parametrize("name", sorted(registry.simulators()))
def test_no_device_takes_a_fault_that_it_does_not_know(name: str) -> None:
    model = registry.simulator(name).Settings
    needed = {key: value for key, value in NEEDS.items() if model.model_fields.get(key, OPTIONAL).is_required()}
    extra = {"modem": True} if name == "tap-client" else {}
    for fault in model.FAULTS:
        assert model.model_validate({**needed, **extra, "faults": {fault: 1}}).faults == {fault: 1}
    with pytest.raises(ValidationError, match=f"no fault 'unheard-of'; this device knows {model.FAULTS[0]}"):
        model.model_validate({**needed, "faults": {"unheard-of": 1}})


@pytest.mark.parametrize("name", sorted(registry.simulators()))
def test_help_names_every_fault(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate-device", name, "--help"])
    words = capsys.readouterr().out.replace(",", " ").split()
    assert set(registry.simulator(name).Settings.FAULTS) <= set(words)


def test_an_entry_device_without_a_modem_has_none_of_a_modems_faults() -> None:
    model = registry.simulator("tap-client").Settings
    with pytest.raises(ValidationError, match="faults: busy: only with modem = true"):
        model.model_validate({**NEEDS, "faults": {"busy": 1}})
