"""Web Push: notifications to browsers and phones, encrypted end to end (RFC 8030, 8188, 8291, 8292)."""

from drivers.webpush.driver import WebPushDriver
from drivers.webpush.settings import WebPushSettings

DRIVER = WebPushDriver
SETTINGS = WebPushSettings

__all__ = ["DRIVER", "SETTINGS"]
