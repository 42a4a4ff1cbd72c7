"""The fault of a console and interfaces that cannot be reached: raised while it lasts, cleared when it is over."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gatewayd.engine import supervision
from gatewayd.engine.engine import OWN_LINE
from gatewayd.errors import NotDurable, StoreUnavailable

if TYPE_CHECKING:
    from gatewayd.engine.engine import Engine

log = logging.getLogger(__name__)


class ApiFault:
    """What people are told of the API's port. `stands`: they know that something is wrong with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.stands = engine.store.alarms.active_with_key(OWN_LINE, supervision.API_DOWN) is not None

    async def tell(self, reason: str) -> None:
        """Raise the fault, or clear it where there is no reason; what cannot be recorded is left for the next time."""
        if self.stands == bool(reason):
            return
        try:
            await self._engine.report(OWN_LINE, supervision.api_fault(reason) if reason else supervision.api_over())
        except NotDurable:
            pass  # people have been told; it is written when the disk is back
        except StoreUnavailable as error:
            log.error("the state of the API's port could not be recorded yet: %s", error)  # noqa: TRY400 - the error says it all
            return
        self.stands = bool(reason)
