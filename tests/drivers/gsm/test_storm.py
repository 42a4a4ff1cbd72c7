"""Storms over a whole gateway and its modems: whatever happens in whatever order, no promise about pages is broken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.drivers.gsm.storm import Storm

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 60  # things that happen in one storm


@pytest.mark.parametrize("modems", [1, 2])
@pytest.mark.parametrize("seed", range(7))
async def test_no_page_leaves_after_its_withdrawal_or_twice_and_every_page_has_one_end(
    seed: int, modems: int, tmp_path: Path
) -> None:
    storm = Storm(tmp_path, random.Random(seed), modems)
    await storm.open()
    for _ in range(LENGTH):
        await storm.happens()
    await storm.passes()
    assert not storm.history.wrongs, "\n".join(storm.history.story)
