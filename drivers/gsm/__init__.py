"""GSM and LTE modems: text messages out and in, by AT commands on a serial or USB port."""

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings

DRIVER = GsmDriver
SETTINGS = GsmSettings
