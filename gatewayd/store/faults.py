"""What SQLite refuses, sorted by whose fault it is: the row contradicts another, a value cannot be stored, the disk."""

from __future__ import annotations

import sqlite3

from gatewayd.errors import Conflict, GatewayError, Invalid, StoreUnavailable

VALUE_ERRORS = (sqlite3.DataError, sqlite3.ProgrammingError)
PRIMARY = 0xFF  # of a result code; the rest says more about it
OF_THE_DISK = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)


class DiskFault(StoreUnavailable):
    """The disk does not take it: it is full, broken, gone, or may only be read."""


class NoRoom(DiskFault):
    """The disk is full."""


def as_ours(error: Exception) -> GatewayError:
    """Map an error; the original is its cause."""
    ours: GatewayError
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        ours = Conflict(f"the store holds something that contradicts this: {error}")
    elif isinstance(error, sqlite3.DatabaseError) and not isinstance(error, VALUE_ERRORS):
        ours = _kind_of(error)(f"cannot write to the store: {error}")
    elif isinstance(error, MemoryError):  # what SQLite calls SQLITE_NOMEM: the same may be taken a moment later
        ours = StoreUnavailable("cannot write to the store: there is no memory")
    else:
        ours = Invalid("value", f"cannot be stored: {error}")
    ours.__cause__ = error
    return ours


def _kind_of(error: sqlite3.DatabaseError) -> type[StoreUnavailable]:
    """Return what stands for an error; a store that another process holds, or a defect of ours, is not the disk's."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return NoRoom
    return DiskFault if code in OF_THE_DISK else StoreUnavailable
