"""One life of the line: sends pages, and keeps an eye on whether any push service can be reached at all."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.webpush.payload import fit
from drivers.webpush.protocol import GONE, NOT_US, push_headers, receipt_of
from drivers.webpush.subscriptions import PREFIX, memory_key, remembered
from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import (
    DeliveryFailed,
    DeliveryFailedForGood,
    DeliveryFailedForNow,
    Invalid,
    LineDown,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from drivers.webpush.payload import Payload
    from drivers.webpush.posting import Poster
    from drivers.webpush.protocol import Answer
    from drivers.webpush.settings import WebPushSettings
    from drivers.webpush.subscriptions import Subscription
    from drivers.webpush.urls import Origin
    from drivers.webpush.vapid import Signer
    from gatewayd.driver import RatedLine
    from gatewayd.model import Page

# A house has subscriptions at a handful of services; whoever invents more must not make the probes grow.
MOST_PROBES = 8
# Seconds for which an answer of any service proves the way out, so that one dead service costs few probes.
PROOF_HOLDS = 10.0


class Session:
    """Sends pages with the key and the connections of one life of the line."""

    def __init__(self, line: RatedLine, settings: WebPushSettings, signer: Signer, poster: Poster) -> None:
        self._line = line
        self._policy = settings.policy()
        self._probe_every = settings.probe_every
        self._signer = signer
        self._poster = poster
        self._doubt = asyncio.Event()
        self._proven = -math.inf
        self._silent: dict[Origin, str] = {}  # the push services that did not answer when they were asked last

    # --- pages --------------------------------------------------------------------------------------------------------

    async def send(self, page: Page) -> Receipt:
        """Make one attempt."""
        value = self._line.memory.items().get(memory_key(page.address))
        try:
            subscription = remembered(value, self._policy)
        except Invalid as error:
            return Receipt(Outcome.REFUSED, f"the subscription cannot be used: {error}")
        try:
            payload = fit(page.text)
            answer = await self._post(page, subscription, payload)
        except DeliveryFailedForGood as error:
            return Receipt(Outcome.REFUSED, str(error))
        except DeliveryFailedForNow as error:
            self._heard_of(subscription.origin, str(error))
            self._doubt.set()
            return Receipt(Outcome.FAILED, str(error))
        self._heard_of(subscription.origin)
        self._proven = self._line.clock.now()
        if answer.status in GONE:
            await self._forget(page.address, value)
        return _noted(receipt_of(answer, self._line.clock.wall()), payload)

    async def _post(self, page: Page, subscription: Subscription, payload: Payload) -> Answer:
        clock, origin = self._line.clock, str(subscription.origin)
        headers = push_headers(page, clock.now())
        headers["Authorization"] = self._signer.authorization(origin, clock.wall())
        answer = await self._poster.push(subscription, payload.data, headers)
        if answer.status in NOT_US:
            self._signer.forget(origin)
        return answer

    async def _forget(self, address: str, value: object) -> None:
        """Delete a subscription that has ended, unless the same browser has subscribed anew meanwhile."""
        key = memory_key(address)
        if self._line.memory.items().get(key) != value:
            return
        try:
            await self._line.memory.save({key: None})
        except StoreUnavailable:
            self._line.log.warning("subscription %s has ended and could not be deleted yet", address)
        else:
            self._line.count("subscriptions_ended")
            self._line.log.info("subscription %s has ended and was deleted", address)

    # --- the way out --------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Prove the way out at the start, every `probe_every` seconds, and when a push was not answered.

        Raises LineDown.
        """
        while True:
            self._doubt.clear()
            if self._since_proof() >= PROOF_HOLDS:
                await self.prove()
            await self._doubted()

    async def _doubted(self) -> None:
        """Wait until there is a reason to prove the way out, and the last proof is not worth much any more."""
        clock = self._line.clock
        timer = clock.call_at(clock.now() + self._probe_every, self._doubt.set) if self._probe_every else None
        try:
            await self._doubt.wait()
        finally:
            if timer is not None:
                timer.cancel()
        if (left := PROOF_HOLDS - self._since_proof()) > 0:
            await sleep(clock, left)

    def _since_proof(self) -> float:
        return self._line.clock.now() - self._proven

    async def prove(self) -> None:
        """Show that one of the push services that are needed answers. Raises LineDown when none does."""
        origins = self._origins()[:MOST_PROBES]
        failures = await asyncio.gather(*(self._failure(origin) for origin in origins))
        if origins and all(failures):
            raise LineDown(f"no push service can be reached ({origins[0]}: {failures[0]})")
        self._proven = self._line.clock.now()

    def _origins(self) -> list[Origin]:
        found: dict[Origin, None] = {}
        for key, value in self._line.memory.items().items():
            if key.startswith(PREFIX):
                try:
                    found[remembered(value, self._policy).origin] = None
                except Invalid:
                    continue
        return list(found)

    async def _failure(self, origin: Origin) -> str:
        try:
            await self._poster.reach(origin)
        except DeliveryFailed as error:
            self._heard_of(origin, str(error))
            return str(error)
        self._heard_of(origin)
        return ""

    def _heard_of(self, origin: Origin, failure: str = "") -> None:
        """Take note of whether a push service answers: the line works while another one does, but not for everybody."""
        if failure and (origin in self._silent or len(self._silent) < MOST_PROBES):
            self._silent[origin] = failure
        elif not failure and self._silent.pop(origin, None) is None:
            return
        self.rate()

    def rate(self) -> None:
        """Say which of the push services that are needed do not answer."""
        needed = self._origins() if self._silent else ()
        self._silent = {origin: why for origin, why in self._silent.items() if origin in needed}
        self._line.degraded("; ".join(f"{origin}: {why}" for origin, why in self._silent.items()))


def _noted(receipt: Receipt, payload: Payload) -> Receipt:
    if not payload.note:
        return receipt
    return replace(receipt, detail=f"{receipt.detail}; {payload.note}" if receipt.detail else payload.note)
