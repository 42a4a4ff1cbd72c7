"""The serial ports of simulators."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from gatewayd.transport.pty import UNHEARD_TIME, open_pty
from tests.transport.cores import Talker
from tests.transport.ptys import descriptors, exists, is_device, names, opened, passed_through, read

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.clock import ManualClock


async def test_the_device_survives_that_the_gateway_closes_and_opens_again(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    for _ in range(3):
        with opened(pty.path) as fd:
            os.write(fd, b"hello\n")
            assert await asyncio.wait_for(device.hear(), 5) == [b"hello"]
    assert device.lost is None
    pty.close()
    await device.wait_closed()


async def test_bytes_pass_unchanged_and_are_not_echoed(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    every = bytes(range(256))
    with opened(pty.path) as fd:
        device.say(every)
        got = b""
        async with asyncio.timeout(5):
            while len(got) < 256:
                got += read(fd)
                await asyncio.sleep(0)
        await passed_through()
        assert got == every
        assert device.traffic.bytes_in == 0
    pty.close()


async def test_the_link_replaces_a_stale_one_and_goes_with_the_device(clock: ManualClock, tmp_path: Path) -> None:
    link = tmp_path / "panel"
    link.symlink_to("/dev/pts/99999")
    pty = open_pty(Talker(clock), link)
    assert pty.path == str(link)
    assert is_device(link)
    assert names(tmp_path) == ["panel"]
    pty.close()
    assert not exists(link)


async def test_a_link_that_belongs_to_another_by_now_is_left_alone(clock: ManualClock, tmp_path: Path) -> None:
    old, new = (open_pty(Talker(clock), tmp_path / "panel") for _ in range(2))
    old.close()
    assert is_device(new.path)
    new.close()


async def test_a_link_that_cannot_be_made_leaves_no_pty_behind(clock: ManualClock, tmp_path: Path) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        open_pty(Talker(clock), tmp_path / "missing" / "panel")
    assert descriptors() == before


async def test_a_file_is_never_replaced_by_the_link(clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("something of somebody")
    before = descriptors()
    with pytest.raises(FileExistsError, match="is there already"):
        open_pty(Talker(clock), tmp_path / "port")
    assert (tmp_path / "port").read_text() == "something of somebody"
    assert descriptors() == before


async def test_pulling_the_plug_hangs_up_and_plugging_in_works_under_the_same_link(
    clock: ManualClock, tmp_path: Path
) -> None:
    device = Talker(clock)
    pty = open_pty(device, tmp_path / "panel")
    with opened(pty.path) as fd:
        pty.unplug()
        assert os.read(fd, 1) == b""
        assert not exists(pty.path)
    device.say(b"lost\n")
    pty.unplug()
    pty.replug()
    with opened(pty.path) as fd:
        os.write(fd, b"back\n")
        assert await asyncio.wait_for(device.hear(), 5) == [b"back"]
        await passed_through()
        assert read(fd) == b""
    pty.close()


async def test_what_nobody_reads_is_lost_instead_of_kept_for_the_next_reader(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    for _ in range(100):
        device.say(b"x" * 1_000)
        await clock.advance(UNHEARD_TIME / 10)
    assert pty.get_write_buffer_size() < 20_000
    pty.close()


async def test_a_slow_reader_loses_nothing_below_the_limit(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    sent, got = b"", b""
    with opened(pty.path) as fd:
        for number in range(60):
            sent += b"%01000d" % number
            device.say(b"%01000d" % number)
        async with asyncio.timeout(5):
            while len(got) < len(sent):
                got += read(fd)
                await asyncio.sleep(0)
    assert got == sent
    pty.close()


async def test_a_device_that_is_behind_stops_reading_and_goes_on(clock: ManualClock) -> None:
    for baudrate in (None, 921_600):
        device = Talker(clock)
        pty = open_pty(device, baudrate=baudrate)
        with opened(pty.path) as fd:
            pty.pause_reading()
            os.write(fd, b"hello\n")
            await clock.advance(1)
            await passed_through()
            assert device.traffic.bytes_in == 0
            pty.resume_reading()
            async with asyncio.timeout(5):
                while not device._events:
                    await clock.advance(0.01)
        pty.close()


async def test_closing_ends_the_adapter_and_frees_every_descriptor(clock: ManualClock) -> None:
    before = descriptors()
    device = Talker(clock)
    pty = open_pty(device, baudrate=9_600)
    device.say(b"unsent")
    device.close()
    await asyncio.wait_for(device.wait_closed(), 5)
    assert pty.is_closing()
    assert descriptors() == before
    assert clock.next_due() is None
