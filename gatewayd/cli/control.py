"""Talks to the running daemon over its control socket. Imports little: these commands have to start at once."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tomllib
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd.cli.output import DaemonUnreachable
from gatewayd.control import SOCKET, short_path
from gatewayd.errors import ConfigError, GatewayError, NotFound, Problem

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

# As in gatewayd.settings and gatewayd.sources, whose import alone takes longer than these commands may.
DEFAULT_FILE = Path("/etc/gatewayd/gatewayd.toml")
DEFAULT_DATA = "./data"
VARIABLE = "GATEWAYD_GATEWAY__DATA_DIR"
TIMEOUT = 10.0  # seconds for an answer
EXPLAINED = (http.client.BAD_REQUEST, http.client.CONFLICT, http.client.SERVICE_UNAVAILABLE)
HINT = "is the gateway running? With --data DIR or --config FILE you say which one is meant"


def data_dir(arguments: argparse.Namespace, env: Mapping[str, str] = os.environ) -> Path:
    """Return the data directory that the command line means, without checking anything else. Raises ConfigError."""
    given = arguments.data or next((env[name] for name in env if name.upper() == VARIABLE), None)
    return Path(given if given is not None else _configured(Path(arguments.config or DEFAULT_FILE)))


def _configured(path: Path) -> str:
    try:
        value = tomllib.loads(path.read_text("utf-8-sig")).get("gateway", {}).get("data_dir", DEFAULT_DATA)
    except OSError as error:
        raise ConfigError([Problem(str(path), "", f"cannot be read: {error.strerror}")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        raise ConfigError([Problem(str(path), "", "cannot be understood; run: gatewayd config check")]) from None
    if not isinstance(value, str):
        raise ConfigError([Problem(str(path), "gateway.data_dir", "should be a string")])
    return value


class _Connection(http.client.HTTPConnection):
    """HTTP to a socket in the file system."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect; a daemon that does not listen is an OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with short_path(self._path) as address:
            self.sock.connect(address)


def ask(arguments: argparse.Namespace, resource: str) -> Any:  # noqa: ANN401  # any JSON value
    """Return the daemon's answer. Raises DaemonUnreachable, NotFound, GatewayError, ConfigError."""
    with _answer(arguments, resource, TIMEOUT) as response:
        return _understood(response.read())


def order(arguments: argparse.Namespace, resource: str, wish: dict[str, Any], timeout: float) -> Any:  # noqa: ANN401
    """Have the daemon do something and return its answer, as JSON both. Raises as `ask`."""
    with _answer(arguments, resource, timeout, json.dumps(wish)) as response:
        return _understood(response.read())


def listen(arguments: argparse.Namespace, resource: str) -> Iterator[Any]:
    """Yield the JSON lines of an answer as they come; it may never end. Raises as `ask`."""
    with _answer(arguments, resource, None) as response:
        while text := response.readline():
            if text.strip():  # an empty line only says that the daemon is still there
                yield _understood(text)


@contextmanager
def _answer(
    arguments: argparse.Namespace, resource: str, timeout: float | None, body: str | None = None
) -> Iterator[http.client.HTTPResponse]:
    path = data_dir(arguments) / SOCKET
    try:
        with closing(_Connection(path, timeout)) as connection:
            connection.request("GET" if body is None else "POST", resource, body)
            response = connection.getresponse()
            if response.status == http.client.NOT_FOUND:
                raise NotFound(str(_understood(response.read()).get("error", "the daemon does not know that")))
            if body is not None and response.status in EXPLAINED:
                raise GatewayError(str(_understood(response.read()).get("error", response.reason)))
            if response.status != http.client.OK:
                raise GatewayError(f"the daemon answered {response.status} {response.reason}")
            yield response
    except (OSError, http.client.HTTPException) as error:
        raise DaemonUnreachable(_unreachable(path, error)) from None


def _unreachable(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: permission denied; run this as root or as the user of the service"
    return f"{path}: {getattr(error, 'strerror', None) or str(error) or type(error).__name__}; {HINT}"


def _understood(text: bytes) -> Any:  # noqa: ANN401  # any JSON value
    try:
        return json.loads(text)
    except ValueError:
        raise GatewayError("the daemon's answer cannot be understood") from None
