"""ESPA 4.4.4 without input and output: both kinds of station, the blocks they exchange, the events they tell."""

from drivers.espa444.charset import Charset, without_controls
from drivers.espa444.control import ControlStation
from drivers.espa444.events import (
    Bcc,
    BlockEnded,
    BlockReceived,
    BlockRefused,
    Config,
    Ending,
    Event,
    Hint,
    LinkRestored,
    LinkSilent,
    NakReason,
    Neglected,
    Noise,
    Select,
    SelfPoll,
    Suspicion,
)
from drivers.espa444.frames import MAX_BLOCK, Block, Header, Id, Record
from drivers.espa444.polled import PolledStation

__all__ = [
    "MAX_BLOCK",
    "Bcc",
    "Block",
    "BlockEnded",
    "BlockReceived",
    "BlockRefused",
    "Charset",
    "Config",
    "ControlStation",
    "Ending",
    "Event",
    "Header",
    "Hint",
    "Id",
    "LinkRestored",
    "LinkSilent",
    "NakReason",
    "Neglected",
    "Noise",
    "PolledStation",
    "Record",
    "Select",
    "SelfPoll",
    "Suspicion",
    "without_controls",
]
