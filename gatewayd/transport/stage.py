"""Where connections are opened: at the system's, unless a stage stands in for it, as in a replay."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from gatewayd.driver import Address
    from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter


class Stage(Protocol):
    """Opens what the transports would have opened. Each raises LineDown, as they do."""

    async def open_serial(self, adapter: StreamAdapter[Any]) -> None:
        """Join an adapter to the device of the line."""

    async def connect_tcp(self, host: str, port: int, adapter: asyncio.Protocol) -> None:
        """Join an adapter to who answers at this address."""

    async def listen_tcp(self, host: str, port: int, factory: Callable[[], StreamAdapter[Any]]) -> asyncio.Server:
        """Take connections for this address."""

    async def open_udp(self, host: str, port: int, adapter: DatagramAdapter[Any]) -> Address:
        """Take datagrams for this address; return it."""


STAGE: ContextVar[Stage | None] = ContextVar("stage", default=None)  # of whatever runs in this context
