"""The EMM REST dialect ("Last Update 20 January 2023"): names, cases and quirks as its document prints them."""

from gatewayd.api.emm.alarms import alarm_cancel, alarm_detail, alarm_list
from gatewayd.api.emm.events import accept, cancel, delete, detail, escalate, inbox, read
from gatewayd.api.emm.sending import send
from gatewayd.api.emm.tokens import generatetoken, generatetoken_form, release_token

OPERATIONS = (
    generatetoken_form,
    generatetoken,
    release_token,
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
)
