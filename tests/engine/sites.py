"""Sites like that of every test, with some parts exchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.model import AlarmDefinition, User, Way
from tests.engine.conftest import NURSE, PHONE_B, PHONE_C, SITE, WARD_PAGER, Box

if TYPE_CHECKING:
    from gatewayd.model import Site

THREE_WAYS = User(NURSE, "nurse", ways=(Way(WARD_PAGER), Way(PHONE_B, 120.0), Way(PHONE_C, 600.0)))


def changed(**parts: object) -> Site:
    """Return the site of every test with some parts exchanged."""
    return replace(SITE, **parts)  # type: ignore[arg-type]


def recipient(recipient_id: int) -> tuple[AlarmDefinition, ...]:
    """Return the one definition, which pages that recipient."""
    return (AlarmDefinition(1, "nurse-call", recipient_id),)


def nurse_only() -> Site:
    """Return a site whose alarms go to the nurse, who has three ways."""
    return changed(users=(THREE_WAYS, *SITE.users[1:]), definitions=recipient(NURSE))


async def resite(box: Box, site: Site) -> None:
    """Start the box anew with another site."""
    box.site = site
    await box.restart()
    await settle()
