"""ESPA 4.4.4: panels call paging systems over a polled serial line."""

from drivers.espa444.driver import EspaDriver
from drivers.espa444.settings import EspaSettings

DRIVER = EspaDriver
SETTINGS = EspaSettings

__all__ = ["DRIVER", "SETTINGS"]
