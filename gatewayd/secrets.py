"""Secrets by reference, so that a configuration can be shown, copied and versioned without them.

`credential:NAME` is a file in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=), `file:PATH` the first line of a file,
`env:NAME` a variable. Anything else is the secret itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("credential", "file", "env")
MAX_BYTES = 65536  # a key file fits; a device node or a log named by mistake does not fill the memory


class SecretMissing(GatewayError):
    """A reference leads nowhere; the text names the reference, never a secret."""


def is_reference(text: str) -> bool:
    """Return whether `text` names a secret instead of being one."""
    return text.partition(":")[0] in KINDS and ":" in text


@dataclass(frozen=True, slots=True)
class Vault:
    """Where references are looked up: `env` for variables, `base` for relative paths."""

    env: Mapping[str, str]
    base: Path

    def resolve(self, text: str) -> str:
        """Return the secret that `text` names, or `text` itself when it is no reference. Raises SecretMissing."""
        if not is_reference(text):
            return text
        kind, _, name = text.partition(":")
        secret = self._from_env(name) if kind == "env" else _first_line(self._path(kind, name))
        if not secret:
            raise SecretMissing(f"{text}: the secret is empty")
        return secret

    def _from_env(self, name: str) -> str:
        if name not in self.env:
            raise SecretMissing(f"env:{name}: the environment has no such variable")
        return self.env[name]

    def _path(self, kind: str, name: str) -> Path:
        if kind == "file":
            return self.base / name
        directory = self.env.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretMissing(
                f"credential:{name}: $CREDENTIALS_DIRECTORY is not set; systemd sets it for LoadCredential="
            )
        if not name or "/" in name or name in {".", ".."}:
            raise SecretMissing(f"credential:{name}: a credential is named without a path")
        return Path(directory) / name


def system_vault(base: Path) -> Vault:
    """Return the vault of this process; `base` is the directory of the file that holds the references."""
    return Vault(os.environ, base)


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.readline(MAX_BYTES).decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretMissing(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise SecretMissing(f"{path}: {error.strerror}") from None
