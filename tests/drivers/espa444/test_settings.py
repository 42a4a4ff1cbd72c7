import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

import drivers.espa444
from drivers.espa444.settings import meaning_of
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
        ({"addresses": {"3": ["3*"]}}, "none of peers"),
        ({"role": "pager", "control": True, "poll_interval": 0}, "hears nobody"),
        ({"role": "pager", "control": True, "self_poll": "absent"}, "hears nobody"),
        ({"role": "panel", "control": False, "self_poll": "absent"}, "can say nothing"),
        ({"role": "panel", "select": "none"}, "needs self_poll absent"),
        ({"role": "pager", "select": "bare", "self_poll": "absent"}, "control of the line"),
        ({"role": "panel", "request_status_after": 30, "require_status_within": 30}, "less than"),
        ({"role": "panel", "poll_interval": 0, "request_status_after": 30}, "no status can come"),
        ({"require_status_within": 30}, "no status can come"),
        ({"repeat_timeout": 30}, "longer than link_silent_after"),
        ({"role": "panel", "repeat_timeout": 300}, "only a pager has them"),
        ({"calls": "text", "repeat_timeout": 300}, "are alarms"),
        ({"told": {"lost": "8"}}, "paged"),
        ({"call_types": {"1": "urgent"}}, "reset"),
        ({"headers": {"1": "alarm"}}, "call"),
        ({"system_status": {"1": "bad"}}, "well"),
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


def test_either_end_may_be_the_control_station() -> None:
    pager, panel = espa(role="pager", control=True, peers=["2", "3"]), espa(role="panel", control=False)
    assert (pager.own, pager.stations, pager.polls, pager.silent_after) == ("1", ("2", "3"), 1, 30)
    assert (panel.own, panel.stations, panel.polls, panel.silent_after) == ("2", ("1",), 0, 30)
    assert (pager.hears_status, panel.hears_status, pager.tells_status, panel.tells_status) == (
        False,
        True,
        True,
        False,
    )


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


@pytest.mark.parametrize(("table", "value"), [("priorities", "12"), ("call_status", "61"), ("system_status", "10")])
def test_digits_that_a_table_does_not_have_are_subdivisions_of_the_first(table: str, value: str) -> None:
    meanings = getattr(espa(), table)
    assert meaning_of(value, meanings) == meanings[value[0]]
    assert meaning_of("x", meanings) is None


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
