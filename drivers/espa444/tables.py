"""What the values of headers and records mean unless a line says otherwise."""

from __future__ import annotations

from typing import Literal

HeaderMeaning = Literal["call", "status", "request", "subscriber", "text", "ignore"]
PriorityName = Literal["emergency", "high", "normal", "low"]
CallMeaning = Literal["alarm", "reset", "emergency", "high", "normal", "low"]
StatusMeaning = Literal["sent", "read", "accepted", "failed", "fault"]
SystemMeaning = Literal["well", "fault"]
ProgressName = Literal["paged", "delivered", "read", "accepted", "declined", "unreached", "failed", "cleared"]

# Headers of the 1984 proposal; what is not listed goes to a person as text.
HEADERS: dict[str, HeaderMeaning] = {"1": "call", "2": "status", "3": "request", "4": "subscriber", "5": "text"}

# Record 4. Whatever is not listed is an alarm.
CALL_TYPES: dict[str, CallMeaning] = {"1": "reset"}

# Record 6.
PRIORITIES: dict[str, PriorityName] = {"1": "emergency", "2": "high", "3": "normal"}

# Record 7 as a transmitter says it. `7` is an open speech channel, `71` and `72` its subdivisions paged and absent.
CALL_STATUS: dict[str, StatusMeaning] = {
    "1": "failed",
    "2": "sent",
    "3": "sent",
    "4": "failed",
    "5": "sent",
    "6": "accepted",
    "7": "read",
    "71": "sent",
    "72": "failed",
    "8": "fault",
}

# Record 7 as we say it to a panel about its own call. That somebody has read it changes nothing for a panel.
TOLD: dict[ProgressName, str] = {
    "paged": "3",
    "delivered": "3",
    "accepted": "6",
    "declined": "1",
    "unreached": "4",
    "failed": "8",
    "cleared": "5",
}
IN_QUEUE, TERMINATED = "2", "5"  # what a status request hears about a call that nobody was told of yet; about no call

# Record 8. `0` is reserved in the proposal; a device that sends it means that all is well.
SYSTEM_STATUS: dict[str, SystemMeaning] = {"0": "well", "1": "fault"}

# Names of records in the fields of an alarm.
RECORDS = {
    "1": "address",
    "2": "message",
    "3": "beep",
    "4": "call_type",
    "5": "transmissions",
    "6": "priority",
    "7": "call_status",
    "8": "system_status",
}
STATUS_WORDS = {
    "1": "busy",
    "2": "in queue",
    "3": "paged",
    "4": "absent",
    "5": "call terminated",
    "6": "acknowledged by the called party",
    "7": "speech channel open",
    "71": "speech channel open, paged",
    "72": "speech channel open, absent",
    "8": "fault indication",
}
