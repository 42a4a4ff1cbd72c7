"""How a page becomes a call, and which call a status is about."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

from drivers.espa444.protocol import Block, Header, Id, without_controls
from gatewayd.errors import Invalid
from gatewayd.model import Priority

if TYPE_CHECKING:
    from drivers.espa444.settings import EspaSettings
    from gatewayd.model import Page

LONGEST_ADDRESS = 16  # characters of record 1 (1984 proposal)
LONGEST_STRANGE_ADDRESS = 64  # what panels may make of that; with the longest text it still fits into a block
REMEMBERED_CALLS = 256  # calls whose status may still come: hours on a busy line
IDENTIFYING = (Id.ADDRESS, Id.MESSAGE, Id.BEEP)  # what a status and a status request repeat of a call


@dataclass(frozen=True, slots=True)
class Call:
    """A call for one station."""

    station: str
    block: Block


def call_of(page: Page, settings: EspaSettings) -> Call:
    """Return the call for a page. Raises Invalid for an address that the line cannot carry as it is."""
    charset = settings.charset
    station, whole = addressee(page.address, settings)
    address = charset.fit(whole, LONGEST_ADDRESS)
    if not address or address != whole:
        raise Invalid("address", f"has to be 1 to {LONGEST_ADDRESS} characters of {settings.encoding}")
    records = {
        Id.ADDRESS: address,
        Id.MESSAGE: charset.fit(page.text, settings.longest_text),
        Id.BEEP: _beep(page.tone, settings),
        Id.CALL_TYPE: settings.call_type,
        Id.TRANSMISSIONS: settings.transmissions,
        Id.PRIORITY: settings.code_of(Priority(page.priority)),
    }
    return Call(station, Block.of(Header.CALL, {str(key): data for key, data in records.items() if data}))


def addressee(address: str, settings: EspaSettings) -> tuple[str, str]:
    """Return the station that an address is meant for, and what that one has to call.

    `3:1234` is 1234 at station 3. Without a station, `addresses` decides, else it is the first of the peers. Where
    there are several, a station that is none of them is refused: a page must not go astray by a slip of the pen.
    """
    station, colon, rest = address.partition(":")
    if colon and station in settings.stations:
        return station, rest
    if colon and len(settings.stations) > 1:
        raise Invalid("address", "names a station that is none of the line's peers")
    return settings.station_of(address) or settings.stations[0], address


def spelled(station: str, address: str, settings: EspaSettings) -> str:
    """Return an address that a station dialled as `addressee` understands it: with the station if there are several."""
    return f"{station}:{address}" if len(settings.stations) > 1 else address


def _beep(tone: str, settings: EspaSettings) -> str:
    """Return record 3: what the line makes of the page's tone, which may be the number itself."""
    named = settings.beeps.get(tone)
    if named is not None:
        return named
    return tone if tone.isascii() and tone.isdigit() else settings.beep


def about(block: Block, settings: EspaSettings) -> dict[str, str]:
    """Return the records that identify a call: there is no number (1984 proposal)."""
    limits = zip(IDENTIFYING, (LONGEST_STRANGE_ADDRESS, settings.longest_text, LONGEST_ADDRESS), strict=True)
    same = {str(key): settings.charset.fit(block.get(key), limit) for key, limit in limits}
    return {key: data for key, data in same.items() if data}


def clean(data: str) -> str:
    """Return what a record says, without control codes and blanks at its ends."""
    return without_controls(data).strip()


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a call: whose it is, and its own records."""

    station: str
    address: str
    text: str
    beep: str

    @classmethod
    def of(cls, block: Block, station: str) -> Identity:
        """Return the identity of a call, or of the call that a status is about."""
        return cls(station, *(clean(block.get(key)) for key in IDENTIFYING))

    def is_meant_by(self, other: Identity) -> bool:
        """Compare with a block about a call, which may leave out the text and the beep, or cut the text."""
        same_beep = not other.beep or other.beep == self.beep
        same_call = (self.station, self.address) == (other.station, other.address)
        return same_call and same_beep and self.text.startswith(other.text)


class SentCalls:
    """The calls that were made last, newest first, to find out which of them a status is about.

    The line's memory keeps them as well: an answer may come after a restart.
    """

    def __init__(self, first_station: str) -> None:
        self._first = first_station
        self._calls: deque[Identity] = deque(maxlen=REMEMBERED_CALLS)
        self._number = 0

    def load(self, memory: dict[str, object]) -> None:
        """Take up what `add` had kept."""
        kept = [item for name, item in memory.items() if name.startswith("sent ") and isinstance(item, list)]
        for number, *identity in sorted(item for item in kept if len(item) == 1 + len(Identity.__match_args__)):
            self._number = number + 1
            self._calls.appendleft(Identity(*identity))

    def add(self, call: Call) -> tuple[str, dict[str, object]]:
        """Remember a call; return its reference, and what the line's memory has to keep."""
        identity = Identity.of(call.block, call.station)
        self._calls.appendleft(identity)
        slot, number = self._number % REMEMBERED_CALLS, self._number
        self._number += 1
        kept = [number, identity.station, identity.address, identity.text, identity.beep]
        return self._reference(identity), {f"sent {slot}": kept}

    def reference_of(self, status: Block, station: str) -> str:
        """Return the reference of the newest call that fits, else the one that the status itself spells."""
        meant = Identity.of(status, station)
        return self._reference(next((call for call in self._calls if call.is_meant_by(meant)), meant))

    def _reference(self, call: Identity) -> str:
        """Return the same reference for the same call, after a restart too."""
        where = "" if call.station == self._first else f"{call.station}\x1f"
        return blake2s(f"{where}{call.address}\x1f{call.text}".encode(), digest_size=8).hexdigest()
