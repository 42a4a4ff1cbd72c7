"""Changing a password: what a new one has to be, and that it ends the other sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewayd.engine.sessions import LONGEST_PASSWORD, Login

if TYPE_CHECKING:
    from gatewayd.engine.people import People
    from gatewayd.engine.sessions import Sessions
    from gatewayd.model import User

SHORTEST = 8  # characters (NIST SP 800-63B 5.1.1.2: length counts, rules of composition do not)
FEWEST_DIFFERENT = 4


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """A wish for a new password. `old` is None where it was not given; `token` is the session that stays."""

    user: User
    new: str = field(repr=False)
    old: str | None = field(repr=False)
    token: str = field(repr=False)
    address: str = ""


def weakness(password: str, user: User) -> str:
    """Return what is wrong with a new password, or nothing."""
    if len(password) < SHORTEST:
        return f"a password has at least {SHORTEST} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} characters"
    if len(set(password)) < FEWEST_DIFFERENT:
        return f"a password has at least {FEWEST_DIFFERENT} different characters"
    if password.casefold() in {user.name.casefold(), user.full_name.casefold()}:
        return "a password is not one's own name"
    return ""


async def change_password(people: People, sessions: Sessions, wish: PasswordChange) -> str:
    """Set a new password and end the user's other sessions; returns why it was refused, or nothing.

    Raises LoginRefused when the old password is wrong, StoreUnavailable.
    """
    reason = weakness(wish.new, wish.user)
    if reason:
        return reason
    if wish.old is not None:
        await sessions.check(Login(wish.user.name, wish.old, wish.address))
    stored = await sessions.hash(wish.new)
    others = sessions.others(wish.user.id, wish.token)
    await people.set_password(wish.user.id, stored, others)
    sessions.forget(others)
    return ""
