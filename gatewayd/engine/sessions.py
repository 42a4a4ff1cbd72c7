"""Sessions: who may speak. Logging in, the tokens that prove it, and patience with wrong passwords.

Only the SHA-256 of a token is kept, so neither the database nor a backup of it opens a door. Every session lives in
memory; the disk is written when one begins or ends, and at most once a minute while it is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from gatewayd.engine.patience import Patience
from gatewayd.errors import StoreUnavailable, Unauthenticated
from gatewayd.passwords import DUMMY_HASH, hash_password, verify_password
from gatewayd.records import Token

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from gatewayd.clock import Clock
    from gatewayd.model import User
    from gatewayd.store import Store

log = logging.getLogger(__name__)

TOUCH_GRAIN = 1.0  # seconds by which the last use of a session may be known too early
TOKEN_BYTES = 32  # 256 bits from the operating system
LONGEST_TOKEN = 128  # characters; nothing longer is hashed
LONGEST_PASSWORD = 1024  # characters; scrypt would digest more, at our expense
CLIENT_LENGTH = 100
PARALLEL_CHECKS = 2  # password checks at a time: a flood of logins must leave a processor to the alarms
OWN_SHARE = 0.8  # of all sessions that one user may hold
WAITING_CHECKS = 64  # logins that may wait for one; more are sent away at once
WRITING = 60.0  # seconds; a session that was to be on disk by now and is not has ended there


class Refusal(Enum):
    """Why a login was refused: the code, and the sentence for the caller (EMM E01, A05, A33)."""

    CREDENTIALS = ("invalid-credentials", "unknown user name or wrong password")
    TOO_MANY = ("too-many-attempts", "too many attempts")
    FULL = ("no-free-session", "no free API session")

    @property
    def code(self) -> str:
        """Return the short name for programs."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """Return the sentence for people."""
        return self.value[1]


class LoginRefused(Unauthenticated):
    """A login did not succeed; never says which part of it was wrong."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.reason)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long sessions live (seconds), how many there may be, and how much guessing is allowed.

    `failures` wrong passwords within `window` by one address for one account start a delay of `window`, which doubles
    with every further one up to `longest_delay`; an address may be wrong `address_failures` times over all accounts.
    """

    idle: float = 12 * 3600.0
    absolute: float = 30 * 86400.0
    max_sessions: int = 100
    save_used_every: float = 60.0
    failures: int = 5
    address_failures: int = 30
    window: float = 60.0
    longest_delay: float = 900.0


class Accounts(Protocol):
    """What a login asks of the directory."""

    def user(self, user_id: int | None) -> User | None:
        """Return the user with this id."""

    def user_named(self, name: str) -> User | None:
        """Return the user with this login name."""


class Household(Protocol):
    """What the sessions need of the engine; the directory changes when people edit the site."""

    @property
    def store(self) -> Store:
        """Where tokens survive a restart."""

    @property
    def clock(self) -> Clock:
        """The timeline on which sessions age."""

    @property
    def directory(self) -> Accounts:
        """Who exists now."""


@dataclass(frozen=True, slots=True)
class Login:
    """An attempt to log in. `address` is where it comes from, `client` what it calls itself."""

    name: str
    password: str
    address: str = ""
    client: str = ""

    def __repr__(self) -> str:
        return f"Login({self.name!r}, from {self.address!r})"


class Sessions:
    """All sessions of the box."""

    def __init__(self, household: Household, limits: SessionLimits | None = None) -> None:
        self._house = household
        self.limits = limits or SessionLimits()
        allowed = self.limits
        self._account_patience = Patience(allowed.failures, allowed.window, allowed.longest_delay)
        self._address_patience = Patience(allowed.address_failures, allowed.window, allowed.longest_delay)
        self._checking = asyncio.Semaphore(PARALLEL_CHECKS)
        self._waiting = 0
        self._saved_used: dict[str, float] = {}
        self._saving: set[asyncio.Task[None]] = set()
        self._ending: set[str] = set()  # sessions whose end is being written: they open nothing any more
        now = household.clock.now()
        live = household.store.tokens(created_after=now - allowed.absolute, used_after=now - allowed.idle)
        self._tokens = {token.hash: token for token in live}
        self._saved_used.update({token.hash: token.used for token in live})

    async def login(self, attempt: Login) -> str:
        """Return a fresh token, its session on disk unless that is down. Raises LoginRefused, StoreUnavailable."""
        user = await self.check(attempt)
        await self._drop_expired()
        now_known = self._house.directory.user(user.id)
        if now_known is None or now_known.password_hash != user.password_hash:
            raise LoginRefused(Refusal.CREDENTIALS)  # a new password was set while the old one was compared
        if not self._has_room(user.id):
            raise LoginRefused(Refusal.FULL)
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._house.clock.now()
        client = f"{attempt.address} {attempt.client}".strip()[:CLIENT_LENGTH]
        token = Token(token_hash(secret), user.id, now, now, client)
        self._tokens[token.hash] = token
        self._saved_used[token.hash] = now
        try:
            await self._house.store.record(token)
        except StoreUnavailable:
            if not self._house.store.writer.is_down:
                self.forget([token.hash])
                raise
            log.warning("a session that nothing can be stored of ends with the next start")  # somebody wants to accept
        return secret

    def resolve(self, secret: str) -> User:
        """Return whose session a token opens and note that it was used. Raises Unauthenticated."""
        token = self._tokens.get(token_hash(secret)) if 0 < len(secret) <= LONGEST_TOKEN else None
        now = self._house.clock.now()
        if token is None or token.hash in self._ending or self._is_expired(token, now):
            raise Unauthenticated("the token is unknown or expired")
        user = self._house.directory.user(token.user_id)
        if user is None:
            raise Unauthenticated("the user of this token does not exist any more")
        if now - token.used >= TOUCH_GRAIN:
            self._touch(token, now)
        return user

    async def release(self, secret: str) -> None:
        """End a session; harmless when there is none. Raises StoreUnavailable: then it goes on."""
        await self._end([token_hash(secret[:LONGEST_TOKEN])])

    async def revoke(self, user_id: int, *, keep: str = "") -> None:
        """End every session of a user, except the one whose token is `keep`. Raises StoreUnavailable."""
        await self._end(self.others(user_id, keep))

    def others(self, user_id: int, keep: str) -> list[str]:
        """Return the hashes of a user's sessions except the one whose token is `keep`."""
        kept = token_hash(keep)
        return [token.hash for token in self._tokens.values() if token.user_id == user_id and token.hash != kept]

    def reread(self, before: Accounts) -> None:
        """End what ended on disk: a command set a password or removed a user. `before` is who existed until now.

        A login that is just being written is not on disk yet.
        """
        fresh = self._house.clock.now() - WRITING
        kept = {token.hash for token in self._house.store.tokens(created_after=0.0, used_after=0.0)}
        ended = [
            token.hash
            for token in self._tokens.values()
            if (token.hash not in kept and token.created < fresh) or self._has_changed(token.user_id, before)
        ]
        self.forget(ended)
        if ended:
            self._aside(self._drop(ended))

    def _has_changed(self, user_id: int, before: Accounts) -> bool:
        was, user = before.user(user_id), self._house.directory.user(user_id)
        return user is None or was is None or was.password_hash != user.password_hash

    async def _drop(self, hashes: list[str]) -> None:
        """Remove sessions that the disk may have got back: their last use was being written."""
        try:
            await self._house.store.drop_tokens(*hashes)
        except StoreUnavailable as error:
            log.warning("sessions that have ended are still on disk: %s", error)

    def forget(self, hashes: Iterable[str]) -> None:
        """Close sessions whose end is on disk already."""
        for item in hashes:
            self._tokens.pop(item, None)
            self._saved_used.pop(item, None)

    async def close(self) -> None:
        """Wait until what is being written is written."""
        await asyncio.gather(*self._saving)

    # --- logging in ---------------------------------------------------------------------------------------------------

    async def hash(self, password: str) -> str:
        """Return the hash of a new password; this is as slow as a check and takes its turn with them."""
        async with self._checking:
            return await asyncio.get_running_loop().run_in_executor(None, hash_password, password)

    async def check(self, attempt: Login) -> User:
        """Return whose password it is. Raises LoginRefused.

        Takes as long for an unknown name; only `PARALLEL_CHECKS` run at a time.
        """
        self._refuse_impatient(attempt)
        if self._waiting >= WAITING_CHECKS:
            raise LoginRefused(Refusal.TOO_MANY)
        self._waiting += 1
        try:
            async with self._checking:
                self._refuse_impatient(attempt)  # others of the same flood may have failed while this one waited
                return await self._compare(attempt)
        finally:
            self._waiting -= 1

    async def _compare(self, attempt: Login) -> User:
        user = self._house.directory.user_named(attempt.name)
        stored = user.password_hash if user is not None and user.password_hash else DUMMY_HASH
        password = attempt.password[:LONGEST_PASSWORD]
        fits = await asyncio.get_running_loop().run_in_executor(None, verify_password, password, stored)
        account, address = _keys(attempt)
        if fits and user is not None and len(password) == len(attempt.password):
            self._account_patience.forgive(account)
            return user
        now = self._house.clock.now()
        self._account_patience.miss(account, now)
        self._address_patience.miss(address, now)
        log.warning("a login from %s was refused", attempt.address or "an unknown address")
        raise LoginRefused(Refusal.CREDENTIALS)

    def _refuse_impatient(self, attempt: Login) -> None:
        account, address = _keys(attempt)
        now = self._house.clock.now()
        if self._account_patience.is_blocked(account, now) or self._address_patience.is_blocked(address, now):
            raise LoginRefused(Refusal.TOO_MANY)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _has_room(self, user_id: int) -> bool:
        """Return whether one more session of a user fits.

        A program that never releases its own must not keep everybody else out of the alarms.
        """
        most = self.limits.max_sessions
        own = sum(token.user_id == user_id for token in self._tokens.values())
        return len(self._tokens) < most and own < max(1, math.floor(most * OWN_SHARE))

    def _is_expired(self, token: Token, now: float) -> bool:
        return now - token.used >= self.limits.idle or now - token.created >= self.limits.absolute

    def _touch(self, token: Token, now: float) -> None:
        used = replace(token, used=now)
        self._tokens[token.hash] = used
        if now - self._saved_used.get(token.hash, 0.0) >= self.limits.save_used_every:
            self._saved_used[token.hash] = now
            self._aside(self._save(used))

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save(self, token: Token) -> None:
        """Write when a session was last used; that this fails is no reason to refuse its request."""
        try:
            if token.hash in self._tokens and token.hash not in self._ending:
                await self._house.store.record(token)
        except StoreUnavailable as error:
            log.warning("cannot note that a session is in use: %s", error)

    async def _drop_expired(self) -> None:
        now = self._house.clock.now()
        with suppress(StoreUnavailable):  # they are refused as it is
            await self._end([token.hash for token in self._tokens.values() if self._is_expired(token, now)])

    async def _end(self, hashes: list[str]) -> None:
        """End sessions, on disk first: one that seems to have ended must not be back after the next start."""
        known = [item for item in hashes if item in self._tokens]
        if not known:
            return
        self._ending.update(known)
        try:
            await self._house.store.drop_tokens(*known)
            self.forget(known)
        finally:
            self._ending.difference_update(known)


def token_hash(secret: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _keys(attempt: Login) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (attempt.name.casefold()[:CLIENT_LENGTH], attempt.address), (attempt.address,)
