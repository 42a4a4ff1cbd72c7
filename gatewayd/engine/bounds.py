"""What a line says is hostile: every text gets an end, and nothing in it that the store cannot keep."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gatewayd.model import AlarmActivated, AlarmReset, PageAnswered, PageConfirmed, Report, TextReceived

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import replace
else:
    from gatewayd.values import replace

LONGEST_TEXT = 2000  # characters of a message: far beyond every device
LONGEST_NAME = 200  # characters of an address, a key, a reference, a device's own word
MOST_FIELDS = 64
DIGEST = 32  # hexadecimal digits that stand for what was cut off


def clean(text: str, longest: int = LONGEST_NAME) -> str:
    """Cut a text, and replace what has no UTF-8 form (lone surrogates)."""
    text = text[:longest]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def identity(text: str) -> str:
    """Bound what identifies something; two that differ beyond the bound still differ afterwards."""
    if len(text) <= LONGEST_NAME and text.isascii():
        return text
    whole = text.encode("utf-8", "surrogatepass")
    if len(text) <= LONGEST_NAME and text == clean(text):
        return text
    return clean(text, LONGEST_NAME - DIGEST - 1) + "~" + hashlib.sha256(whole).hexdigest()[:DIGEST]


def bounded(report: Report) -> Report:
    """Return a report with every text of it bounded."""
    if isinstance(report, AlarmActivated):
        return replace(
            report,
            key=identity(report.key),
            text=clean(report.text, LONGEST_TEXT),
            address=identity(report.address),
            fields=_fields(report.fields),
        )
    if isinstance(report, AlarmReset):
        key = None if report.key is None else identity(report.key)
        return AlarmReset(key, identity(report.address), clean(report.text, LONGEST_TEXT))
    if isinstance(report, TextReceived):
        return TextReceived(
            identity(report.sender),
            clean(report.text, LONGEST_TEXT),
            clean(report.recipient),
            identity(report.reference),
            report.priority,
            report.lifetime,
            report.known_for,
        )
    if isinstance(report, PageAnswered):
        return PageAnswered(identity(report.reference), report.answer)
    return PageConfirmed(identity(report.reference), report.state, clean(report.detail))


def _fields(fields: Mapping[str, str]) -> Mapping[str, str]:
    if not fields:
        return fields
    kept = list(fields.items())[:MOST_FIELDS]
    return {clean(name): clean(value, LONGEST_TEXT) for name, value in kept}
