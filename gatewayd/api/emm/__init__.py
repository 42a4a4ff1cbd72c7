"""The EMM REST dialect ("Last Update 20 January 2023"): names, cases and quirks as its document prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.api.emm.alarms import alarm_cancel, alarm_detail, alarm_list
from gatewayd.api.emm.changes import changes as changes_since
from gatewayd.api.emm.contacts import contact_operations
from gatewayd.api.emm.events import accept, cancel, delete, detail, escalate, inbox, read
from gatewayd.api.emm.people import recipient_detail, recipient_list, user_list
from gatewayd.api.emm.sending import send
from gatewayd.api.emm.tokens import generatetoken, generatetoken_form, release_token
from gatewayd.api.emm.users import user_operations
from gatewayd.api.emm.webpush import webpush_key, webpush_state, webpush_subscribe, webpush_unsubscribe

if TYPE_CHECKING:
    from gatewayd.api.operation import Operation
    from gatewayd.api.options import ApiOptions


def operations(options: ApiOptions) -> tuple[Operation, ...]:
    """Return every operation of the dialect, in the order of its document."""
    return (
        generatetoken_form,
        generatetoken,
        release_token,
        webpush_key,
        recipient_list,
        recipient_detail,
        user_list,
        send,
        inbox,
        changes_since,
        detail,
        read,
        accept,
        cancel,
        escalate,
        delete,
        webpush_state,
        webpush_subscribe,
        webpush_unsubscribe,
        alarm_list,
        alarm_detail,
        alarm_cancel,
        *contact_operations(options.contact_fields),
        *user_operations(options.user_settings, ask_old_password=options.ask_old_password),
    )
