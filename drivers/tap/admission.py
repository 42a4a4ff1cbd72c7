"""Before a session: what somebody who is not logged on says to a paging terminal, and who is let in (steps 3 to 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.tap import verdicts
from drivers.tap.blocks import CR, LF

if TYPE_CHECKING:
    from collections.abc import Collection

    from drivers.tap.verdicts import Verdict

MAX_LOGON = 64
SERVICES = (b"PG1", b"PG7", b"PG8", b"PG9")

_PASSWORD_AT = 4  # after ESC and the three characters of the service
_ENDS_OF_BLOCK = (b"\x03", b"\x17", b"\x1f")


class Visitor:
    """Cuts what somebody says into lines. One who believes to be logged on sends a block: all of it is one call."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._in_block = False

    def forget(self) -> None:
        """Begin anew."""
        self._line.clear()
        self._in_block = False

    def read(self, byte: int) -> bytes | None:
        """Return a logon that is complete, nothing (`b""`) where ID= is wanted, None where more has to come."""
        if byte != CR:
            if byte != LF and len(self._line) < MAX_LOGON:
                self._line.append(byte)
            return None
        line = bytes(self._line)
        self._line.clear()
        if line[:1] == b"\x1b":
            return line
        if line[:1] == b"\x02":
            self._in_block = True
            return None
        if self._in_block and line and line[-4:-3] not in _ENDS_OF_BLOCK:
            return None
        self._in_block = False
        return b""


def fault_of_logon(line: bytes, passwords: Collection[str]) -> Verdict | None:
    """Return what is wrong with a logon, None for one that is let in; no `passwords`: whoever comes."""
    service, password = line[1:_PASSWORD_AT], line[_PASSWORD_AT:].decode("ascii")
    if len(service) < _PASSWORD_AT - 1 or not service.isalnum():
        return verdicts.MALFORMED_LOGON
    if service not in SERVICES:
        return verdicts.UNKNOWN_SERVICE
    return verdicts.BAD_PASSWORD if passwords and password not in passwords else None
