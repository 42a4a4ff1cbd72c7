"""One table from the errors of the domain to answers of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewayd.engine.sessions import LoginRefused
from gatewayd.errors import (
    Conflict,
    GatewayError,
    Invalid,
    NotAllowed,
    NotDurable,
    NotFound,
    StorageDegraded,
    StoreUnavailable,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

INVALID_TOKEN = "Forbidden – invalid bearer token"  # noqa: RUF001,S105 - as the EMM document prints it (A34)


class MethodNotAllowed(GatewayError):
    """The path exists, but not with this method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"use {' or '.join(allowed)}")


class BodyTooLarge(GatewayError):
    """The body is larger than anything that makes sense here."""


class BodyTooSlow(GatewayError):
    """The body did not arrive in time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the caller sees it: `code` for programs (header X-Error-Code), `reason` for people."""

    status: int
    code: str
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def asks_for_login(self) -> bool:
        """Return whether logging in would help."""
        return self.code == "unauthenticated"


# The first class that fits counts. EMM knows 200 with an error (login only, A05), 400 and 403; the rest is ours (A06).
TABLE: tuple[tuple[type[GatewayError], int, str], ...] = (
    (LoginRefused, 200, "login-refused"),
    (Unauthenticated, 403, "unauthenticated"),
    (NotAllowed, 403, "not-allowed"),
    (NotFound, 404, "not-found"),
    (Invalid, 400, "invalid"),
    (Conflict, 400, "conflict"),
    (MethodNotAllowed, 405, "method-not-allowed"),
    (BodyTooSlow, 408, "too-slow"),
    (BodyTooLarge, 413, "too-large"),
    (NotDurable, 507, "not-durable"),
    (StorageDegraded, 507, "storage-degraded"),
    (StoreUnavailable, 507, "store-unavailable"),
)
UNEXPECTED = Failure(500, "internal-error", "internal error; the log of the gateway says more")


def describe(error: GatewayError) -> Failure:
    """Return what the caller is told."""
    if isinstance(error, LoginRefused):
        return Failure(200, error.refusal.code, error.refusal.reason)
    if isinstance(error, MethodNotAllowed):
        return Failure(405, "method-not-allowed", str(error), {"Allow": ", ".join(error.allowed)})
    for kind, status, code in TABLE:
        if isinstance(error, kind):
            return Failure(status, code, _reason(error))
    return UNEXPECTED


def _reason(error: GatewayError) -> str:
    if isinstance(error, Unauthenticated):
        return INVALID_TOKEN
    if isinstance(error, StoreUnavailable) and not isinstance(error, StorageDegraded | NotDurable):
        return "the store of the gateway cannot be used at the moment, and a change was not made: try again"
    return str(error)
