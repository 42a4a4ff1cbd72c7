"""Users' changes: who has to hear of a decision, by push where a browser subscribed, else when they ask (A24).

What has to be told is written in the commit of the decision itself. A push is a page of its own line: it is retried,
expires and is taken back like any other, and counts as neither delivery nor failure of the message.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gatewayd.engine.notifications import active_alarm, push_text, user_event
from gatewayd.engine.subscriptions import Subscriptions
from gatewayd.model import Alarm, JournalKind, NotificationKind, Page, PageState
from gatewayd.records import Notification, NotificationOver, NotificationsDropped, NotificationsTaken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from dataclasses import replace

    from gatewayd.clock import Clock
    from gatewayd.engine.case import Case
    from gatewayd.engine.cases import Cases
    from gatewayd.engine.change import Change
    from gatewayd.engine.directory import Directory
    from gatewayd.engine.line import RunningLine
    from gatewayd.engine.notifications import Body
    from gatewayd.model import Message
    from gatewayd.store import Store
else:
    from gatewayd.values import replace

log = logging.getLogger(__name__)

KEPT = 200  # notifications that wait for one user
TRIM_EVERY = 100  # new ones of a user between two looks at how many there are
POLITE = 30.0  # seconds between two calls that the document recommends
CLAIM = 60.0  # seconds for which nobody else gets what is just being handed over
TOLD_OTHERWISE = 1  # the `way` of a push that has fallen back; pushes follow no way of a person
ARRIVED = frozenset({PageState.SENT, PageState.RECEIVED, PageState.READ})
Told = tuple[NotificationKind, "Body"]


class _News(NamedTuple):
    """Something to tell; `say` makes what a push of it carries."""

    kind: NotificationKind
    object_id: int
    message: Message
    say: Callable[[], Body]


class Changes:
    """Spreads decisions to the users whom they concern, and hands over what they have missed."""

    def __init__(self, store: Store, clock: Clock, lines: Mapping[str, RunningLine], cases: Cases) -> None:
        self._store = store
        self._cases = cases
        self._clock = clock
        self.subscriptions = Subscriptions(lines)
        self._fresh: Counter[int] = Counter()  # by user, since the last look
        self._overflowing: set[int] = set()  # whose loss stands in the journal already
        self._claimed: dict[int, tuple[int, float]] = {}
        self._asked: dict[int, float] = {}

    # --- spreading ----------------------------------------------------------------------------------------------------

    def spread(self, change: Change) -> None:
        """Add to a decision what its users have to be told."""
        for event_id in change.announced:
            event = change.events[event_id]
            message = change.messages.get(event.message_id) or self._cases.message(event.message_id)
            if message is None:
                continue
            if not self.subscriptions.of(event.user_id):  # most people have no browser that waits
                self._keep(change, event.user_id, NotificationKind.USER_EVENT, event.id)
                continue
            news = _News(NotificationKind.USER_EVENT, event.id, message, partial(user_event, event, message))
            self._tell(change, (event.user_id,), news)
        for alarm in list(change.alarms.values()):
            if alarm.is_active and alarm.message_id not in change.messages:
                continue  # it was accepted, or reported again
            message = change.messages.get(alarm.message_id) or self._cases.message(alarm.message_id)
            if message is not None:
                say = partial(active_alarm, alarm, change.ctx.wall, change.ctx.directory)
                news = _News(NotificationKind.ACTIVE_ALARM, alarm.id, message, say)
                self._tell(change, _concerned(change, alarm), news)

    def _tell(self, change: Change, user_ids: Iterable[int], news: _News) -> None:
        text = ""
        line = self.subscriptions.line
        for user_id in user_ids:
            if line is None or not (devices := self.subscriptions.of(user_id)):
                self._keep(change, user_id, news.kind, news.object_id)
                continue
            text = text or push_text(news.kind, news.say())
            for device in devices:
                change.save(_push(change, news, (line.name, device.id, user_id, text)))

    def _keep(self, change: Change, user_id: int, kind: NotificationKind, object_id: int) -> None:
        """Keep a notification until its user asks; only the newest `KEPT` stay."""
        change.others.append(Notification(change.ctx.new_id(Notification), user_id, kind, object_id))
        self._fresh[user_id] += 1
        if self._fresh[user_id] < TRIM_EVERY:
            return
        self._fresh[user_id] = 0
        if self._store.changes.count(user_id) < KEPT:
            return
        change.others.append(NotificationsDropped(user_id, KEPT))
        if user_id not in self._overflowing:
            self._overflowing.add(user_id)
            text = f"changes that were never fetched are dropped, the newest {KEPT} stay"
            change.note(JournalKind.SITE, text, recipient_id=user_id)

    # --- what becomes of a push ---------------------------------------------------------------------------------------

    def push_moved(self, change: Change, case: Case, moved: Page) -> None:
        """Record a push that an attempt has moved: what does not get through waits for its user to ask (A24)."""
        change.save(moved)
        object_id = _object_of(moved, case)
        if moved.push is None or moved.user_id is None or object_id is None:
            return
        if moved.state in ARRIVED and any(one.id > moved.id and one.text != moved.text for one in _same(moved, case)):
            return  # what it said is overtaken; the newer push speaks for itself
        if moved.state in ARRIVED:
            change.others.append(NotificationOver(moved.user_id, moved.push, object_id))
        elif moved.state is not PageState.WITHDRAWN:
            self.fall_back(change, case, moved)
        if moved.state is PageState.FAILED:
            text = f"push to {moved.line} {moved.address} failed: {moved.detail}"
            about = change.ctx.directory.user(moved.user_id)
            change.note(JournalKind.PAGE, text, line=moved.line, recipient_id=about.id if about else None)

    def fall_back(self, change: Change, case: Case, push: Page) -> None:
        """Let what a push that does not get through says wait for its user, once.

        Not when another browser of theirs got it, nor when a push to any of them fell back before: its user may have
        asked since.
        """
        object_id = _object_of(push, case)
        if push.push is None or push.user_id is None or object_id is None:
            return
        alike = [push, *(one for one in _same(push, case) if one.text == push.text)]
        if not any(one.state in ARRIVED or one.way == TOLD_OTHERWISE for one in alike):
            change.save(replace(push, way=TOLD_OTHERWISE))
            self._keep(change, push.user_id, push.push, object_id)

    # --- handing over -------------------------------------------------------------------------------------------------

    def look(self, user_id: int) -> list[Notification]:
        """Return what waits for a user, oldest first, without taking it."""
        return self._store.changes.of_user(user_id, 0, KEPT)

    def claim(self, user_id: int) -> list[Notification]:
        """Return what waits for a user, oldest first; until `take` or a minute later nobody else gets it."""
        now = self._clock.now()
        last, until = self._claimed.get(user_id, (0, 0.0))
        found = self._store.changes.of_user(user_id, last if now < until else 0, KEPT)
        if found:
            self._claimed[user_id] = (found[-1].id, now + CLAIM)
        return found

    async def take(self, user_id: int, last: int) -> None:
        """Forget what was handed over, up to the notification `last`. Raises StoreUnavailable."""
        await self._store.record(NotificationsTaken(user_id, last))
        self._overflowing.discard(user_id)
        if self._claimed.get(user_id, (0, 0.0))[0] == last:
            del self._claimed[user_id]

    def is_impatient(self, user_id: int) -> bool:
        """Return whether a user asks again sooner than the document recommends."""
        now = self._clock.now()
        last = self._asked.get(user_id)
        self._asked[user_id] = now
        return last is not None and now - last < POLITE

    def describe(self, found: list[Notification], directory: Directory) -> Iterator[Told]:
        """Yield what notifications say, as things stand now; what was deleted meanwhile has nothing to say."""
        wall = self._clock.wall()
        for one in found:
            if one.kind is NotificationKind.USER_EVENT:
                item = self._store.inbox.item(one.object_id)
                if item is not None and item.event.user_id == one.user_id and not item.event.is_deleted:
                    yield one.kind, user_event(item.event, item.message)
            else:
                alarm = self._store.alarms.get(one.object_id)
                if alarm is not None:
                    yield one.kind, active_alarm(alarm, wall, directory)


def _concerned(change: Change, alarm: Alarm) -> list[int]:
    """Return who is told of an alarm: those with an event of it, and whoever oversees the house."""
    paged = change.concerned.get(alarm.id, ())
    now = (event.user_id for event in change.events.values() if event.message_id == alarm.message_id)
    return list(dict.fromkeys((*paged, *now, *change.ctx.directory.overseers)))


def _push(change: Change, news: _News, target: tuple[str, str, int, str]) -> Page:
    ctx, message = change.ctx, news.message
    line, address, user_id, text = target
    return Page(
        id=ctx.new_id(Page),
        message_id=message.id,
        line=line,
        address=address,
        text=text,
        priority=message.priority,
        created=ctx.now,
        due=ctx.now,
        expires=ctx.now + _worth(change, message, news.kind),
        queue_time=ctx.wall,
        alarm_id=message.alarm_id,
        user_id=user_id,
        push=news.kind,
    )


def _worth(change: Change, message: Message, kind: NotificationKind) -> float:
    """Return for how many seconds a push is worth sending: while its message escalates, but no longer than a page."""
    ctx = change.ctx
    longest = ctx.policy.page_lifetime
    if kind is NotificationKind.ACTIVE_ALARM:
        return longest
    for run in change.escalations.values():
        plan = ctx.directory.plan(run.plan_id)
        if run.message_id == message.id and plan is not None and plan.cycles:
            waits = [step.wait for step in plan.steps]
            left = sum(waits[run.step - 1 :]) + (plan.cycles - run.cycle) * sum(waits)
            return min(longest, max(left, 0.0))
    return longest


def _same(push: Page, case: Case) -> list[Page]:
    """Return every push that told the same user of the same thing, then or at another time."""
    same = (push.message_id, push.user_id, push.push)
    return [one for one in case.pushes if (one.message_id, one.user_id, one.push) == same]


def _object_of(push: Page, case: Case) -> int | None:
    """Return the id of what a push tells of."""
    if push.push is NotificationKind.ACTIVE_ALARM:
        return push.alarm_id
    own = (e.id for e in case.events if (e.user_id, e.message_id) == (push.user_id, push.message_id))
    return next(own, None)
