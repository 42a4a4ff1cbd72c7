"""What makes of phones want, as data; only what their makers have written down (see README)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from gatewayd.model import Priority


class Form(Enum):
    """How a text is wrapped."""

    TYPED = "text/plain;charset=UTF-8"
    PLAIN = "text/plain"  # some old phones compare the whole value
    ALERT = "application/xml"  # text with alert pattern, as IP-DECT bases of innovaphone and KIRK take it
    CPIM = "message/cpim"  # RFC 3862, which carries the wish for notifications (RFC 5438)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of phone: `forms` in the order in which they are tried, each after a 415 to the one before.

    `patterns` are the alert patterns of Form.ALERT by priority. `drop_braces`: the phone takes the first part in
    curly brackets for a command and does not show it.
    """

    forms: tuple[Form, ...] = (Form.TYPED, Form.PLAIN)
    patterns: dict[Priority, str] = field(default_factory=dict)
    drop_braces: bool = False


PROFILES: dict[str, Profile] = {
    "plain": Profile(),
    "snom": Profile(forms=(Form.PLAIN, Form.TYPED)),
    "innovaphone": Profile(drop_braces=True),
    "ip-dect": Profile(
        forms=(Form.ALERT, Form.TYPED, Form.PLAIN),
        patterns={
            Priority.EMERGENCY: "alarm",
            Priority.HIGH: "continuous",
            Priority.NORMAL: "external",
            Priority.LOW: "internal",
        },
    ),
}
