"""A session without a network: lines in, replies and events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.snpp.protocol import MessageSubmitted, Rules, Session

if TYPE_CHECKING:
    from drivers.snpp.protocol import Event
    from drivers.snpp.tags import TagBook


def said(session: Session, *lines: str, now: float = 0.0) -> list[str]:
    """Say lines and return the replies."""
    session.receive_data("".join(line + "\r\n" for line in lines).encode(), now)
    return session.data_to_send().decode("ascii").splitlines()


def codes(session: Session, *lines: str) -> list[str]:
    return [reply[:3] for reply in said(session, *lines)]


def events(session: Session) -> list[Event]:
    found = []
    while (event := session.next_event()) is not None:
        found.append(event)
    return found


def submitted(session: Session) -> MessageSubmitted:
    (message,) = (event for event in events(session) if isinstance(event, MessageSubmitted))
    return message


def new(tags: TagBook | None = None, **rules: object) -> Session:
    session = Session(Rules(**rules), 0.0, tags)  # type: ignore[arg-type]
    session.greet()
    assert session.data_to_send().startswith(b"220 ")
    return session
