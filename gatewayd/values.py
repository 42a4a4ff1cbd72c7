"""Frozen dataclasses that cost half as much to make, for the values of which every message makes a dozen.

    if TYPE_CHECKING:
        from dataclasses import dataclass
    else:
        from gatewayd.values import dataclass

For the type checker these are the standard library's, so an assignment to a field of a frozen one is an error before
anything runs. At run time nothing is frozen: a frozen class sets every field by a call, which took a sixth of the time
in which a message was accepted.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ClassT = TypeVar("ClassT")


def dataclass(
    *, frozen: bool = False, slots: bool = False, kw_only: bool = False
) -> Callable[[type[ClassT]], type[ClassT]]:
    """Return the decorator of a dataclass; a frozen one has the hash of its fields, as the standard library's has."""
    return dataclasses.dataclass(slots=slots, kw_only=kw_only, unsafe_hash=frozen)
