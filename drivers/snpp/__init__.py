"""SNPP (RFC 1861): programs on the network hand texts over to the gateway, as to a paging provider."""

from drivers.snpp.driver import SnppDriver
from drivers.snpp.settings import SnppSettings

DRIVER = SnppDriver
SETTINGS = SnppSettings

__all__ = ["DRIVER", "SETTINGS"]
