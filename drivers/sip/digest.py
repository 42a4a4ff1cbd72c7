"""Digest authentication: the arithmetic, and the side that answers a challenge (RFC 7616, 8760, 2617)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.sip.grammar import MAX_PLAIN, REMEMBERED, Malformed, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from dataclasses import dataclass, replace
else:
    from gatewayd.values import dataclass, replace

# The preferred one first: a client takes the topmost that it knows (RFC 8760 2.4).
ALGORITHMS = ("SHA-256", "MD5")


def _sha_512_256(data: bytes) -> hashlib._Hash:
    """RFC 7616 3.4: not SHA-512 cut short, it begins with other values."""
    return hashlib.new("sha512_256", data)


_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
if "sha512_256" in hashlib.algorithms_available:
    _HASHES["SHA-512-256"] = _sha_512_256
# An answer names ten parameters; a header line that is longer than this is an attack on the parser.
MAX_CREDENTIALS = 2048
# The names that nearly everybody sends, as they stand behind a comma or at the beginning.
_NAMES = {
    before + name: name
    for before in ("", " ")
    for name in ("username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce", "opaque")
}
_PAIR = re.compile(
    r"""[ \t]*+([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*+=[ \t]*+("(?:[^"\\]|\\.)*"|[^ \t,"]*)[ \t]*+(?:,[ \t]*+|$)""", re.DOTALL
)


def _hash(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


@lru_cache(maxsize=REMEMBERED)
def _known_hash(algorithm: str, text: str) -> str:
    """Remember H(A2), in which there is no secret: a phone writes to the same few addresses."""
    return _hash(algorithm, text)


def secret_hash(algorithm: str, user: str, realm: str, password: str) -> str:
    """Return H(A1), of a `-sess` algorithm the part of it that stays the same."""
    return _hash(_base(algorithm), f"{user}:{realm}:{password}")


def is_known(algorithm: str) -> bool:
    """Return whether we can compute this (`-sess` or not); SHA-512-256 is up to the system's library."""
    return _base(algorithm) in _HASHES


def _base(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a digest is computed over beside the password. Without `qop` it is the digest of RFC 2069."""

    method: str
    uri: str
    nonce: str
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    body: bytes = b""


def digest(algorithm: str, ha1: str, asked: Asked) -> str:
    """Return the value of `response` (RFC 7616 3.4.1)."""
    base, session = _base(algorithm), algorithm.upper().endswith("-SESS")
    if session:
        ha1 = _hash(base, f"{ha1}:{asked.nonce}:{asked.cnonce}")
    a2 = f"{asked.method}:{asked.uri}"
    if asked.qop == "auth-int":
        a2 = f"{a2}:{_HASHES[base](asked.body).hexdigest()}"
    ha2 = _known_hash(base, a2) if len(a2) <= MAX_PLAIN else _hash(base, a2)
    if not asked.qop:
        return _hash(base, f"{ha1}:{asked.nonce}:{ha2}")
    return _hash(base, f"{ha1}:{asked.nonce}:{asked.nc}:{asked.cnonce}:{asked.qop}:{ha2}")


def parse_scheme(value: str) -> dict[str, str] | None:
    """Return the parameters of a Digest header value, None for another scheme. Raises Malformed."""
    scheme, _, rest = value.partition(" ")
    if "\t" in scheme:
        scheme, _, rest = value.partition("\t")
    if scheme.lower() != "digest":
        return None
    if len(value) > MAX_CREDENTIALS:
        raise Malformed("credentials are too long")
    return _parse_pairs(rest)


def _parse_pairs(text: str) -> dict[str, str]:
    pairs = _parse_plain_pairs(text)
    return _parse_rare_pairs(text) if pairs is None else pairs


def _parse_plain_pairs(text: str) -> dict[str, str] | None:
    """Parse what nearly everybody sends; None when it needs a closer look: a comma or an escape in quotes, say."""
    pairs: dict[str, str] = {}
    quotes = 0
    for part in text.split(","):
        written, _, value = part.partition("=")
        name = _NAMES.get(written)
        if name is None or name in pairs:
            return None
        if value[:1] == '"' == value[-1:] and len(value) > 1:
            quotes += 2
            value = value[1:-1]
        elif not value or " " in value or "\t" in value:
            return None
        pairs[name] = value
    return pairs if "\\" not in text and text.count('"') == quotes else None


def _parse_rare_pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise Malformed("credentials are not proper")
        value = match[2]
        pairs.setdefault(match[1].lower(), unquote(value) if value.startswith('"') else value)
        position = match.end()
    return pairs


@dataclass(frozen=True, slots=True)
class Account:
    """A name and its password; the password never shows."""

    user: str
    password: str = field(repr=False)


def answer_challenge(values: Sequence[str], account: Account, method: str, uri: str, cnonce: str) -> str | None:
    """Return the Authorization value for the topmost challenge that we know, None when there is none."""
    return authorize(values, account, Asked(method, uri, "", cnonce=cnonce))


def authorize(values: Sequence[str], account: Account, asked: Asked) -> str | None:
    """Do the same for a request with a body; nonce, qop and count of `asked` come from the challenge."""
    for value in values:
        challenge = _usable_challenge(value)
        if challenge is not None:
            qop = _choose_qop(challenge)
            asked = replace(asked, nonce=challenge["nonce"], qop=qop, nc="00000001" if qop else "")
            return _credentials(challenge, account, asked)
    return None


def is_stale(values: Sequence[str]) -> bool:
    """Return whether the challenges say that only the nonce was too old."""
    return any(found.get("stale", "").lower() == "true" for value in values if (found := _usable_challenge(value)))


def _usable_challenge(value: str) -> dict[str, str] | None:
    try:
        challenge = parse_scheme(value)
    except Malformed:
        return None
    if challenge is None or "nonce" not in challenge or "realm" not in challenge:
        return None
    known = is_known(challenge.get("algorithm", "MD5"))
    return challenge if known and (_choose_qop(challenge) or not challenge.get("qop")) else None


def _choose_qop(challenge: Mapping[str, str]) -> str:
    """Return the protection to use: `auth` where there is a choice, nothing for a server of RFC 2069."""
    offered = [qop.strip().lower() for qop in challenge.get("qop", "").split(",")]
    return next((qop for qop in ("auth", "auth-int") if qop in offered), "")


def _credentials(challenge: Mapping[str, str], account: Account, asked: Asked) -> str:
    algorithm = challenge.get("algorithm", "MD5")
    ha1 = secret_hash(algorithm, account.user, challenge["realm"], account.password)
    response = digest(algorithm, ha1, asked)
    parts = [
        f"username={quote(account.user)}",
        f"realm={quote(challenge['realm'])}",
        f"nonce={quote(challenge['nonce'])}",
        f"uri={quote(asked.uri)}",
        f'response="{response}"',
        f"algorithm={algorithm.upper()}",
    ]
    if asked.qop:
        parts += [f"qop={asked.qop}", f"nc={asked.nc}", f'cnonce="{asked.cnonce}"']
    if "opaque" in challenge:
        parts.append(f"opaque={quote(challenge['opaque'])}")
    return f"Digest {', '.join(parts)}"
