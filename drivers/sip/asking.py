"""A request of ours, sent again with credentials when it is challenged (RFC 3261 22.2, 22.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.sip.digest import Account, Asked, authorize, is_stale
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


# A proxy and who is behind it may both ask, and a nonce may be stale where several servers stand behind one address.
MAX_ANSWERS = 3


@dataclass(slots=True)
class Answers:
    """What a request of ours has answered to challenges so far; `headers` go into its next try."""

    headers: Headers = field(default_factory=dict)
    _left: int = MAX_ANSWERS

    def add(self, response: Response, account: Account, request: Request, cnonce: str) -> bool:
        """Answer one more challenge; False when there is none, or when it says that our password is wrong."""
        found = credentials_for(response, account, request, cnonce)
        if found is None or not self._left:
            return False
        if found.keys() <= self.headers.keys() and not is_stale(response.headers[CHALLENGES[response.status][0]]):
            return False
        self._left -= 1
        self.headers = {**self.headers, **found}
        return True


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
        """Send, answer the challenges, and hand on what came in the end."""
        answers = Answers()

        def send(now: float) -> None:
            request = draw_up(answers.headers)

            def on_result(result: Response | Failure, now: float) -> None:
                if isinstance(result, Response) and answers.add(result, self.account, request, self.tokens(8)):
                    send(now)
                else:
                    then(result, now)

            self.layer.request(request, flow, now, on_result)

        send(now)
