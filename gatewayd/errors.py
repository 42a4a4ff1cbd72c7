"""Errors, sorted by what the caller can do about them."""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """Base of every error that gatewayd raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration or an import file.

    `where` names the key as the file spells it (`lines.panel.baudrate`), `reason` says what is wrong and, where it
    is known, what to write instead.
    """

    file: str
    where: str
    reason: str

    def __str__(self) -> str:
        """Return the problem on one line, as `config check` prints it."""
        return f"{self.file}: {self.where}: {self.reason}" if self.where else f"{self.file}: {self.reason}"


class ConfigError(GatewayError):
    """The configuration or an import file cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LineDown(GatewayError):
    """The device of a line is lost or cannot be opened; the supervisor reconnects."""


class ProtocolError(GatewayError):
    """A protocol was broken; whose fault it is decides what to do."""


class LocalProtocolError(ProtocolError):
    """We asked a protocol for something that its state does not allow: a defect of ours."""


class RemoteProtocolError(ProtocolError):
    """The other end sent what the specification does not allow."""


class DeliveryFailed(GatewayError):
    """A page could not be delivered."""


class DeliveryFailedForNow(DeliveryFailed):
    """Trying the same address again later may help."""


class DeliveryFailedForGood(DeliveryFailed):
    """The address or the content was refused; only another way can help."""


class NotFound(GatewayError):
    """What was asked for does not exist (or the asker may not know that it does)."""


class NotAllowed(GatewayError):
    """The asker is known but may not do this."""


class Unauthenticated(GatewayError):
    """The asker did not show who they are: no credentials, wrong ones, or expired ones."""


class Conflict(GatewayError):
    """The request is sound but the state of the thing forbids it."""


class Invalid(GatewayError):
    """One field of the input is wrong; names the field and the fix."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class StoreUnavailable(GatewayError):
    """The change could not be written to disk and was not made; nothing may be acknowledged."""


class NotDurable(StoreUnavailable):
    """It has taken effect, but is not on disk yet: whoever wants it acknowledged has to come again."""


class StorageDegraded(StoreUnavailable):
    """The disk is full: what can wait is refused, so that alarms find room. Says why, to whoever asked."""
