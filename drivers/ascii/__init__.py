"""Lines of text from panels that think they drive a printer."""

from drivers.ascii.driver import AsciiDriver
from drivers.ascii.settings import AsciiSettings

DRIVER = AsciiDriver
SETTINGS = AsciiSettings

__all__ = ["DRIVER", "SETTINGS"]
