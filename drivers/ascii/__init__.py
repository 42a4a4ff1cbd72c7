"""Lines of text from panels that think they drive a printer; `try_rules` shows what the rules make of a sample."""

from drivers.ascii.driver import AsciiDriver
from drivers.ascii.settings import AsciiSettings
from drivers.ascii.tester import RuleResult, try_rules

DRIVER = AsciiDriver
SETTINGS = AsciiSettings

__all__ = ["DRIVER", "SETTINGS", "RuleResult", "try_rules"]
