"""What the SIP endpoint tells its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass

    from gatewayd.driver import Address, Outcome, Receipt
    from gatewayd.model import PageState, Priority
else:
    from gatewayd.values import dataclass


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A phone sent text; nobody is answered before `Endpoint.answer(transaction, …)`.

    `recipient` is empty when it is for the gateway, `reference` the same whenever the text comes again.
    """

    transaction: int
    sender: str
    recipient: str
    text: str
    reference: str
    priority: Priority | None
    lifetime: float | None = None


@dataclass(frozen=True, slots=True)
class Notified:
    """A phone says what became of a page (IMDN); answered like a `MessageReceived`."""

    transaction: int
    reference: str
    state: PageState


@dataclass(frozen=True, slots=True)
class BindingsChanged:
    """A phone registered; answered by `Endpoint.bindings_saved(transaction, …)` once `changes` are on disk."""

    transaction: int
    user: str
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A phone can be reached from now on."""

    user: str


@dataclass(frozen=True, slots=True)
class Reachability:
    """A phone stopped answering, or answers again."""

    user: str
    contact: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class PhonePresence:
    """A user whose phones are watched has none left, or has one again."""

    user: str
    lost: bool


@dataclass(frozen=True, slots=True)
class PbxState:
    """The gateway is registered at this address of the PBX (`preferred`: the first of them), or is no more."""

    server: str
    reached: bool
    why: str = ""
    preferred: bool = True


@dataclass(frozen=True, slots=True)
class PbxLost:
    """No address of the PBX serves us, or one does again."""

    lost: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class CallReceived:
    """A phone calls, which is how people accept here; declined by `Endpoint.answer(transaction, …)`."""

    transaction: int
    user: str
    reference: str


@dataclass(frozen=True, slots=True)
class CallDeclined:
    """A phone called; there is no voice here, the call was declined."""

    user: str


@dataclass(frozen=True, slots=True)
class HabitsLearned:
    """A device turned out not to take what it was sent; `changes` are worth remembering."""

    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PageDone:
    """A page that was given to `Endpoint.send_page` came to an end."""

    handle: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class PageConfirmedLate:
    """The answer to a page that had been given up as UNKNOWN came after all."""

    reference: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ConnectionWanted:
    """A request waits for a connection to `peer`; answered by `Core.connection_made`."""

    peer: Address
    transport: str = "TCP"


Event = (
    MessageReceived
    | Notified
    | BindingsChanged
    | Registered
    | Reachability
    | PhonePresence
    | PbxState
    | PbxLost
    | CallReceived
    | CallDeclined
    | HabitsLearned
    | PageDone
    | PageConfirmedLate
    | ConnectionWanted
)
