import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

import drivers.espa444
from gatewayd.model import Priority
from tests.drivers.espa444.conftest import espa

WAITING_MODULES = {"asyncio", "socket", "serial", "time", "threading", "select", "selectors", "subprocess"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"own_address": "1"}, "also one of peers"),
        ({"role": "pager", "peers": ["1", "3"]}, "takes one address"),
        ({"role": "panel", "peers": ["2", "2"]}, "twice"),
        ({"encoding": "utf-8"}, "needs bytesize 8"),
        ({"own_address": "a b"}, "pattern"),
        ({"baudrate": 1234}, "is none of"),
        ({"priorities": {"1": "urgent"}}, "emergency"),
        ({"speed": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(options: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        espa(**options)


def test_defaults_follow_the_specification() -> None:
    pager, panel = espa(), espa(role="panel")
    assert (pager.bytesize, pager.parity, pager.stopbits) == (7, "even", 2)
    assert (pager.own, pager.stations) == ("2", ("1",))
    assert (panel.own, panel.stations) == ("1", ("2",))
    assert (pager.watchdog, pager.retransmissions) == (10, 2)


def test_a_character_takes_its_bits_on_the_line() -> None:
    assert espa(baudrate=1200).config.char_time == pytest.approx(11 / 1200)
    assert espa(bytesize=8, parity="none", stopbits=1).config.char_time == pytest.approx(10 / 9600)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 30),
        ({"role": "panel"}, 30),
        ({"role": "panel", "poll_interval": 0}, None),
        ({"self_poll": "absent"}, None),
        ({"self_poll": "absent", "link_silent_after": 60}, 60),
        ({"link_silent_after": 0}, None),
    ],
)
def test_silence_is_a_fault_only_where_something_has_to_be_heard(
    options: dict[str, object], expected: float | None
) -> None:
    assert espa(**options).silent_after == expected


def test_priority_that_the_line_lacks_becomes_the_next_higher_one() -> None:
    line = espa(priorities={"1": "emergency", "3": "normal"})
    assert [line.code_of(priority) for priority in Priority] == ["1", "1", "3", "3"]


def test_nothing_that_the_protocol_is_made_of_can_wait_or_do_input_and_output() -> None:
    folder = Path(drivers.espa444.__file__).parent
    seen, waiting = set(), {"protocol"}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for name in _imports(folder / f"{module}.py"):
            assert name.split(".")[0] not in WAITING_MODULES, f"{module} imports {name}"
            if name.startswith("drivers.espa444."):
                waiting |= {name.rpartition(".")[2]} - seen
    assert {"control", "polled", "station", "framer", "frames", "charset"} <= seen


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found
