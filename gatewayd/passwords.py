"""Password hashes: scrypt of the standard library in a string that describes itself.

Hashing takes some 0.1 s and 32 MiB on purpose; a caller with an event loop does it in an executor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COST, BLOCK_SIZE, PARALLEL = 2**15, 8, 1
MAX_COST = 2**17  # a hash from an import file must not be able to ask for gigabytes
SALT_BYTES, KEY_BYTES = 16, 32
# OpenSSL wants 128 * r * (n + p + 2) bytes and refuses above 32 MiB unless told otherwise.
HEADROOM = 2

# What is compared when the user does not exist, so that the answer takes as long: no password has this key.
DUMMY_HASH = f"scrypt${COST}${BLOCK_SIZE}${PARALLEL}${'A' * 22}==${'A' * 43}="


@dataclass
class _Effort:
    """What a new hash costs."""

    cost: int = COST


_effort = _Effort()


@contextmanager
def cheap_for_tests(cost: int = 16) -> Iterator[None]:
    """Let new hashes cost next to nothing. For tests only: none of our own modules may name this (a test looks)."""
    before, _effort.cost = _effort.cost, cost
    try:
        yield
    finally:
        _effort.cost = before


def hash_password(password: str) -> str:
    """Return `scrypt$n$r$p$salt$key` (base64) with a fresh salt."""
    salt, cost = os.urandom(SALT_BYTES), _effort.cost
    key = _derive(password, salt, (cost, BLOCK_SIZE, PARALLEL))
    return f"scrypt${cost}${BLOCK_SIZE}${PARALLEL}${_text(salt)}${_text(key)}"


def verify_password(password: str, stored: str) -> bool:
    """Compare in constant time. A stored text that is no hash, as of a user without a password, fits nothing."""
    parsed = _parse(stored)
    if parsed is None:
        _derive(password, b"", (_effort.cost, BLOCK_SIZE, PARALLEL))
        return False
    costs, salt, key = parsed
    return hmac.compare_digest(_derive(password, salt, costs), key)


def is_password_hash(stored: str) -> bool:
    """Return whether `stored` is a hash that `verify_password` can check."""
    return _parse(stored) is not None


def _derive(password: str, salt: bytes, costs: tuple[int, int, int]) -> bytes:
    n, r, p = costs
    memory = 128 * r * n * p * HEADROOM
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=KEY_BYTES)


def _parse(stored: str) -> tuple[tuple[int, int, int], bytes, bytes] | None:
    """Split a stored hash into costs, salt and key; None when it is none, or one beyond our means."""
    try:
        scheme, n, r, p, salt, key = stored.split("$")
        costs = int(n), int(r), int(p)
        decoded = base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        return None
    affordable = 1 < costs[0] <= MAX_COST and costs[0] & (costs[0] - 1) == 0 and costs[1:] == (BLOCK_SIZE, PARALLEL)
    if scheme != "scrypt" or not affordable or len(decoded[1]) != KEY_BYTES:
        return None
    return costs, *decoded


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
