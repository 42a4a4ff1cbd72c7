"""`gatewayd ports`: the serial ports of this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from gatewayd.cli.output import Exit, emit, printable, say
from gatewayd.transport.devices import serial_ports

if TYPE_CHECKING:
    import argparse


def ports(arguments: argparse.Namespace) -> int:
    """List the ports by the path that belongs into the configuration."""
    found = serial_ports()
    if arguments.json:
        emit([asdict(port) for port in found])
        return Exit.OK
    for port in found:
        more = [f"now {port.device}"] if port.device != port.path else []
        say("  ".join([printable(port.path), *more, *([port.product] if port.product else [])]))
    if not found:
        say("this machine has no serial port; a device server is written as socket://HOST:PORT")
    return Exit.OK
