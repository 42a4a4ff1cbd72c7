"""An on-site alarm and messaging gateway: alarms come in, people are paged until somebody accepts."""

__version__ = "0.1.0"
