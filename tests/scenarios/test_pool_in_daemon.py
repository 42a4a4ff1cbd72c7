"""A pool as the configuration says it, in the running daemon: with drivers, on ports, and the site that names it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from gatewayd import settings, sitefile
from gatewayd.daemon import Daemon
from gatewayd.model import Recorded, Site, TextReceived
from gatewayd.settings import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.model import Page

pytestmark = pytest.mark.timeout(60)

CONFIG = """
[gateway]
data_dir = "{folder}"
[api]
port = 0
[paging]
accept_words = ["komme"]
[lines.sms1]
kind = "gsm"
pool = "sms"
port = "missing"
[lines.sms2]
kind = "gsm"
pool = "sms"
port = "sms2.pty"
[simulators.sms2]
kind = "gsm"
port = "sms2.pty"
"""
PEOPLE = """
[[contact]]
name = "anna"
line = "sms"
address = "+491701234567"
"""


async def left(daemon: Daemon) -> Page:
    """Return the first page, once it has left."""
    async with asyncio.timeout(20):
        while (page := daemon.engine.store.paging.get(1)) is None or not page.attempts:  # noqa: ASYNC110 - milliseconds
            await asyncio.sleep(0.01)
    return page


async def test_contacts_of_a_pool_are_paged_by_the_modem_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "gatewayd.toml").write_text(CONFIG.format(folder=tmp_path), "utf-8")
    ready = tmp_path / "ready"
    loaded = settings.load(tmp_path / "gatewayd.toml", env={})
    people = sitefile.merge(Site(), sitefile.parse(PEOPLE, "people"), known_lines=loaded.addressable)
    async with AsyncExitStack() as stack:
        daemon = Daemon(loaded, RunOptions(demo=False, ready_file=ready, config_file=None), stack)
        await daemon.start()
        engine = daemon.engine
        told = json.loads(ready.read_text())["lines"]
        assert told["sms"] == {"kind": "pool", "port": "sms1, sms2"}
        assert [engine.lines[name].is_up for name in ("sms", "sms1", "sms2")] == [True, False, True]
        engine.store.save_site(people)
        daemon.reload()
        await engine.report("panel", TextReceived("42", "FIRE", "anna"))
        page = await left(daemon)
        assert (page.line, page.detail) == ("sms", "sms2: taken by the network")
        answers = [await engine.report("sms2", TextReceived("+491701234567", word)) for word in ("OK", "Komme")]
        assert answers == [Recorded.FORWARDED, Recorded.ANSWERED]
