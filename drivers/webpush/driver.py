"""The Web Push line: joins the rules of the protocol to the way out and to the line's memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from drivers.webpush.session import Session
from drivers.webpush.subscriptions import check_subscription, subscription_id
from drivers.webpush.vapid import Signer, new_key, vapid_public_der_base64, vapid_public_raw_base64url
from gatewayd.driver import Capabilities, Driver
from gatewayd.errors import LineDown, StoreUnavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from drivers.webpush.posting import Poster
    from drivers.webpush.settings import WebPushSettings
    from gatewayd.driver import Line, RatedLine, Receipt
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
        self._session: Session | None = None
        self._was_up = False

    @property
    def capabilities(self) -> Capabilities:
        """Sends only: 201 means that the push service keeps the push, nothing more."""
        return Capabilities(sends=True, parallel=self._settings.parallel)

    @property
    def port(self) -> str:
        """Web Push has no port of its own."""
        return "https"

    async def run(self) -> None:
        """Serve until cancelled.

        Raises LineDown when the key can be neither read nor made, and when none of the push services answers.
        """
        signer = Signer(await self._key(), self._settings.subject)
        poster = await self._open()
        try:
            line = cast("RatedLine", self.line)
            await self._serve(Session(line, self._settings, signer, poster))
        finally:
            self._session = None
            await poster.close()

    async def _serve(self, session: Session) -> None:
        """Serve one life.

        The first start says that it is up before it has proved it: without the Internet that takes seconds, and the
        box is not ready before every line has spoken. Once cut off, the line comes back only with a proof, and says
        nothing better of itself before.
        """
        if self._was_up:
            await session.prove()
        session.rate()  # an earlier life may have left something to say
        self._was_up = True
        self._session = session
        self.line.up()
        await session.watch()

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
