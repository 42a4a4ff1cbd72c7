from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from gatewayd import __version__, settings
from gatewayd.control import SOCKET, short_path
from gatewayd.daemon import Daemon
from gatewayd.settings import RunOptions
from tests.control.box import NAME, URL, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(30)


async def test_the_status_says_which_lines_are_down(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        code, out, _ = await box.type("status", "--json")
        answer = json.loads(out)
        assert (code, answer["lines"], answer["lines_down"]) == (0, 2, ["gone"])
        assert (answer["name"], answer["url"]) == (NAME, URL)
        code, out, _ = await box.type("status")
        assert (code, "down: gone" in out) == (0, True)
        assert out.splitlines()[0].startswith(f"gatewayd {__version__} Ward?7 runs as process ")


async def test_a_line_tells_its_counters_its_queue_and_when_it_last_received(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        box.prints(b"FIRE 3\r\n")
        await box.heard(8)
        code, out, _ = await box.type("lines", "--json")
        printer, gone = json.loads(out)
        assert code == 0
        assert (printer["name"], printer["kind"], printer["up"], printer["queue"]) == ("printer", "ascii", True, 0)
        assert printer["port"] == str(tmp_path / "printer")
        assert printer["counters"]["bytes_in"] == 8
        assert abs(printer["received"] - box.line.clock.wall()) < 30
        assert (gone["up"], gone["received"]) == (False, None)
        assert "no such device" in gone["reason"]


async def test_the_table_of_lines_names_the_reason_of_one_that_is_down(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        _, out, _ = await box.type("lines")
        header, printer, *rest = out.splitlines()
        assert header.split() == ["line", "kind", "port", "state", "queue", "received"]
        assert printer.split()[:4] == ["printer", "ascii", str(tmp_path / "printer"), "up"]
        assert "no such device" in "\n".join(rest)


async def test_only_the_owner_may_use_the_socket_and_it_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "data" / SOCKET
    path.parent.mkdir()
    leftover = socket.socket(socket.AF_UNIX)
    with short_path(path) as address:
        leftover.bind(address)  # of a daemon that was killed
    leftover.close()
    async with running(tmp_path) as box:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (await box.type("status"))[0] == 0
    assert not path.exists()


async def test_a_data_directory_with_a_very_long_name_works_as_well(tmp_path: Path) -> None:
    async with running(tmp_path, tmp_path / ("d" * 120)) as box:
        assert (await box.type("status"))[0] == 0


async def test_the_daemon_opens_the_socket_and_runs_on_where_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "gatewayd.toml").write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n[api]\nport = 0\n', "utf-8")
    options = RunOptions(demo=False, ready_file=None, config_file=None)
    for obstacle in (False, True):
        if obstacle:
            (tmp_path / SOCKET).mkdir()
        async with AsyncExitStack() as stack:
            daemon = Daemon(settings.load(tmp_path / "gatewayd.toml", env={}), options, stack)
            await daemon.start()
            assert (tmp_path / SOCKET).is_socket() is not obstacle
            assert ("the control socket cannot be opened" in caplog.text) is obstacle


def test_a_status_needs_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    program = (
        "import sys; from gatewayd.cli import main; code = main(['status', '--data', sys.argv[1]]);"
        "print(code, sorted({'aiohttp', 'asyncio', 'pydantic', 'sqlite3', 'serial'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stdout == "3 []\n"
