"""COMP2: pages handed to an encoder that emulates a Motorola People Finder."""

from drivers.comp2.driver import Comp2Driver
from drivers.comp2.settings import Comp2Settings

DRIVER = Comp2Driver
SETTINGS = Comp2Settings
