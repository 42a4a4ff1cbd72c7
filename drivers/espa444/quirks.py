"""What real devices do that the specification does not say: each was met in the field."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from drivers.espa444.frames import ACK, ENQ, EOT, ETX, NAK, RS, SOH, STX, US, bcc

if TYPE_CHECKING:
    from collections.abc import Collection


class Quirk(StrEnum):
    """One habit of a simulated device."""

    TRAILING_RS = "trailing-rs"  # a record separator before ETX
    BLANKS = "blanks"  # a blank after STX
    RAW_TEXT = "raw-text"  # plain text between STX and ETX, without records
    FIXED_BCC = "fixed-bcc"  # always the same check character
    DIRECT = "direct"  # the block comes without an enquiry
    BARE_ENQUIRY = "bare-enquiry"  # the enquiry before the block has no address
    EOT_AFTER_ACK = "eot-after-ack"  # the called station ends the turn itself
    BARE_NAK = "bare-nak"  # NAK without a reason
    NAK_SUFFIX = "nak-suffix"  # the reason comes after the NAK
    ANY_ENQUIRY = "any-enquiry"  # every enquiry is answered as if it were for this station
    EOT_RESETS = "eot-resets"  # an EOT is answered by EOT, and what follows within a moment is not heard
    NO_STATUS = "no-status"  # nothing that another station wants to send is taken


_BLOCK = re.compile(rb"\x01([^\x02]*\x02)([^\x03]*)\x03(.)", re.DOTALL)
_NAK = re.compile(rb"([0-9]?)\x15")
_ENQUIRY = re.compile(rb"[!-~]*\x05")
_NAMED_ENQUIRY = re.compile(rb"[!-~]+\x05")


def spoken(data: bytes, quirks: Collection[Quirk], *, answers_block: bool) -> bytes:
    """Return what a device with these habits sends instead of `data`."""
    if SOH in data:
        return _BLOCK.sub(lambda found: _block(found.group(1), found.group(2), found.group(3), quirks), data)
    if answers_block and Quirk.EOT_AFTER_ACK in quirks and data.endswith(bytes((ACK,))):
        return data + bytes((EOT,))
    if Quirk.BARE_NAK in quirks:
        return _NAK.sub(bytes((NAK,)), data)
    if Quirk.NAK_SUFFIX in quirks:
        return _NAK.sub(lambda found: bytes((NAK,)) + found.group(1), data)
    return data


def heard(data: bytes, own: str, quirks: Collection[Quirk]) -> bytes:
    """Return what a device with these habits makes of what it hears."""
    if Quirk.ANY_ENQUIRY in quirks:
        return _NAMED_ENQUIRY.sub(own.encode("ascii") + bytes((ENQ,)), data)
    if Quirk.NO_STATUS in quirks:
        return _ENQUIRY.sub(b"", data)
    return data


def _block(head: bytes, body: bytes, check: bytes, quirks: Collection[Quirk]) -> bytes:
    original = body
    if Quirk.RAW_TEXT in quirks:
        head, body = bytes((STX,)), _message(body)
    if Quirk.BLANKS in quirks:
        body = b" " + body
    if Quirk.TRAILING_RS in quirks:
        body += bytes((RS,))
    if body != original:
        check = bytes((bcc(head + body + bytes((ETX,))) & 0x7F,))
    return bytes((SOH,)) + head + body + bytes((ETX,)) + (b"0" if Quirk.FIXED_BCC in quirks else check)


def _message(body: bytes) -> bytes:
    records = dict(record.partition(bytes((US,)))[::2] for record in body.split(bytes((RS,))))
    return records.get(b"2", b"")
