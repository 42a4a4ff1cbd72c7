"""What the commands say, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from gatewayd.errors import GatewayError

if TYPE_CHECKING:
    from gatewayd.errors import ConfigError


class Exit(IntEnum):
    """How a command ended. These numbers are part of the interface."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    INVALID_CONFIGURATION = 4


def say(text: str) -> None:
    """Print one line or more for people."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """Print one line or more to standard error."""
    sys.stderr.write(text + "\n")


def printable(text: str) -> str:
    """Return text without control codes: a device may have had a say in it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def emit(value: Any) -> None:  # noqa: ANN401  # any JSON value
    """Print one JSON document for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def problems_of(error: ConfigError) -> list[dict[str, str]]:
    """Return what is wrong, for programs."""
    return [{"file": each.file, "where": each.where, "reason": each.reason} for each in error.problems]


class DaemonUnreachable(GatewayError):
    """The daemon runs but cannot be told."""
