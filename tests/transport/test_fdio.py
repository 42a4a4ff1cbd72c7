"""Writing to a descriptor that takes only so much at a time."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.transport.fdio import FdWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

MUCH = b"0123456789" * 50_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 100_000)
    except BlockingIOError:
        return b""


async def test_everything_leaves_in_order_and_nothing_is_watched_afterwards(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    writer = FdWriter(sink, lambda error: pytest.fail(str(error)))
    writer.write(MUCH)
    writer.write(b"the end")
    got = b""
    async with asyncio.timeout(5):
        while writer.unsent:
            got += read(source)
            await settle(1)
    got += read(source)
    assert got == MUCH + b"the end"
    assert writer.taken == len(got)
    assert not asyncio.get_running_loop().remove_writer(sink)


async def test_after_stop_nothing_waits_and_nothing_is_watched(pipe: tuple[int, int]) -> None:
    writer = FdWriter(pipe[1], lambda error: pytest.fail(str(error)))
    writer.write(MUCH)
    assert writer.unsent > 0
    writer.stop()
    assert writer.unsent == 0
    assert not asyncio.get_running_loop().remove_writer(pipe[1])


async def test_a_lost_device_is_told_once_and_nothing_waits_for_it(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    errors: list[OSError] = []
    writer = FdWriter(sink, errors.append)
    writer.write(MUCH)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, source)  # the only reader is gone
    os.close(nowhere)
    async with asyncio.timeout(5):
        while not errors:
            await settle(1)
    assert [type(error) for error in errors] == [BrokenPipeError]
    assert writer.unsent == 0
