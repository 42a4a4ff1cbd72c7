"""Where log lines go: plain lines for people and journald, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import sys

LONGEST_LINE = 4000  # characters; whatever a device or a user sends, a log line stays readable
BREAKS = str.maketrans({code: f"\\x{code:02x}" for code in (*range(9), *range(10, 32), 127)})


class TextFormatter(logging.Formatter):
    """One line a record; text from outside can neither break the line nor colour the terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line of a record, without its traceback."""
        line = getattr(record, "line", "")
        record.message = f"[{line}] {record.message}" if line else record.message
        record.message = record.message[:LONGEST_LINE].translate(BREAKS)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        content = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:LONGEST_LINE],
        }
        if line := getattr(record, "line", ""):
            content["line"] = line
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content)


def set_up(level: str, form: str) -> None:
    """Send log records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
