"""Sending with a key: a request that is repeated, because its answer was lost, sends nothing more."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from gatewayd.errors import Conflict
from gatewayd.records import SentOnce, SentOnceExpired

if TYPE_CHECKING:
    from gatewayd.engine.change import Change
    from gatewayd.engine.orders import SendOrder
    from gatewayd.model import Message, User
    from gatewayd.store import Store

KEY_LIFETIME = 24 * 3600.0  # seconds for which a key is remembered


def sent_before(store: Store, sender: User, order: SendOrder, now: float) -> Message | None:
    """Return the message that this key has sent already. Raises Conflict when it named another message."""
    found = store.changes.sent_once(sender.id, order.key)
    if found is None or now - found.created > KEY_LIFETIME:
        return None
    if found.digest != digest(order):
        raise Conflict("this Idempotency-Key was used for another message")
    return store.inbox.message(found.message_id)


def remember(change: Change, sender: User, order: SendOrder, message: Message) -> None:
    """Write the key in the same commit as the message, and forget those that are too old."""
    now = change.ctx.now
    change.others.append(SentOnceExpired(now - KEY_LIFETIME))
    change.others.append(SentOnce(sender.id, order.key, digest(order), message.id, now))


def digest(order: SendOrder) -> str:
    """Return what tells two orders apart, without keeping their texts."""
    content = [order.text.strip(), order.priority.value, list(order.recipients), order.tone, order.reply_to]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
