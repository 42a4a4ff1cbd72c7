"""The box that a command works on: its settings, its store, its daemon."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd.cli.output import DaemonUnreachable
from gatewayd.errors import ConfigError, NotFound, Problem
from gatewayd.settings import DEFAULT_FILE, examine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from gatewayd.settings import Loaded
    from gatewayd.store import Store

SHARED = Path("share/gatewayd")


def demo_file() -> Path:
    """Return the demonstration's configuration: of the checkout, or of the installation. Raises NotFound."""
    found = _shipped("demo.toml")
    if found is None:
        raise NotFound(f"there is no demo.toml in {', '.join(map(str, _folders()))}; give one with --config")
    return found


def _shipped(name: str) -> Path | None:
    """Return a configuration file that came with gatewayd."""
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def _folders() -> tuple[Path, ...]:
    return Path(__file__).resolve().parents[2] / "config", Path(sys.prefix) / SHARED, Path("/usr") / SHARED


def config_file(arguments: argparse.Namespace) -> Path:
    """Return the configuration file that the command line means."""
    if arguments.config:
        return Path(arguments.config)
    return demo_file() if getattr(arguments, "demo", False) else DEFAULT_FILE


def loaded(arguments: argparse.Namespace, files_at: float | None = None) -> Loaded:
    """Read the settings; what the command line says wins. Raises ConfigError.

    With `files_at`, the wall clock, the files that sections name are looked at too.
    """
    path = config_file(arguments)
    if path == DEFAULT_FILE and not path.exists():
        example = _shipped(path.name)
        advice = f"copy {example} there, " if example is not None else ""
        reason = f"there is none yet; {advice}give one with --config, or try it out: gatewayd run --demo"
        raise ConfigError([Problem(str(path), "", reason)])
    return examine(path, overrides(arguments), files_at=files_at)


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives, as a tree."""
    places = {"data": ("gateway", "data_dir"), "host": ("api", "host"), "port": ("api", "port")}
    tree: dict[str, Any] = {}
    for option, (section, key) in places.items():
        value = getattr(arguments, option, None)
        if value is not None:
            tree.setdefault(section, {})[key] = value
    return tree


@contextmanager
def opened_store(data_dir: Path, *, create: bool = False) -> Iterator[Store]:
    """Open the store of a box. Raises NotFound for a directory without one unless it may be created."""
    from gatewayd.store import open_store
    from gatewayd.store.database import FILE

    if not create and not (data_dir / FILE).exists():
        raise NotFound(f"{data_dir} has no {FILE}; is that the data directory?")
    with _as_owner(data_dir), closing(open_store(data_dir)) as store:
        yield store


@contextmanager
def _as_owner(data_dir: Path) -> Iterator[None]:
    """Let root work as the owner of the directory: files made as root would lock the daemon out of its own store."""
    if os.geteuid() != 0 or not data_dir.is_dir():
        yield
        return
    owner, before = data_dir.stat(), (os.geteuid(), os.getegid())
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


def tell_daemon(data_dir: Path) -> int | None:
    """Let the running daemon read its site anew; return its process id, or None. Raises DaemonUnreachable."""
    from gatewayd.store import running_daemon

    pid = running_daemon(data_dir)
    if pid is None:
        return None
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return None
    except PermissionError:
        raise DaemonUnreachable(
            f"saved, but the daemon (process {pid}) belongs to another user and was not told; run: kill -HUP {pid}"
        ) from None
    return pid
