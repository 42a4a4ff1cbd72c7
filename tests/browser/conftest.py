"""A gateway with a real Web Push line, a push service and a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.webpush.driver import WebPushDriver
from drivers.webpush.settings import WebPushSettings
from gatewayd.clock import settle
from tests.api.conftest import PASSWORD, Gateway
from tests.browser.bidi import ENTER, TAB, Firefox, Prefs, Tab, find_firefox
from tests.browser.pushservice import PushService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BOARD = "/api/alarms/active"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no browser, and give slow machines the time that browsers need to start."""
    here = [item for item in items if item.get_closest_marker("browser")]
    for item in here:
        item.add_marker(pytest.mark.timeout(180))
        if find_firefox() is None:
            item.add_marker(pytest.mark.skip(reason="no Firefox is installed (Debian: apt-get install firefox-esr)"))


class Site(Gateway):
    """A gateway as a browser sees it."""

    def url(self, path: str) -> str:
        return str(self.client.make_url(path))

    async def signs_in(self, tab: Tab, name: str) -> None:
        """Sign in by the page, with the keys alone: the first field has the focus."""
        await tab.go(self.url(BOARD))
        tab.forget()
        await tab.types(f"{name}{TAB}{PASSWORD}{ENTER}")
        await tab.arrives_at(BOARD)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Site]:
    opened = Site(tmp_path)
    settings = WebPushSettings(subject="mailto:it@hospital.example", allow_hosts=("127.0.0.1",), allow_http=True)
    line = opened.engine.add_line("push", lambda line: WebPushDriver(line, settings))
    opened.engine._spawn(line.supervise())
    opened.engine.reload_site()
    await settle()
    await opened.serve()
    yield opened
    await opened.end()


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    opened = PushService()
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def tab(tmp_path: Path, service: PushService) -> AsyncIterator[Tab]:
    """A browser that shows notifications and asks our push service."""
    prefs: Prefs = {
        "alerts.useSystemBackend": False,
        "dom.push.connection.enabled": True,
        "dom.push.serverURL": service.url,
        "dom.push.retryBaseInterval": 100,  # milliseconds until it connects again
        "dom.push.testing.allowInsecureServerURL": True,
        "permissions.default.desktop-notification": 1,
    }
    async with Firefox.start(tmp_path / "profile", **prefs) as opened:
        yield opened
