"""Files that lines name: looked at when somebody asks, never at a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import ConfigError
from gatewayd.settings import examine

if TYPE_CHECKING:
    from tests.settings.conftest import Box

LINE = '[lines.north]\nkind = "horn"\nport = "x"\nsong = "{}"\n'
LATE, EARLY = 2e9, 0.0


def test_a_file_that_is_missing_is_a_problem_beside_all_others(box: Box) -> None:
    box.write(LINE.format("/nowhere/song") + '[lines.south]\nkind = "horn"\n')
    with pytest.raises(ConfigError) as caught:
        examine(box.file, None, {}, files_at=EARLY)
    assert {problem.where: problem.reason for problem in caught.value.problems} == {
        "lines.north.song": "there is no such file",
        "lines.south.port": "is missing",
    }


def test_what_is_only_unwise_is_a_warning_and_the_time_is_that_of_the_caller(box: Box) -> None:
    box.write(LINE.format(box.file))
    found = examine(box.file, None, {}, files_at=LATE).warnings
    assert [(each.where, each.reason) for each in found] == [("lines.north.song", "is out of fashion")]
    assert examine(box.file, None, {}, files_at=EARLY).warnings == ()


def test_the_source_of_the_path_is_named(box: Box) -> None:
    box.write(LINE.format(""))
    variable = "GATEWAYD_LINES__NORTH__SONG"
    with pytest.raises(ConfigError) as caught:
        examine(box.file, None, {variable: "/nowhere/song"}, files_at=EARLY)
    assert [problem.where for problem in caught.value.problems] == [variable]


def test_a_start_looks_at_no_file_for_one_line_must_not_stop_the_others(box: Box) -> None:
    box.write(LINE.format("/nowhere/song"))
    assert set(box.settings.lines) == {"north"}
    assert box.examined().warnings == ()
