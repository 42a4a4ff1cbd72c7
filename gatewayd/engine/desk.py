"""What people do with events and alarms; every service checks who may do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Progress
from gatewayd.engine import endings, posting, sendkeys
from gatewayd.engine.bounds import LONGEST_TEXT, clean
from gatewayd.engine.case import case_key
from gatewayd.errors import Conflict, Invalid, NotAllowed, NotFound
from gatewayd.model import Event, Message, MessageKind, MsgStatus, Role, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.engine.case import Case
    from gatewayd.engine.change import Change
    from gatewayd.engine.core import Core
    from gatewayd.engine.orders import SendOrder
    from gatewayd.store import Listing, Query
    from gatewayd.store.inbox import InboxItem

MOST_RECIPIENTS = 1000  # of one message: a bound for hostile input


class Desk:
    """The services behind every API and the console."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # --- reading ------------------------------------------------------------------------------------------------------

    def inbox(self, actor: User, owner_id: int, query: Query) -> Listing[InboxItem]:
        """Return part of a user's inbox. Raises NotAllowed: people read their own, admins everybody's."""
        self._may_see(actor, owner_id)
        return self._core.store.inbox.listing(owner_id, query)

    def event(self, actor: User, owner_id: int, event_id: int) -> InboxItem:
        """Return one event of a user's inbox. Raises NotAllowed, NotFound."""
        self._may_see(actor, owner_id)
        item = self._core.store.inbox.item(event_id)
        if item is None or item.event.user_id != owner_id or item.event.status is MsgStatus.QUEUED_DELETE:
            message = f"there is no event {event_id}"
            raise NotFound(message)
        return item

    # --- acting on an event -------------------------------------------------------------------------------------------

    async def read(self, actor: User, event_id: int) -> MsgStatus:
        """Note that the user has seen the event."""
        return await self._act(actor, event_id, self._read)

    async def accept(self, actor: User, event_id: int) -> MsgStatus:
        """Take it for the user: when this returns, no later page of that alarm leaves the box."""
        return await self._act(actor, event_id, self._accept)

    async def cancel(self, actor: User, event_id: int) -> MsgStatus:
        """End the event's alarm; whoever was paged gets the reset text.

        Raises Conflict when it belongs to no alarm.
        """
        return await self._act(actor, event_id, self._cancel)

    async def escalate(self, actor: User, event_id: int) -> MsgStatus:
        """On to the next step now. Raises Conflict when nothing escalates."""
        return await self._act(actor, event_id, self._escalate)

    async def delete(self, actor: User, event_id: int) -> MsgStatus:
        """Take the event out of the user's inbox; an alarm and its paging go on."""
        return await self._act(actor, event_id, self._delete)

    async def cancel_alarm(self, actor: User, alarm_id: int) -> None:
        """End an alarm. Raises NotFound, NotAllowed, Conflict when it is not active any more."""
        core = self._core
        alarm = core.store.alarms.get(alarm_id)
        if alarm is None:
            message = f"there is no alarm {alarm_id}"
            raise NotFound(message)
        async with core.locks(("condition", alarm.line, alarm.key)), core.locks(("alarm", alarm_id)):
            case = self._case(alarm.message_id)
            if actor.role is Role.USER and all(event.user_id != actor.id for event in case.events):
                message = "only operators, admins and those who were paged may cancel an alarm"
                raise NotAllowed(message)
            if case.alarm is None or not case.alarm.is_active:
                message = f"alarm {alarm_id} is not active any more"
                raise Conflict(message)
            change = core.change()
            endings.clear(change, case, cancelled_by=actor.id)
            ending = await core.carry_out(change)
        await core.ended(ending)
        core.acknowledge()

    async def _act(self, actor: User, event_id: int, decide: Callable[[Change, Case, Event], MsgStatus]) -> MsgStatus:
        core = self._core
        item = core.store.inbox.item(event_id)
        if item is None:
            message = f"there is no event {event_id}"
            raise NotFound(message)
        if actor.id != item.event.user_id:
            text = "events are acted on by their own user: who accepted has to be who it says"
            raise NotAllowed(text)
        async with core.locks(case_key(item.message.alarm_id, item.message.id)):
            case = self._case(item.message.id)
            event = next((one for one in case.events if one.id == event_id), item.event)
            change = core.change()
            status = decide(change, case, event)
            ending = await core.carry_out(change)
        await core.ended(ending)
        core.acknowledge()
        return status

    def _read(self, change: Change, case: Case, event: Event) -> MsgStatus:
        if event.status >= MsgStatus.READ:
            return event.status
        endings.mark(change, event, MsgStatus.READ)
        change.tell(case.message, Progress.READ, event.user_id)
        return MsgStatus.READ

    def _accept(self, change: Change, case: Case, event: Event) -> MsgStatus:
        if event.status is MsgStatus.ACKNOWLEDGE:
            return event.status
        endings.mark(change, event, MsgStatus.ACKNOWLEDGE)
        endings.accept(change, case, event.user_id)
        return MsgStatus.ACKNOWLEDGE

    def _cancel(self, change: Change, case: Case, event: Event) -> MsgStatus:
        if event.status is MsgStatus.CANCELALARM:
            return event.status
        if case.alarm is None:
            message = "this event does not belong to an alarm"
            raise Conflict(message)
        endings.mark(change, event, MsgStatus.CANCELALARM)
        endings.clear(change, case, cancelled_by=event.user_id)
        return MsgStatus.CANCELALARM

    def _escalate(self, change: Change, case: Case, event: Event) -> MsgStatus:
        running = case.running()
        if not running:
            message = "nothing escalates: it was accepted or cleared, or no escalation plan was addressed"
            raise Conflict(message)
        endings.mark(change, event, MsgStatus.FORCEESCALATE)
        name = change.ctx.directory.recipient_name(event.user_id)
        for run in running:
            endings.advance(change, case, run, f"escalated by {name}")
        return MsgStatus.FORCEESCALATE

    def _delete(self, change: Change, case: Case, event: Event) -> MsgStatus:
        del case
        endings.mark(change, event, MsgStatus.QUEUED_DELETE)
        return MsgStatus.QUEUED_DELETE

    # --- sending ------------------------------------------------------------------------------------------------------

    async def send(self, sender: User, order: SendOrder) -> Message:
        """Send a user's message. Raises Invalid (then nothing is sent), StoreUnavailable.

        Raises Conflict when its key was used for another message.
        """
        self._core.store.storage.refuse_what_can_wait()
        if not order.key:
            return await self._send_order(sender, order)
        async with self._core.locks(("send", sender.id, order.key)):
            before = sendkeys.sent_before(self._core.store, sender, order, self._core.clock.now())
            return before or await self._send_order(sender, order)

    async def _send_order(self, sender: User, order: SendOrder) -> Message:
        original = self._original(sender, order)
        if original is None:
            return await self._send(sender, order, None)
        async with self._core.locks(case_key(original.alarm_id, original.id)):  # its event will say "replied"
            return await self._send(sender, order, original)

    async def _send(self, sender: User, order: SendOrder, original: Message | None) -> Message:
        recipients = self._recipients(sender, order, original)
        change = self._core.change()
        ctx = change.ctx
        message_id = ctx.new_id(Message)
        message = Message(
            message_id,
            clean(order.text.strip(), LONGEST_TEXT),
            order.priority,
            ctx.wall,
            MessageKind.USER,
            original.thread_id if original else message_id,
            tone=order.tone,
            reply_to=original.id if original else None,
            from_user_id=sender.id,
        )
        change.save(message)
        if not posting.post(change, message, recipients):
            reason = "none of them reaches anybody: the groups are empty or the plans page nobody"
            raise Invalid("recipients", reason)
        replied = self._core.store.inbox.of_user(sender.id, original.id) if original else None
        if replied is not None:
            endings.mark(change, replied, MsgStatus.REPLIED)
        if order.key:
            sendkeys.remember(change, sender, order, message)
        await self._core.carry_out(change)
        return message

    def _original(self, sender: User, order: SendOrder) -> Message | None:
        """Return the message that is replied to; only those who have it in their inbox, or sent it, may reply."""
        if order.reply_to is None:
            return None
        original = self._core.store.inbox.message(order.reply_to)
        mine = original is not None and (
            original.from_user_id == sender.id or self._core.store.inbox.of_user(sender.id, original.id) is not None
        )
        if original is None or not mine:
            raise Invalid("reply_message_id", f"there is no message {order.reply_to} in your inbox")
        return original

    def _recipients(self, sender: User, order: SendOrder, original: Message | None) -> tuple[int, ...]:
        wanted = tuple(dict.fromkeys(order.recipients))
        if not wanted and original is not None and original.from_user_id not in (None, sender.id):
            wanted = (original.from_user_id or 0,)
        if not order.text.strip():
            raise Invalid("text", "is empty: write what people have to read")
        if not wanted:
            raise Invalid("recipients", "is empty: name at least one recipient id")
        if len(wanted) > MOST_RECIPIENTS:
            raise Invalid(
                "recipients", f"names {len(wanted)} recipients, at most {MOST_RECIPIENTS} are taken: use a group"
            )
        unknown = [str(one) for one in wanted if self._core.directory.recipient(one) is None]
        if unknown:
            raise Invalid("recipients", f"unknown id {', '.join(unknown[:10])}; nothing was sent")
        return wanted

    # --- shared -------------------------------------------------------------------------------------------------------

    def _case(self, message_id: int) -> Case:
        case = self._core.case(message_id)
        if case is None:
            self._core.refuse_while_down()  # it may be on a disk that cannot be read
            text = f"there is no message {message_id}"
            raise NotFound(text)
        return case

    @staticmethod
    def _may_see(actor: User, owner_id: int) -> None:
        if actor.id != owner_id and actor.role is not Role.ADMIN:
            message = "an inbox is open to its owner and to admins"
            raise NotAllowed(message)
