"""Dialogues: scripts wait for what they ask for, a silent modem is called, and one that stays silent is given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.hayes.channel import Channel
from gatewayd.hayes.runner import Runner
from gatewayd.hayes.script import Command, Pause, Raw, Reply, Resync, Unresponsive, ask

if TYPE_CHECKING:
    from gatewayd.hayes.script import Script


class Dialogue:
    """A script, and a modem that says what the test lets it say."""

    def __init__(self, script: Script[None]) -> None:
        self.channel = Channel()
        self.runner = Runner(self.channel)
        self.now = 0.0
        self.runner.begin(script)
        self.waits = self.runner.resume(None, self.now)

    def wrote(self) -> bytes:
        data = bytes(self.channel.out)
        self.channel.out.clear()
        return data

    def says(self, line: str) -> None:
        reply = self.channel.receive(f"\r\n{line}\r\n".encode(), self.now)
        if reply is not None:
            self.waits = self.runner.resume(reply, self.now)

    def silence(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.runner.due()) is not None and due <= until:
            self.now = max(due, self.now)
            reply = self.runner.expire(self.now)
            if reply is not None:
                self.waits = self.runner.resume(reply, self.now)
        self.now = until


def test_script_sends_waits_and_pauses_in_its_order() -> None:
    seen: list[Reply] = []

    def script() -> Script[None]:
        yield Raw(b"+++")
        yield Pause(1)
        seen.append((yield Command("ATH")))
        yield Command("ATZ")

    dialogue = Dialogue(script())
    assert dialogue.wrote() == b"+++"
    dialogue.silence(0.9)
    assert dialogue.wrote() == b""
    dialogue.silence(0.2)
    assert dialogue.wrote() == b"ATH\r"
    dialogue.says("OK")
    assert (dialogue.wrote(), [reply.ok for reply in seen], dialogue.waits) == (b"ATZ\r", [True], True)
    dialogue.says("ERROR")
    assert (dialogue.waits, dialogue.runner.busy, dialogue.runner.due()) == (False, False, None)


def asks_once(seen: list[Reply]) -> Script[None]:
    seen.append((yield from ask(Command("AT+CSQ"), Resync(tries=4, every=0.5, quiet=0.05))))


def test_modem_that_missed_a_command_is_called_until_it_answers() -> None:
    seen: list[Reply] = []
    dialogue = Dialogue(asks_once(seen))
    dialogue.silence(5.2)
    assert dialogue.wrote() == b"AT+CSQ\r\x1bAT\r"
    dialogue.says("ERROR")  # some answer so to a bare AT, and are there all the same
    dialogue.silence(1)
    assert [reply.timed_out for reply in seen] == [True]
    assert not dialogue.waits


def test_modem_that_has_a_call_is_called_back_with_the_guard_time_around_the_plusses() -> None:
    dialogue = Dialogue(asks_once([]))
    dialogue.silence(5 + 2 * 0.5)
    dialogue.wrote()
    dialogue.silence(0.95)
    assert dialogue.wrote() == b""
    dialogue.silence(0.1)
    assert dialogue.wrote() == b"+++"
    dialogue.silence(0.9)
    assert dialogue.wrote() == b""
    dialogue.silence(0.1)
    assert dialogue.wrote() == b"ATV1Q0\r"


def test_modem_that_stays_silent_is_given_up_and_leaves_nothing_behind() -> None:
    dialogue = Dialogue(asks_once([]))
    with pytest.raises(Unresponsive, match="did not answer AT 4 times"):
        dialogue.silence(60)
    assert (dialogue.runner.busy, dialogue.runner.due()) == (False, None)


def test_script_that_is_stopped_wants_nothing_more() -> None:
    def script() -> Script[None]:
        yield Pause(1)

    dialogue = Dialogue(script())
    dialogue.runner.stop()
    assert (dialogue.runner.busy, dialogue.runner.due()) == (False, None)
