"""TAP / IXO 1.8: pages handed to a paging terminal, by a serial port or a serial device server."""

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings

DRIVER = TapDriver
SETTINGS = TapSettings
