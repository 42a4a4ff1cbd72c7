"""Which browsers want to be told: the subscriptions that the Web Push line remembers."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from gatewayd.engine.bounds import clean
from gatewayd.errors import Conflict, LineDown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatewayd.engine.line import RunningLine
    from gatewayd.model import User

KIND = "webpush"  # the kind of line that carries pushes
PREFIX = "subscription/"
ID = re.compile(r"[0-9a-f]{16}")
MOST_DEVICES = 20  # of one user; the oldest gives way
LONGEST_NAME = 100


class PushDriver(Protocol):
    """What a driver of this kind offers beside sending."""

    def public_key(self) -> tuple[str, str]:
        """Return the VAPID key as DER in base64 and as bare point in base64url. Raises LineDown."""

    def validate(self, endpoint: str, p256dh: str, auth: str) -> object:
        """Check a subscription. Raises Invalid, naming the field."""


@dataclass(frozen=True, slots=True)
class Device:
    """One browser of a user. `time` is when it subscribed, wall clock."""

    id: str
    user_id: int
    time: float
    name: str
    endpoint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a browser hands over to be told."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    name: str = ""


class Subscriptions:
    """The subscriptions by user; read again only when the line's memory has changed."""

    def __init__(self, lines: Mapping[str, RunningLine]) -> None:
        self._lines = lines
        self._read: tuple[str, int] = ("", -1)
        self._by_user: dict[int, tuple[Device, ...]] = {}

    @property
    def line(self) -> RunningLine | None:
        """The line that carries pushes, where one is configured."""
        return next((line for line in self._lines.values() if line.kind == KIND), None)

    def of(self, user_id: int) -> tuple[Device, ...]:
        """Return a user's browsers, the newest first."""
        line = self.line
        if line is None:
            return ()
        if self._read != (line.name, line.memory.version):
            self._by_user = _by_user(line.memory.items())
            self._read = (line.name, line.memory.version)
        return self._by_user.get(user_id, ())

    def public_key(self) -> tuple[str, str] | None:
        """Return the key that browsers need, as DER and as bare point; None where there is no push."""
        line = self.line
        if line is None:
            return None
        try:
            der, raw = _driver(line).public_key()
        except LineDown:
            return None
        return der, raw

    async def subscribe(self, user: User, wish: Wish, wall: float) -> str:
        """Tell this browser from now on; the same endpoint replaces what was there. Returns the subscription's id.

        Raises Invalid, Conflict where no line carries pushes, StoreUnavailable.
        """
        line = self.line
        if line is None:
            message = "no line of this gateway carries pushes"
            raise Conflict(message)
        found = str(_driver(line).validate(wish.endpoint, wish.p256dh, wish.auth))
        value = asdict(wish) | {"user_id": user.id, "time": wall, "name": clean(wish.name, LONGEST_NAME)}
        kept = [device for device in self.of(user.id) if device.id != found][: MOST_DEVICES - 1]
        over = [device.id for device in self.of(user.id) if device.id != found and device not in kept]
        await line.memory.save({PREFIX + found: value, **{PREFIX + one: None for one in over}})
        return found

    async def unsubscribe(self, user: User, chosen: str = "") -> int:
        """Stop telling a user's browsers, or only the one with this endpoint or id; returns how many that were.

        Raises StoreUnavailable.
        """
        line = self.line
        gone = [device.id for device in self.of(user.id) if not chosen or chosen in (device.endpoint, device.id)]
        if line is not None and gone:
            await line.memory.save({PREFIX + one: None for one in gone})
        return len(gone)


def _driver(line: RunningLine) -> PushDriver:
    return cast("PushDriver", line.driver)


def _by_user(items: Mapping[str, Any]) -> dict[int, tuple[Device, ...]]:
    found: dict[int, list[Device]] = {}
    for key, value in items.items():
        name = key.removeprefix(PREFIX)
        if ID.fullmatch(name) and isinstance(value, dict) and isinstance(value.get("user_id"), int):
            device = Device(
                name,
                value["user_id"],
                float(value.get("time") or 0),
                str(value.get("name") or ""),
                str(value.get("endpoint") or ""),
            )
            found.setdefault(device.user_id, []).append(device)
    return {user: tuple(sorted(devices, key=lambda one: -one.time)) for user, devices in found.items()}
