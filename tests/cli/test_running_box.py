"""Commands beside a running daemon, both as processes."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.scenarios.test_daemon import demo

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path
    from typing import Any

__all__ = ["demo"]

pytestmark = pytest.mark.slow


async def gatewayd(*arguments: str, typed: bytes = b"") -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gatewayd", *arguments), stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(typed)
    return process.returncode or 0


async def test_a_password_set_by_the_command_logs_its_user_out_of_the_running_gateway(
    demo: tuple[Process, dict[str, Any]], tmp_path: Path
) -> None:
    url = f"{demo[1]['url']}/api"
    login = {"username": demo[1]["username"], "password": demo[1]["password"]}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/tokens/generatetoken?f=json", data=login) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        async with http.get(f"{url}/users/self/events?f=json", headers=headers) as answer:
            assert answer.status == 200
        code = await gatewayd(
            *("user", "set-password", "nurse", "--config", "config/demo.toml", "--data", str(tmp_path / "data")),
            typed=b"a-new-secret\n",
        )
        assert code == 0
        status = 200
        async with asyncio.timeout(10):
            while status == 200:  # the signal is on its way
                async with http.get(f"{url}/users/self/events?f=json", headers=headers) as answer:
                    status = answer.status
    assert status == 403
