from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gatewayd import registry
from gatewayd.cli.player import require_playable
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

HEADER = "# gatewayd capture 1\n"
PRINTED = HEADER + "# kind: ascii\n# line: panel\n0 open -\n1.5 in 1 FI\n1.625 in 1 RE 3<CR><LF>\n"


@pytest.fixture
def kinds() -> None:
    """Use the kinds that gatewayd ships with."""


def told(shell: Shell, text: str, *words: str) -> list[tuple[float, str]]:
    ended = shell.type("replay", shell.write("some.capture", text), "--json", *words)
    assert ended.code == 0, ended.out
    return [(entry["time"], entry["what"]) for entry in ended.json]


def test_bytes_arrive_at_the_moments_at_which_they_arrived_then(shell: Shell) -> None:
    (up, _), (alarm, what), *_ = told(shell, PRINTED)
    assert (up, alarm) == (0.0, 1.625)
    assert "text='FIRE 3'" in what


def test_silence_counts_as_well(shell: Shell) -> None:
    paused = HEADER + "0 open -\n1 in 1 FIRE\n9 in 1 BED<CR>\n"
    alarms = [what for _, what in told(shell, paused, "--kind", "ascii") if what.startswith("Alarm")]
    assert ["text='FIRE'" in alarms[0], "text='BED'" in alarms[1], len(alarms)] == [True, True, 2]


def test_a_capture_that_begins_in_the_middle_can_be_replayed(shell: Shell) -> None:
    assert any("FIRE 3" in what for _, what in told(shell, PRINTED.replace("0 open -\n", "")))


def test_a_new_connection_begins_afresh(shell: Shell) -> None:
    cut = PRINTED + "2 in 1 BED\n3 open -\n3.5 in 2 ROOM<CR>\n"
    words = [what for _, what in told(shell, cut)]
    assert words.count("up") == 2
    assert any(what.startswith("down: ") for what in words)
    assert any("text='ROOM'" in what for what in words)


def test_bytes_of_another_connection_are_not_taken_for_those_of_the_present_one(shell: Shell) -> None:
    words = [what for _, what in told(shell, PRINTED + "2 in 1 BED\n3 in 2 ROOM<CR>\n")]
    assert "5 bytes were not heard: the line is not open" in words
    assert not any("BEDROOM" in what for what in words)


def test_a_page_that_was_taken_back_ends_without_a_receipt(shell: Shell) -> None:
    logon = "# kind: tap\n0 open -\n0.1 in 1 ID=\n0.2 in 1 <ACK><CR><ESC>[p<CR>\n"
    orders = "0.3 page 7 2001<US>2<US><US>FIRE\n0.4 page 8 2002<US>2<US><US>BED\n0.5 withdraw 8\n"
    answer = "0.6 in 1 <ACK><CR>\n0.7 in 1 <ACK><CR>\n"
    words = [what for _, what in told(shell, HEADER + logon + orders + answer)]
    assert "page 7 to '2001': 'FIRE'" in words
    assert "page 7 sent: the terminal answered ACK" in words
    assert not any(what.startswith("page 8 sent") for what in words)


def test_the_settings_may_be_given_or_come_from_a_configuration(shell: Shell) -> None:
    capture = HEADER + "# kind: ascii\n# line: panel\n0 open -\n1 in 1 :FIRE;\n"
    words = ("--set", "framing=markers", "--set", "start=:", "--set", "end=;")
    given = told(shell, capture, *words)
    shell.write(
        "house.toml", '[lines.panel]\nkind = "ascii"\nport = "x"\nframing = "markers"\nstart = ":"\nend = ";"\n'
    )
    assert told(shell, capture, "--config", "house.toml") == given
    assert given[1][0] == 1.0


def test_with_a_speed_it_takes_its_time(shell: Shell) -> None:
    began = time.monotonic()
    told(shell, PRINTED, "--speed", "20")
    assert time.monotonic() - began >= 1.625 / 20


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("hello\n", (), 4),
        (PRINTED + "1 in\n", (), 4),
        (PRINTED.replace("# kind: ascii\n", ""), (), 1),
        (PRINTED, ("--kind", "nothing"), 1),
        (PRINTED, ("--kind", "webpush"), 1),
        (PRINTED, ("--set", "framing=nothing"), 4),
        (PRINTED, ("--set", "framing"), 1),
        (PRINTED, ("--speed", "-1"), 1),
        (PRINTED, ("--config", "box.toml", "--line", "nobody"), 4),
    ],
)
def test_what_cannot_be_replayed_is_refused(text: str, words: tuple[str, ...], code: int, shell: Shell) -> None:
    assert shell.type("replay", shell.write("some.capture", text), *words).code == code


def test_a_kind_whose_bytes_a_library_carries_cannot_be_replayed_and_says_so(shell: Shell) -> None:
    ended = shell.type("replay", shell.write("a", HEADER + "0 in 1 x\n"), "--kind", "webpush")
    assert (ended.code, "their bytes go through a library of their own" in ended.err) == (1, True)


PLAYED = ("ascii", "comp2", "espa444", "gsm", "scope", "sip", "snpp", "tap", "waveware")


@pytest.mark.parametrize("kind", PLAYED)
def test_every_kind_with_bytes_of_its_own_can_be_replayed(kind: str, shell: Shell) -> None:
    opened = HEADER + f"# kind: {kind}\n0 open -\n1 in 1 ?\n2 page 7 2001<US>2<US><US>FIRE\n"
    words = [what for _, what in told(shell, opened)]
    assert any(what.startswith("page 7 to '2001'") for what in words)
    assert any(what.startswith("sent ") for what in words)
    assert not any("not heard" in what for what in words)


def test_a_kind_is_played_or_refused_with_the_reason_and_nothing_in_between() -> None:
    played = []
    for name in registry.kinds():
        try:
            require_playable(registry.load(name))
        except Invalid as error:
            assert "a library of their own" in error.reason  # noqa: PT017 - most are not refused
        else:
            played.append(name)
    assert set(PLAYED) <= set(played)
    assert "webpush" not in played


def test_what_a_device_said_reaches_the_terminal_without_control_codes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.cli.replayline.words", lambda _: "a driver that passes on \x1b[2J")
    out = shell.type("replay", shell.write("a.capture", PRINTED)).out
    assert "passes on ?[2J" in out
    assert out.replace("\n", "").isprintable()


def test_a_file_that_is_not_there_is_named(shell: Shell, tmp_path: Path) -> None:
    ended = shell.type("replay", str(tmp_path / "none"))
    assert (ended.code, "cannot be read" in ended.err) == (4, True)
