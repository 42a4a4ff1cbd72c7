"""SIP: a registrar and message gateway for phones that speak MESSAGE (RFC 3261, 3428)."""

from drivers.sip.driver import SipDriver
from drivers.sip.settings import SipSettings

DRIVER = SipDriver
SETTINGS = SipSettings

__all__ = ["DRIVER", "SETTINGS"]
