"""`gatewayd import`, `gatewayd export`, `gatewayd user`: the people side, in the store of the box."""

from __future__ import annotations

import dataclasses
import getpass
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd import sitefile
from gatewayd.cli.box import loaded, opened_store, tell_daemon
from gatewayd.cli.output import Exit, emit, say
from gatewayd.errors import ConfigError, GatewayError, Invalid, NotFound, Problem
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    import argparse

    from gatewayd.model import Site

STANDARD = "-"  # as a file name: standard input or output


def import_site(arguments: argparse.Namespace) -> int:
    """Merge a site file into the store, all or nothing, and let a running daemon take it over."""
    settings = loaded(arguments).settings
    data_dir = settings.gateway.data_dir
    file = sitefile.parse(_read(arguments.file), arguments.file)
    with opened_store(data_dir, create=True) as store:
        site = sitefile.merge(
            store.load_site(),
            file,
            replace=arguments.replace,
            known_lines=settings.addressable,
            next_id=store.next_recipient_id(),
        )
        store.save_site(site)
    return _finish(arguments, data_dir, {"site": counted(site)}, f"the site now has {_words(counted(site))}")


def export_site(arguments: argparse.Namespace) -> int:
    """Write the site as a file that `import` reads; with --json the same tables as JSON."""
    with opened_store(loaded(arguments).settings.gateway.data_dir) as store:
        text = sitefile.dump(store.load_site())
    if arguments.file != STANDARD:
        _write_private(Path(arguments.file), text)
        if arguments.json:
            emit({"ok": True, "file": arguments.file})
    elif arguments.json:
        emit(tomllib.loads(text))
    else:
        sys.stdout.write(text)
    return Exit.OK


def set_password(arguments: argparse.Namespace) -> int:
    """Set one user's password; whoever is logged in as that user is so no more."""
    from gatewayd.passwords import hash_password

    data_dir = loaded(arguments).settings.gateway.data_dir
    with opened_store(data_dir) as store:
        names = [user.name for user in store.load_site().users]
        if arguments.name not in names:
            raise NotFound(f"there is no user {arguments.name!r}{suggestion(arguments.name, names)}")
    stored = hash_password(_ask_password())
    with opened_store(data_dir) as store:
        store.save_site(_with_password(store.load_site(), arguments.name, stored))
    return _finish(
        arguments,
        data_dir,
        {"user": arguments.name},
        f"{arguments.name} has a new password, and every session of {arguments.name} ends",
    )


def counted(site: Site) -> dict[str, int]:
    """Return how many entries of each type a site has."""
    return {
        "users": len(site.users),
        "contacts": len(site.contacts),
        "groups": len(site.groups),
        "plans": len(site.plans),
        "alarms": len(site.definitions),
        "routes": len(site.routes),
    }


def _with_password(site: Site, name: str, stored: str) -> Site:
    users = tuple(dataclasses.replace(user, password_hash=stored) if user.name == name else user for user in site.users)
    return dataclasses.replace(site, users=users)


def _finish(arguments: argparse.Namespace, data_dir: Path, result: dict[str, object], text: str) -> int:
    """Tell the daemon and say what was done. Raises DaemonUnreachable; the change is saved all the same."""
    pid = tell_daemon(data_dir)
    if arguments.json:
        emit({"ok": True, **result, "daemon": pid})
    else:
        say(f"{text}; {'no gateway runs here' if pid is None else 'the running gateway takes it over'}")
    return Exit.OK


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == STANDARD else Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem(name, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(name, "", f"is not UTF-8 text (byte {error.start})")]) from None


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one go; it has password hashes, so only its owner may read it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(partial, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GatewayError(f"{path}: {error.strerror}") from None


def _ask_password() -> str:
    """Return a new password: typed twice at a terminal, else the first line of standard input. Raises Invalid."""
    if sys.stdin.isatty():
        password = getpass.getpass("New password: ")
        if password != getpass.getpass("Again: "):
            raise Invalid("password", "the two are not the same")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Invalid("password", "is empty")
    return password
