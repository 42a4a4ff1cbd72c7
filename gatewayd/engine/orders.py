"""What people ask the engine for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass

    from gatewayd.model import Priority
else:
    from gatewayd.values import dataclass


@dataclass(frozen=True, slots=True)
class SendOrder:
    """A message that a user wants sent; `reply_to` is the id of the message that it answers.

    With a `key` the same order is carried out once, however often it comes.
    """

    text: str
    priority: Priority
    recipients: tuple[int, ...] = ()
    tone: str = ""
    reply_to: int | None = None
    key: str = ""
