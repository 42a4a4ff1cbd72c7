"""A line that carries pushes, whose push service is a list."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from gatewayd.clock import settle
from gatewayd.driver import Capabilities
from gatewayd.errors import Invalid
from tests.engine.conftest import DeskDevice

if TYPE_CHECKING:
    from gatewayd.driver import Line
    from gatewayd.engine.engine import Engine
    from gatewayd.model import Page

DER, RAW = "REVS", "UkFX"
NURSE_PHONE = "https://push.example/nurse"


class PushDevice(DeskDevice):
    kind = "webpush"

    def public_key(self) -> tuple[str, str]:
        return DER, RAW

    def validate(self, endpoint: str, p256dh: str, auth: str) -> str:
        if not endpoint.startswith("https://"):
            raise Invalid("endpoint", "has to begin with https://")
        for name, value in (("p256dh", p256dh), ("auth", auth)):
            if value == "broken":
                raise Invalid(name, "is not a key")
        return hashlib.sha256(endpoint.encode()).hexdigest()[:16]

    def told(self, user_id: int | None = None) -> list[dict[str, Any]]:
        """Return the notifications that arrived."""
        return [note for page in self.pages if user_id in (None, page.user_id) for note in notes(page)]


def notes(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.text)["notifications"]
    return found


async def add_push_line(engine: Engine) -> PushDevice:
    made: list[PushDevice] = []

    def make(line: Line) -> PushDevice:
        made.append(PushDevice(line, Capabilities(sends=True, parallel=8)))
        return made[0]

    line = engine.add_line("push", make)
    engine._spawn(line.supervise())
    engine.reload_site()
    await settle()
    return made[0]
