"""What the box's own console needs beside the dialects: help for whoever sets lines up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.api.console.rules import rules_test

if TYPE_CHECKING:
    from gatewayd.api.operation import Operation


def operations() -> tuple[Operation, ...]:
    """Return every operation of the console."""
    return (rules_test,)
