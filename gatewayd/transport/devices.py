"""The serial ports of this machine, under the names that stay: for `gatewayd ports` and `config check`."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
SYSFS = Path("/sys/class/tty")
ADAPTERS = ("ttyUSB*", "ttyACM*")
FEW = 8  # so many ports can be listed in a sentence


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One port: `path` is what belongs into the configuration, `device` the kernel's present name for it."""

    path: str
    device: str
    product: str = ""


def serial_ports(by_id: Path = BY_ID, sysfs: Path = SYSFS, dev: Path = Path("/dev")) -> list[SerialPort]:
    """Return the ports that have hardware: USB adapters by their id, then the rest, then those of the board."""
    named = {link.resolve(): link for link in sorted(by_id.glob("*"))}
    adapters = {path for pattern in ADAPTERS for path in dev.glob(pattern)}
    board = [dev / tty.name for tty in sorted(sysfs.glob("ttyS*")) if _has_hardware(tty)]
    known = [*named, *sorted(adapters - set(named)), *board]
    return [SerialPort(str(named.get(device, device)), str(device), _product(sysfs / device.name)) for device in known]


def trouble_with(port: str) -> str:
    """Return what is wrong with the path of a port that should be there; nothing where nothing is seen."""
    try:
        mode = Path(port).stat().st_mode
    except FileNotFoundError:
        there = [found.path for found in serial_ports()]
        return "there is no such device now" + (f"; there is: {', '.join(there)}" if 0 < len(there) <= FEW else "")
    except OSError:
        return ""  # whoever asks may not look; the service may
    return "" if stat.S_ISCHR(mode) else "is no device"


def _has_hardware(tty: Path) -> bool:
    """Return whether a port of the board is more than a number: the kernel shows four in any case, of type 0."""
    return _text(tty / "type") not in {"", "0"}


def _product(tty: Path) -> str:
    """Return what a USB adapter calls itself; it stands two or three folders above its port."""
    device = (tty / "device").resolve()
    for folder in (device, *device.parents[:3]):
        words = [_text(folder / name) for name in ("manufacturer", "product", "serial")]
        if words[1]:
            return " ".join(word for word in words if word)
    return ""


def _text(path: Path) -> str:
    """Return the first line of a file of the kernel, without what a terminal would act on."""
    try:
        text = path.read_text("utf-8", "replace").strip()[:100]
    except OSError:
        return ""
    return "".join(character if character.isprintable() else "?" for character in text)
