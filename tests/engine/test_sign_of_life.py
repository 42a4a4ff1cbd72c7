"""The watchdog's sign of life comes out of the scheduler, so that it ends where the scheduler does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.conftest import Box


async def test_a_sign_of_life_comes_in_every_interval_of_a_quiet_box(box: Box) -> None:
    beats: list[float] = []
    start = box.clock.now()
    box.engine.beat(10.0, lambda: beats.append(box.clock.now() - start))
    await box.passes(35)
    assert beats == [0.0, 10.0, 20.0, 30.0]


async def test_it_comes_as_often_and_no_oftener_while_alarms_escalate(box: Box) -> None:
    beats: list[float] = []
    start = box.clock.now()
    box.engine.beat(10.0, lambda: beats.append(box.clock.now() - start))
    await box.activates("3-12")
    await box.passes(95)
    assert len(box.phones.pages) == 3  # steps at 0, 30 and 90 s
    assert [round(beat) for beat in beats] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
