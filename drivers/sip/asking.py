"""A request of ours, sent once more with credentials when it is challenged (RFC 3261 22.2, 22.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.sip.digest import Account, Asked, authorize
from drivers.sip.message import Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.layer import TransactionLayer
    from drivers.sip.transactions import Failure

# Where the challenge stands in an answer, and where its answer goes.
CHALLENGES = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}


def credentials_for(response: Response, account: Account, request: Request, cnonce: str) -> Headers | None:
    """Return the header that answers the challenge in `response`; None when there is none that we know."""
    if response.status not in CHALLENGES:
        return None
    challenge, answer = CHALLENGES[response.status]
    values = response.headers.get(challenge, [])
    value = authorize(values, account, Asked(request.method, request.uri, "", cnonce=cnonce, body=request.body))
    return {answer: [value]} if value is not None else None


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks as one account. `draw_up(credentials)` is called for each try, so that its CSeq can rise."""

    layer: TransactionLayer
    account: Account
    tokens: Callable[[int], str]

    def ask(
        self,
        draw_up: Callable[[Headers], Request],
        flow: Flow,
        now: float,
        then: Callable[[Response | Failure, float], None],
    ) -> None:
        """Send, answer one challenge, and hand on what came in the end."""
        request = draw_up({})

        def on_result(result: Response | Failure, now: float) -> None:
            credentials = None
            if isinstance(result, Response):
                credentials = credentials_for(result, self.account, request, self.tokens(8))
            if credentials is None:
                then(result, now)
            else:
                self.layer.request(draw_up(credentials), flow, now, then)

        self.layer.request(request, flow, now, on_result)
