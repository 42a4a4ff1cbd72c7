"""The command `gatewayd`. Each command lives in its own module and is imported only when it is used."""

from gatewayd.cli.main import main

__all__ = ["main"]
