"""The Web Push line: joins the rules of the protocol to the way out and to the line's memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from drivers.webpush.payload import fit
from drivers.webpush.protocol import GONE, NOT_US, push_headers, receipt_of
from drivers.webpush.subscriptions import Subscription, check_subscription, memory_key, subscription_id
from drivers.webpush.urls import check_url
from drivers.webpush.vapid import Signer, new_key, vapid_public_der_base64, vapid_public_raw_base64url
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.errors import DeliveryFailedForGood, DeliveryFailedForNow, Invalid, LineDown, StoreUnavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from drivers.webpush.payload import Payload
    from drivers.webpush.posting import Poster
    from drivers.webpush.protocol import Answer
    from drivers.webpush.settings import WebPushSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page

KEY = "vapid"


class PublicKey(NamedTuple):
    """The public VAPID key: DER in standard base64 (91 bytes), and the bare point in base64url (65 bytes)."""

    der: str
    raw: str


class WebPushDriver(Driver):
    """Notifications to the browsers that subscribed; the address of a page is the id of a subscription."""

    kind: ClassVar[str] = "webpush"

    def __init__(self, line: Line, settings: WebPushSettings, lookup: Callable[[str], list[str]] | None = None) -> None:
        super().__init__(line)
        self._settings = settings
        self._policy = settings.policy()
        self._lookup = lookup
        self._session: _Session | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Sends only: 201 means that the push service keeps the push, nothing more."""
        return Capabilities(sends=True, parallel=self._settings.parallel)

    @property
    def port(self) -> str:
        """Web Push has no port of its own."""
        return "https"

    async def run(self) -> None:
        """Serve until cancelled. Raises LineDown when the key can be neither read nor made."""
        signer = Signer(await self._key(), self._settings.subject)
        poster = await self._open()
        try:
            self._session = _Session(self.line, self._settings, signer, poster)
            self.line.up()
            await asyncio.get_running_loop().create_future()
        finally:
            self._session = None
            await poster.close()

    async def send(self, page: Page) -> Receipt:
        """Post one page to one subscription. Raises LineDown while the line is not open."""
        if self._session is None:
            raise LineDown("the line is not open")
        return await self._session.send(page)

    # --- for the API --------------------------------------------------------------------------------------------------

    def public_key(self) -> PublicKey:
        """Return the key that browsers need to subscribe. Raises LineDown before the first start has made it."""
        pem = self._remembered_key()
        if pem is None:
            raise LineDown("there is no VAPID key yet; the first start of the line makes it")
        return PublicKey(vapid_public_der_base64(pem), vapid_public_raw_base64url(pem))

    def validate(self, endpoint: str, p256dh: str, auth: str) -> str:
        """Return the id of a subscription that may be kept under `memory_key`. Raises Invalid, naming the field."""
        check_subscription(endpoint, p256dh, auth, self._policy)
        return subscription_id(endpoint)

    # --- opening ------------------------------------------------------------------------------------------------------

    async def _key(self) -> str:
        """Return the private key, made and on disk: browsers are bound to it from their first subscription on."""
        pem = self._remembered_key()
        if pem is None:
            pem = new_key()
            try:
                await self.line.memory.save({KEY: pem})
            except StoreUnavailable as error:
                raise LineDown(f"the VAPID key could not be recorded: {error}") from error
        return pem

    def _remembered_key(self) -> str | None:
        """Return the key in memory. Raises LineDown for a damaged one: a new one would end every subscription."""
        pem = self.line.memory.items().get(KEY)
        if pem is None:
            return None
        try:
            vapid_public_der_base64(str(pem))
        except ValueError as error:
            raise LineDown(str(error)) from None
        return str(pem)

    async def _open(self) -> Poster:
        """Make the way out; importing its libraries and reading the certificates must not hold up the loop."""
        try:
            make, context = await asyncio.to_thread(_load, self._settings)
        except OSError as error:
            raise LineDown(f"ca_file cannot be read: {error.strerror or type(error).__name__}") from None
        return make(self._settings, context, self._lookup) if self._lookup else make(self._settings, context)


def _load(settings: WebPushSettings) -> tuple[type[Poster], ssl.SSLContext]:
    from drivers.webpush.posting import Poster, trust

    return Poster, trust(settings.ca_file)


class _Session:
    """One life of the line."""

    def __init__(self, line: Line, settings: WebPushSettings, signer: Signer, poster: Poster) -> None:
        self._line = line
        self._policy = settings.policy()
        self._signer = signer
        self._poster = poster

    async def send(self, page: Page) -> Receipt:
        """Make one attempt."""
        value = self._line.memory.items().get(memory_key(page.address))
        if not isinstance(value, dict):
            return Receipt(Outcome.REFUSED, "nobody is subscribed under this address")
        try:
            payload = fit(page.text)
            answer = await self._post(page, Subscription.from_memory(value), payload)
        except Invalid as error:
            return Receipt(Outcome.REFUSED, f"the subscription cannot be used: {error}")
        except DeliveryFailedForGood as error:
            return Receipt(Outcome.REFUSED, str(error))
        except DeliveryFailedForNow as error:
            return Receipt(Outcome.FAILED, str(error))
        if answer.status in GONE:
            await self._forget(page.address, value)
        return _noted(receipt_of(answer, self._line.clock.wall()), payload)

    async def _post(self, page: Page, subscription: Subscription, payload: Payload) -> Answer:
        clock = self._line.clock
        origin = str(check_url(subscription.endpoint, self._policy))
        headers = push_headers(page, payload, clock.now())
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


def _noted(receipt: Receipt, payload: Payload) -> Receipt:
    if not payload.note:
        return receipt
    return replace(receipt, detail=f"{receipt.detail}; {payload.note}" if receipt.detail else payload.note)
