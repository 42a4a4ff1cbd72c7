"""Digest authentication: the side that challenges and judges the answers (RFC 7616, 8760, 2617)."""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.sip.digest import ALGORITHMS, Asked, digest, is_known, parse_scheme, secret_hash
from drivers.sip.grammar import REMEMBERED, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NONCE_LIFETIME = 300.0
# Issue time, random part and seal, in hex.
NONCE_LENGTH = 10 + 16 + 32
# How far a nonce count may lag behind the highest seen: UDP reorders, phones keep several requests open.
NC_WINDOW = 64
_ALL_USED = 2**NC_WINDOW - 1
# Only nonces that a right password used are kept, so the number of phones bounds this; the cap is for misbehaving ones.
MAX_NONCES = 10_000
_COUNT = re.compile(r"[0-9A-Fa-f]{8}")


class Verdict(Enum):
    """What credentials turned out to be."""

    RIGHT = "right"
    ABSENT = "absent"
    WRONG = "wrong"
    STALE = "stale"  # the password is right, the nonce is too old, unknown or was used with this count before


@lru_cache(maxsize=REMEMBERED)
def _seal(key: bytes, text: str) -> str:
    """Return what only we can write behind a nonce; the same few phones show theirs again and again."""
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()[:32]


@dataclass(slots=True)
class _Window:
    """Which counts of one nonce were used: the highest, and a bit for each of the NC_WINDOW below it."""

    highest: int = 0
    used: int = 0
    only_rising: bool = False

    def take(self, count: int) -> bool:
        """Use `count` up; False when it was used before or is too old."""
        if count > self.highest:
            self.used = (self.used << min(count - self.highest, NC_WINDOW)) & _ALL_USED | 1
            if self.only_rising:
                self.used = _ALL_USED
            self.highest = count
            return True
        bit = 1 << (self.highest - count)
        if self.highest - count >= NC_WINDOW or self.used & bit:
            return False
        self.used |= bit
        return True


@dataclass(slots=True)
class Authenticator:
    """Challenges requests and checks the answers.

    A nonce is issue time, random part and HMAC in hex, so challenging costs no memory. The HMAC covers the host that
    was challenged: a password can be tried only by whoever received our challenge there. `key` is that of the HMAC;
    with the key of the last run nobody is challenged anew after a restart (`since`), whose counts are forgotten: an
    old nonce then takes only counts that rise. `accept_without_qop` lets in phones that still answer as RFC 2069 says;
    they cannot count: within a nonce's life their requests can be replayed.
    """

    realm: str
    accounts: Mapping[str, str] = field(repr=False)
    tokens: Callable[[int], str]
    accept_without_qop: bool = True
    lifetime: float = NONCE_LIFETIME
    key: bytes = field(default=b"", repr=False)
    since: float = 0.0
    algorithms: Sequence[str] = ALGORITHMS
    _windows: OrderedDict[str, _Window] = field(default_factory=OrderedDict, repr=False)
    _floor: int = 0
    _ha1: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.key = self.key or self.tokens(32).encode()

    def challenges(self, now: float, source: str = "", *, stale: bool = False) -> list[str]:
        """Return the values of the WWW-Authenticate headers, the preferred first."""
        nonce = self._new_nonce(now, source)
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{end}'
            for algorithm in self.algorithms
        ]

    def check(
        self, values: Sequence[str], method: str, now: float, body: bytes = b"", source: str = ""
    ) -> tuple[Verdict, Mapping[str, str]]:
        """Judge the Authorization values of a request; returns the credentials that were judged. Raises Malformed.

        A nonce that was not given to `source` is stale whatever the password: this says nothing to who guesses.
        """
        for value in values:
            credentials = parse_scheme(value)
            if credentials is not None and credentials.get("realm") == self.realm:
                if not self._is_sealed(credentials.get("nonce", ""), source):
                    return Verdict.STALE, credentials
                return self._judge(credentials, method, now, body), credentials
        return Verdict.ABSENT, {}

    def _judge(self, credentials: Mapping[str, str], method: str, now: float, body: bytes) -> Verdict:
        algorithm = credentials.get("algorithm", "MD5").upper()
        qop = credentials.get("qop", "").lower()
        if "nc" not in credentials and "cnonce" not in credentials:
            qop = ""  # clients of RFC 2069 that repeat every parameter of the challenge, as aiosip does
        if not self._accepts(algorithm) or qop not in ("auth", "auth-int", ""):
            return Verdict.WRONG
        if not qop and not self.accept_without_qop:
            return Verdict.WRONG
        nonce, nc = credentials.get("nonce", ""), credentials.get("nc", "")
        asked = Asked(method, credentials.get("uri", ""), nonce, qop, nc, credentials.get("cnonce", ""), body)
        expected = digest(algorithm, self._secret(credentials.get("username", ""), algorithm), asked)
        given = credentials.get("response", "").lower()
        right = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
        if not right or credentials.get("username") not in self.accounts:
            return Verdict.WRONG
        return Verdict.RIGHT if self._fresh(nonce, qop, nc, now) else Verdict.STALE

    def _accepts(self, algorithm: str) -> bool:
        """SHA-512-256 is taken wherever SHA-256 is, though not offered: hardly a phone knows it."""
        if algorithm == "SHA-512-256":
            return is_known(algorithm) and not {algorithm, "SHA-256"}.isdisjoint(self.algorithms)
        return algorithm in self.algorithms

    def _secret(self, user: str, algorithm: str) -> str:
        """Return H(A1); an unknown user costs as much time as a known one."""
        if user not in self.accounts:
            return secret_hash(algorithm, "", self.realm, "")
        if (user, algorithm) not in self._ha1:
            self._ha1[user, algorithm] = secret_hash(algorithm, user, self.realm, self.accounts[user])
        return self._ha1[user, algorithm]

    def _new_nonce(self, now: float, source: str) -> str:
        head = f"{int(now):010x}{self.tokens(8)}"
        return head + _seal(self.key, f"{head}{source}")

    def _is_sealed(self, nonce: str, source: str) -> bool:
        if len(nonce) != NONCE_LENGTH:
            return False
        head, seal = nonce[:-32], nonce[-32:]
        return hmac.compare_digest(_seal(self.key, f"{head}{source}").encode(), seal.encode("utf-8", "replace"))

    def _fresh(self, nonce: str, qop: str, nc: str, now: float) -> bool:
        issued = int(nonce[:10], 16)
        if not issued <= now <= issued + self.lifetime or issued < self._floor:
            return False
        return not qop or self._count_is_new(nonce, nc)

    def _count_is_new(self, nonce: str, nc: str) -> bool:
        if not _COUNT.fullmatch(nc):
            return False
        window = self._windows.get(nonce)
        if window is None:
            older = int(nonce[:10], 16) < self.since
            window = self._windows[nonce] = _Window(only_rising=older)
            self._forget_old()
        return window.take(int(nc, 16))

    def _forget_old(self) -> None:
        """Forgetting a nonce makes it, and all older ones, stale: it could be replayed otherwise."""
        while len(self._windows) > MAX_NONCES:
            nonce, _ = self._windows.popitem(last=False)
            self._floor = max(self._floor, int(nonce[:10], 16) + 1)
