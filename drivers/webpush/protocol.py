"""Web Push without input or output: the request's headers, and what each answer means (RFC 8030)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from drivers.webpush.subscriptions import encode
from gatewayd.driver import Outcome, Receipt

if TYPE_CHECKING:
    from gatewayd.model import Page

LONGEST_TTL = 28 * 86_400  # seconds; some services refuse more
LONGEST_WAIT = 3_600.0  # seconds; a service that wants more must not keep an alarm from its next attempt
LONGEST_REASON = 100  # characters of a service's own words
TOPIC_BYTES = 24  # 32 characters, the most that RFC 8030 5.4 allows
# RFC 8030 5.2 to 5.4, 7.3 and RFC 8292 4.2; what is not here: REFUSED below 500, FAILED from there on.
GONE = {
    404: "the push service does not know this subscription; it was deleted",
    410: "the subscription has ended; it was deleted",
}
NOT_US = {
    401: "the push service wants another authorization (VAPID)",
    403: "the push service did not take the authorization (VAPID): the subscription belongs to another key, or the "
    "clock of the box is wrong",
}
REFUSED = {
    400: "the push service calls the request invalid",
    413: "the push service calls the push too large",
}
NOT_NOW = {
    408: "the push service gave up waiting for the request",
    425: "the push service does not want the request yet",
    429: "the push service is asked too often",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a push service, bounded."""

    status: int
    reason: str = ""
    retry_after: str = ""


def push_headers(page: Page, now: float) -> dict[str, str]:
    """Return the headers that say how long, how urgently and instead of which earlier push this one is kept."""
    return {
        "TTL": str(time_to_live(page.expires, now)),
        "Urgency": "high" if page.priority.is_high else "normal",
        "Topic": topic(page.message_id, page.push or ""),
    }


def time_to_live(expires: float, now: float) -> int:
    """Return whole seconds for which the service may keep the push (RFC 8030 5.2)."""
    left = expires - now
    return int(min(max(left, 0.0), LONGEST_TTL)) if not math.isnan(left) else 0


def topic(message_id: int, kind: str = "") -> str:
    """Return the topic of a push: a newer one of the same message and kind replaces it while it is undelivered.

    A digest, so that the service does not learn how many messages the house sends.
    """
    digest = hashlib.sha256(f"gatewayd {message_id} {kind}".encode())
    return encode(digest.digest()[:TOPIC_BYTES])


def receipt_of(answer: Answer, wall: float) -> Receipt:
    """Return what an answer means for the page; `wall` is seconds since the epoch, for dates in `Retry-After`."""
    status = answer.status
    if status in range(200, 300):
        return Receipt(Outcome.SENT)
    if status in NOT_NOW or status >= 500:  # noqa: PLR2004 - server errors
        text = NOT_NOW.get(status, "the push service is in trouble")
        return Receipt(Outcome.FAILED, _detail(text, answer), retry_after=wait_wished(answer.retry_after, wall))
    if status in range(300, 400):
        return Receipt(Outcome.REFUSED, _detail("the push service points elsewhere, which is not followed", answer))
    text = GONE.get(status) or NOT_US.get(status) or REFUSED.get(status) or "the push service refuses the push"
    return Receipt(Outcome.REFUSED, _detail(text, answer))


def wait_wished(text: str, wall: float) -> float | None:
    """Return the seconds that a `Retry-After` asks for (RFC 9110 10.2.3), or None when there is none to understand."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_WAIT)
    try:
        wanted = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(wanted - wall, 0.0), LONGEST_WAIT)


def readable(text: str, *secrets: str) -> str:
    """Return a service's words for people: one line, bounded, without what must not be shown."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:LONGEST_REASON]


def _detail(text: str, answer: Answer) -> str:
    return f"{text} ({answer.status})" + (f": {answer.reason}" if answer.reason else "")
