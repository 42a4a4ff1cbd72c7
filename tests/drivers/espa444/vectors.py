"""Frames with known check characters, written out as bytes and as what they mean."""

from __future__ import annotations

from drivers.espa444.protocol import Block

FIRE = {"1": "2001", "2": "FIRE ZONE 3 ROOM 214", "3": "5", "4": "3", "5": "2", "6": "1"}
_ZENITEL = {"1": "550", "2": "CALL ME 101", "3": "3", "4": "3", "5": "3", "6": "3"}
_FIRE_HEX = (
    "01 31 02 31 1F 32 30 30 31 1E 32 1F 46 49 52 45 20 5A 4F 4E 45 20 33 20 52 4F 4F 4D 20 32 31 34 1E 33 1F 35 "
    "1E 34 1F {type} 1E 35 1F 32 1E 36 1F 31 03 {bcc}"
)
_ZENITEL_HEX = (
    "31 1F 35 35 30 1E 32 1F 43 41 4C 4C 20 4D 45 20 31 30 31 1E 33 1F 33 1E 34 1F 33 1E 35 1F 33 1E 36 1F 33 03"
)


def _hex(text: str) -> str:
    return text.encode("ascii").hex(" ")


# What a device sends and we would send: name -> (frame, block).
FRAMES: dict[str, tuple[str, Block]] = {
    "E0": ("01 31 02 31 1F 41 03 5F", Block.of("1", {"1": "A"})),
    "E1": (
        "01 31 02 31 1F 31 32 33 1E 35 1F 33 1E 36 1F 33 03 2D",
        Block.of("1", {"1": "123", "5": "3", "6": "3"}),
    ),
    "E1b": (
        "01 31 02 31 1F 31 32 33 1E 35 1F 33 1E 36 1F 32 03 2C",
        Block.of("1", {"1": "123", "5": "3", "6": "2"}),
    ),
    "E2": (
        "01 32 02 31 1F 31 32 33 1E 33 1F 31 1E 32 1F 34 35 36 37 1E 37 1F 33 03 18",
        Block.of("2", {"1": "123", "3": "1", "2": "4567", "7": "3"}),
    ),
    "E3": (
        "01 33 02 31 1F 31 32 33 1E 35 1F 33 1E 36 1F 33 03 2F",
        Block.of("3", {"1": "123", "5": "3", "6": "3"}),
    ),
    "E4": (f"01 31 02 {_ZENITEL_HEX} 23", Block.of("1", _ZENITEL)),
    "E6": (
        f"01 31 02 31 1F 31 32 33 34 35 1E 32 1F {_hex('The message')} 1E 33 1F 39 1E 34 1F 33 1E 36 1F 33 03 07",
        Block.of("1", {"1": "12345", "2": "The message", "3": "9", "4": "3", "6": "3"}),
    ),
    "E7": (_FIRE_HEX.format(type="33", bcc="32"), Block.of("1", FIRE)),
    "E8": (_FIRE_HEX.format(type="31", bcc="30"), Block.of("1", FIRE | {"4": "1"})),
    "E9": ("01 34 02 31 1F 34 37 31 31 03 18", Block.of("4", {"1": "4711"})),
    "E10": (
        f"01 32 02 31 1F 32 30 30 31 1E 32 1F {_hex('FIRE ZONE 3 ROOM 214')} 1E 37 1F 36 03 30",
        Block.of("2", {"1": "2001", "2": "FIRE ZONE 3 ROOM 214", "7": "6"}),
    ),
    "E11": ("01 32 02 38 1F 31 03 25", Block.of("2", {"8": "1"})),
}

# What only a device sends: deviations that are read like the regular frame.
DEVIATIONS: dict[str, tuple[str, Block]] = {
    "E1c": ("01 31 02 31 1F 31 32 33 1E 35 1F 33 1E 36 1F 33 1E 03 33", FRAMES["E1"][1]),
    "E5": (f"01 31 02 20 {_ZENITEL_HEX} 03", Block.of("1", _ZENITEL)),
    "E1 with parity in bit 7": ("81 B1 82 B1 9F B1 B2 33 1E 35 9F 33 1E 36 9F 33 03 2D", FRAMES["E1"][1]),
}

# Frames whose check character equals a control code: display message -> check character.
TRAPS = {
    "TH": 0x00,
    "TI": 0x01,
    "TJ": 0x02,
    "TK": 0x03,
    "TL": 0x04,
    "TM": 0x05,
    "TN": 0x06,
    "TV": 0x1E,
    "TW": 0x1F,
    "TY": 0x15,
}


def trap(text: str) -> bytes:
    """Return the frame of the trap with this display message."""
    address = b"104" if text == "TY" else b"100"
    return (
        b"\x01" + b"1\x02" + b"1\x1f" + address + b"\x1e" + b"2\x1f" + text.encode() + b"\x03" + bytes((TRAPS[text],))
    )


def frame(name: str) -> bytes:
    """Return the bytes of a vector."""
    return bytes.fromhex((FRAMES | DEVIATIONS)[name][0])
