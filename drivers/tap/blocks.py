"""The blocks of TAP 1.8: checksum, transparency, splitting a transaction, and text in seven bits.

A block is `STX info ETX|ETB|US c1 c2 c3 CR` with at most 256 characters; a transaction is one or more blocks whose
info, joined, is `field CR field CR ...`. Paging uses two fields: the pager ID and the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from gatewayd.charset import spelled
from gatewayd.errors import Invalid, RemoteProtocolError

if TYPE_CHECKING:
    from drivers.tap.profile import Profile

STX, ETX, EOT, ACK, LF, CR, NAK, ETB, SUB, ESC, RS, US = 2, 3, 4, 6, 10, 13, 21, 23, 26, 27, 30, 31
TERMINATORS = frozenset((ETX, ETB, US))
MAX_INFO = 250
MAX_BLOCK = 256
MAX_PAGER_ID = 32

_SHORTEST = 6  # STX, terminator, checksum, CR
_ESCAPE = {code: f"\x1a{chr(code + 0x40)}" for code in range(0x20)}
_BLANK = dict.fromkeys([*range(0x20), 0x7F], " ")


def checksum(data: bytes) -> bytes:
    """Return the check characters of `data` (STX through terminator): low 12 bits as 30h + nibble, high first."""
    total = sum(data)
    return bytes((0x30 + (total >> 8 & 15), 0x30 + (total >> 4 & 15), 0x30 + (total & 15)))


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `terminator` is ETX (the end), ETB (more follows) or US (more follows of the last field)."""

    info: bytes
    terminator: int

    def to_bytes(self) -> bytes:
        """Return the block as it goes on the wire."""
        data = b"\x02%b%c" % (self.info, self.terminator)
        return b"%b%b\r" % (data, checksum(data))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Block:
        """Read a block, STX to the last CR, seven-bit. Raises RemoteProtocolError when it is damaged or too long."""
        if not _SHORTEST <= len(raw) <= MAX_BLOCK or raw[0] != STX or raw[-1] != CR or raw[-5] not in TERMINATORS:
            raise RemoteProtocolError("this is no TAP block")
        data, check = raw[:-4], raw[-4:-1]
        if checksum(data) != check:
            raise RemoteProtocolError("the checksum is wrong")
        return cls(data[1:-1], data[-1])


def escape(text: str) -> str:
    """Put SUB, code + 40h in place of every control code (TAP 1.6: mandatory for nine of them, allowed for all)."""
    return text if text.isprintable() else text.translate(_ESCAPE)


def unescape(field: bytes) -> bytes:
    """Undo `escape`; a SUB with nothing that it could stand for is dropped."""
    head, *rest = field.split(b"\x1a")
    return head + b"".join(_without_escape(part) for part in rest)


def _without_escape(part: bytes) -> bytes:
    return bytes((part[0] - 0x40, *part[1:])) if part and part[0] - 0x40 in _ESCAPE else part


def to_seven_bits(text: str) -> str:
    """Spell what ASCII lacks; RUBOUT becomes a blank."""
    return spelled(text).replace("\x7f", " ")


def split(info: bytes, size: int = MAX_INFO) -> list[Block]:
    """Split the info of a transaction into blocks of `size` characters, never between SUB and what it escapes."""
    blocks = []
    start = 0
    while len(info) - start > size:
        end = start + size
        if info[end - 1] == SUB:
            end -= 1
        blocks.append(Block(info[start:end], ETB if info[end - 1] == CR else US))
        start = end
    return [*blocks, Block(info[start:], ETX)]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A page as it goes on the wire, block by block; `note` says, for people, what had to be done to the text."""

    blocks: tuple[bytes, ...]
    note: str = ""


def compose(pager_id: str, text: str, profile: Profile) -> Transaction:
    """Build the blocks of one page. Raises Invalid for a pager ID that TAP cannot carry."""
    if not 0 < len(pager_id) <= MAX_PAGER_ID or not pager_id.isascii() or not pager_id.isprintable() or " " in pager_id:
        raise Invalid("address", f"a pager ID has 1 to {MAX_PAGER_ID} printable ASCII characters and no blanks")
    plain = to_seven_bits(text)
    if not profile.transparent and not plain.isprintable():
        plain = plain.replace("\r\n", "\n").translate(_BLANK)
    kept = plain[: profile.max_chars]
    if not profile.multi_block:
        kept = _fit(kept, MAX_INFO - len(pager_id) - 2)
    blocks = split(f"{pager_id}\r{escape(kept)}\r".encode("ascii"))
    return Transaction(tuple(block.to_bytes() for block in blocks), _note(len(plain), len(kept), len(blocks)))


def _fit(text: str, room: int) -> str:
    """Return as much of `text` as takes at most `room` characters on the wire."""
    if text.isprintable():
        return text[:room]
    sizes = accumulate(1 if char >= " " else 2 for char in text)
    return text[: sum(1 for _ in takewhile(lambda size: size <= room, sizes))]


def _note(wanted: int, kept: int, blocks: int) -> str:
    notes = []
    if kept < wanted:
        notes.append(f"text cut to {kept} of {wanted} characters")
    if blocks > 1:
        notes.append(f"sent in {blocks} blocks")
    return ", ".join(notes)
