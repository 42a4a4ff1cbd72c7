"""What fits into a push: long texts are cut inside the JSON, never the JSON itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gatewayd.errors import DeliveryFailedForGood

# RFC 8291 4: one record of at most 4096 octets, less header (86), authentication tag (16) and padding delimiter (1).
MOST_BYTES = 3_993
# The texts of `user_event` and `active_alarm` that people read; they give way first.
TEXTS = frozenset({"message", "active_text", "reset_text"})
# The device chooses by this what to show: cut, the whole push would be for nothing.
NEVER_CUT = frozenset({"type"})
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes to encrypt, and what was done to them to make them fit."""

    data: bytes
    note: str = ""


def fit(text: str) -> Payload:
    """Return the payload of a page: `text` as it is, or with its longest texts cut to fit into `MOST_BYTES`.

    Raises DeliveryFailedForGood when nothing in it can be cut far enough.
    """
    data = _bytes(text)
    if len(data) <= MOST_BYTES:
        return Payload(data)
    content = _parse(text)
    return _cut_plain(text) if content is None else _cut_json(content, len(data))


def _cut_plain(text: str) -> Payload:
    kept = _bytes(text)[: MOST_BYTES - len(ELLIPSIS.encode())].decode("utf-8", "ignore")
    return Payload(_bytes(kept + ELLIPSIS), f"text cut to {len(kept)} of {len(text)} characters")


def _cut_json(content: dict[str, Any], size: int) -> Payload:
    """Cut the longest texts to one common length, the greatest that fits; if that is not enough, all other values."""
    for names in (TEXTS, None):
        longest = _longest_that_fits(content, names)
        if longest is not None:
            note = f"texts cut to {longest} characters, the payload had {size} bytes"
            return Payload(_bytes(_dump(_shortened(content, longest, names))), note)
    raise DeliveryFailedForGood(f"the payload has {size} bytes; a push holds {MOST_BYTES}")


def _longest_that_fits(content: Any, names: frozenset[str] | None) -> int | None:  # noqa: ANN401 - JSON
    low, high = -1, MOST_BYTES
    while low < high:
        middle = (low + high + 1) // 2
        if len(_bytes(_dump(_shortened(content, middle, names)))) <= MOST_BYTES:
            low = middle
        else:
            high = middle - 1
    return low if low >= 0 else None


def _shortened(value: Any, longest: int, names: frozenset[str] | None, name: str = "") -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _shortened(item, longest, names, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, longest, names, name) for item in value]
    may = isinstance(value, str) and name not in NEVER_CUT and (names is None or name in names)
    return value[: max(longest - 1, 0)] + ELLIPSIS[:longest] if may and len(value) > longest else value


def _parse(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _dump(content: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
