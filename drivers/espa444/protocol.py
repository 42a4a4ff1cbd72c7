"""ESPA 4.4.4 without input and output: both kinds of station, the blocks they exchange, the events they tell."""

from drivers.espa444.charset import Charset, without_controls
from drivers.espa444.control import ControlStation
from drivers.espa444.events import (
    BlockRefused,
    CallEnded,
    CallReceived,
    Config,
    Ending,
    Event,
    LinkRestored,
    LinkSilent,
    NakReason,
    Noise,
    SelfPoll,
    StatusReceived,
)
from drivers.espa444.frames import MAX_BLOCK, Block, Header, Id, Record
from drivers.espa444.paging import PagingStation

__all__ = [
    "MAX_BLOCK",
    "Block",
    "BlockRefused",
    "CallEnded",
    "CallReceived",
    "Charset",
    "Config",
    "ControlStation",
    "Ending",
    "Event",
    "Header",
    "Id",
    "LinkRestored",
    "LinkSilent",
    "NakReason",
    "Noise",
    "PagingStation",
    "Record",
    "SelfPoll",
    "StatusReceived",
    "without_controls",
]
