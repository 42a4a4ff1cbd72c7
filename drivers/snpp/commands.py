"""The commands of levels 1 and 2 (RFC 1861 4.3 to 4.5), and the table of all of them."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from drivers.snpp import twoway
from drivers.snpp.draft import Draft, Pager
from gatewayd.model import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.snpp.protocol import Session

SIGNIFICANT = 4  # characters of a verb: RFC 1861 3
MAX_WORD = 64  # characters of a caller or a subject

_HELP = (
    "PAGEr MESSage DATA SEND RESEt QUIT HELP",
    "LOGIn LEVEl ALERt COVErage CALLerid SUBJect",
    "2WAY PING EXPTag ACKRead RTYPe MCREsponse MSTAtus KTAG",
)


def handle(session: Session, line: str) -> None:
    """Carry one line out."""
    verb, _, rest = line.partition(" ")
    handler = _HANDLERS.get(verb[:SIGNIFICANT].upper())
    if handler is None:
        session.refuse("500 command not known")
    else:
        handler(session, rest.strip())


def _handle_login(session: Session, rest: str) -> None:
    name, _, password = rest.partition(" ")
    expected = session.rules.logins.get(name)
    if session.rules.logins and (
        expected is None or not hmac.compare_digest(expected.encode(), password.strip().encode())
    ):
        session.refuse_login()
        return
    session.known = True
    session.accept("250 login accepted")


def _handle_page(session: Session, rest: str) -> None:
    draft = session.draft
    pager = rest.partition(" ")[0]  # what follows is a PIN, which nobody asked for
    most = 1 if draft.two_way else session.rules.most_pagers
    if not session.known:
        session.refuse("550 log in first")
    elif not session.rules.knows(pager):
        session.refuse("550 pager not known")
    elif len(draft.pagers) >= most:
        session.refuse("552 too many pagers for one message")
    else:
        if all(known.id != pager for known in draft.pagers):
            draft.pagers.append(Pager(pager, _priority(session)))
        draft.level, draft.alert = None, False
        session.accept("850 pager accepted, its replies are followed" if draft.two_way else "250 pager accepted")


def _priority(session: Session) -> Priority | None:
    """Return what LEVEl and ALERt say about the next pager: an alert is urgent at least."""
    draft = session.draft
    priority = session.rules.levels.get(draft.level) if draft.level is not None else None
    if draft.alert and (priority is None or priority > Priority.HIGH):
        return Priority.HIGH
    return priority


def _handle_message(session: Session, rest: str) -> None:
    if session.draft.text is not None:
        session.refuse("503 there is a message already")
    else:
        session.enter(rest if len(rest) <= session.rules.longest_text else "")


def _handle_data(session: Session, _: str) -> None:
    if session.draft.text is not None:
        session.refuse("503 there is a message already")
    else:
        session.take_text()


def _handle_send(session: Session, _: str) -> None:
    if not session.draft.pagers or session.draft.text is None:
        session.refuse("503 a pager and a message come first")
    else:
        session.submit()


def _handle_reset(session: Session, _: str) -> None:
    session.draft = Draft(session.draft.number + 1)
    session.accept("250 reset")


def _handle_caller(session: Session, rest: str) -> None:
    session.draft.caller = rest[:MAX_WORD]
    session.accept("250 caller noted")


def _handle_subject(session: Session, rest: str) -> None:
    session.draft.subject = rest[:MAX_WORD]
    session.accept("250 subject noted")


def _handle_level(session: Session, rest: str) -> None:
    level = int(rest) if rest.isascii() and rest.isdecimal() and len(rest) < SIGNIFICANT else -1
    if level in session.rules.levels:
        session.draft.level = level
        session.accept("250 noted for the next pager")
    else:
        session.refuse("550 there is no such level")


def _handle_alert(session: Session, rest: str) -> None:
    if rest in {"0", "1"}:
        session.draft.alert = rest == "1"
        session.accept("250 noted for the next pager")
    else:
        session.refuse("550 there is no such value")


def _handle_coverage(session: Session, rest: str) -> None:
    if rest:
        session.accept("250 noted; every line here has one area")
    else:
        session.refuse("550 there is no such value")


def _handle_hold(session: Session, _: str) -> None:
    session.refuse("550 messages are not held here")


def _handle_help(session: Session, _: str) -> None:
    for line in _HELP:
        session.reply(f"214 {line}")
    session.accept("250 that is all")


def _handle_quit(session: Session, _: str) -> None:
    session.end("221 goodbye")


_HANDLERS: Mapping[str, Callable[[Session, str], None]] = {
    "LOGI": _handle_login,
    "PAGE": _handle_page,
    "MESS": _handle_message,
    "DATA": _handle_data,
    "SEND": _handle_send,
    "RESE": _handle_reset,
    "CALL": _handle_caller,
    "SUBJ": _handle_subject,
    "LEVE": _handle_level,
    "ALER": _handle_alert,
    "COVE": _handle_coverage,
    "HOLD": _handle_hold,
    "HELP": _handle_help,
    "QUIT": _handle_quit,
    "2WAY": twoway.handle_two_way,
    "PING": twoway.handle_ping,
    "EXPT": twoway.handle_lifetime,
    "NOQU": twoway.handle_no_queueing,
    "ACKR": twoway.handle_read,
    "RTYP": twoway.handle_reply_type,
    "MCRE": twoway.handle_choice,
    "MSTA": twoway.handle_status,
    "KTAG": twoway.handle_give_up,
}
