"""What the gateway has to remember for itself, beside the domain: who knows of what, what came once, who is logged in.

Frozen values like those of `gatewayd.model`. `created` and `used` lie on the timeline of `gatewayd.clock`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.model import NotificationKind  # noqa: TC001 - the store reads the annotations at run time

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from gatewayd.values import dataclass


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that a user has not fetched yet: a change of their event, or of an alarm, with this id.

    There is one for each thing; when it changes again the newer `id` takes the place of the older one.
    """

    id: int
    user_id: int
    kind: NotificationKind
    object_id: int


@dataclass(frozen=True, slots=True)
class NotificationOver:
    """A user knows of it by other means: there is nothing left to fetch."""

    user_id: int
    kind: NotificationKind
    object_id: int


@dataclass(frozen=True, slots=True)
class NotificationsTaken:
    """A user has everything up to the notification `last`."""

    user_id: int
    last: int


@dataclass(frozen=True, slots=True)
class NotificationsDropped:
    """Only the newest `kept` notifications of a user stay."""

    user_id: int
    kept: int


@dataclass(frozen=True, slots=True)
class SentOnce:
    """A message that its sender named with a key: sending it again with the same key sends nothing."""

    user_id: int
    key: str
    digest: str
    message_id: int
    created: float


@dataclass(frozen=True, slots=True)
class SentOnceExpired:
    """Keys older than this moment of the timeline are forgotten."""

    before: float


@dataclass(frozen=True, slots=True)
class TakenOnce:
    """A text that its device named with a reference: when it comes again, it was taken already."""

    line: str
    sender: str
    reference: str
    created: float


@dataclass(frozen=True, slots=True)
class TakenOnceExpired:
    """References older than this moment of the timeline are forgotten."""

    before: float


@dataclass(frozen=True, slots=True)
class Token:
    """A session of the API: only the SHA-256 of the token is kept. `created` and `used` lie on the timeline."""

    hash: str
    user_id: int
    created: float
    used: float
    client: str = ""
