"""The EMM REST dialect ("Last Update 20 January 2023"): names, cases and quirks as its document prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.api.emm.alarms import alarm_cancel, alarm_detail, alarm_list
from gatewayd.api.emm.contacts import contact_operations
from gatewayd.api.emm.events import accept, cancel, delete, detail, escalate, inbox, read
from gatewayd.api.emm.people import recipient_detail, recipient_list, user_list
from gatewayd.api.emm.sending import send
from gatewayd.api.emm.tokens import generatetoken, generatetoken_form, release_token
from gatewayd.api.emm.users import user_operations

if TYPE_CHECKING:
    from gatewayd.api.operation import Operation
    from gatewayd.api.options import ApiOptions


def operations(options: ApiOptions) -> tuple[Operation, ...]:
    """Return every operation of the dialect, in the order of its document."""
    return (
        generatetoken_form,
        generatetoken,
        release_token,
        recipient_list,
        recipient_detail,
        user_list,
        send,
        inbox,
        detail,
        read,
        accept,
        cancel,
        escalate,
        delete,
        alarm_list,
        alarm_detail,
        alarm_cancel,
        *contact_operations(options.contact_fields),
        *user_operations(options.user_settings, ask_old_password=options.ask_old_password),
    )
