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
from gatewayd.cli import control
from gatewayd.cli.box import loaded, opened_store, tell_daemon
from gatewayd.cli.output import Exit, complain, emit, say
from gatewayd.errors import ConfigError, GatewayError, Invalid, NotFound, Problem
from gatewayd.model import Role, User
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
        current = store.load_site()
        if arguments.replace and (current.users or current.contacts) and not _names_somebody(file):
            reason = "names nobody: with --replace everybody would be removed, and alarms would reach no one"
            raise ConfigError([Problem(arguments.file, "", reason)])
        site = sitefile.merge(
            current,
            file,
            replace=arguments.replace,
            known_lines=settings.addressable,
            next_id=store.next_recipient_id(),
        )
        store.save_site(site)
    warnings = [*_unwise(site), *_weak(file)]
    result: dict[str, object] = {"site": counted(site), "warnings": warnings}
    code = _finish(arguments, data_dir, result, f"the site now has {_words(counted(site))}")
    if not arguments.json:
        for warning in warnings:
            complain(f"warning: {warning}")
    return code


def export_site(arguments: argparse.Namespace) -> int:
    """Write the site as a file that `import` reads; with --json the same tables as JSON."""
    with opened_store(control.data_dir(arguments)) as store:
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
    from gatewayd.engine.passwords import weakness
    from gatewayd.passwords import hash_password

    data_dir = control.data_dir(arguments)
    with opened_store(data_dir) as store:
        names = [user.name for user in store.load_site().users]
        if arguments.name not in names:
            raise NotFound(f"there is no user {arguments.name!r}{suggestion(arguments.name, names)}")
    password = _ask_password()
    if weak := weakness(password, User(0, arguments.name)):
        raise Invalid("password", weak)
    stored = hash_password(password)
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


def _names_somebody(file: sitefile.SiteFile) -> bool:
    """Return whether a site file has anybody who can be paged; one that a broken pipe left empty has not."""
    return bool(file.content.user or file.content.contact)


def _unwise(site: Site) -> list[str]:
    """Return what a person who has just loaded a site should know of it."""
    found = []
    if not site.fallback_id:
        found.append("there is no [site] fallback: an alarm that no route fits, or that nobody accepts, pages no one")
    admins = [user for user in site.users if user.role is Role.ADMIN]
    if not any(user.password_hash for user in admins):
        who = f"gatewayd user set-password {admins[0].name}" if admins else 'there is no user with role = "admin"'
        found.append(f"no admin can log in, so other machines do not reach the console: {who}")
    return found


def _weak(file: sitefile.SiteFile) -> list[str]:
    """Return which passwords of a site file nobody could set by hand."""
    from gatewayd.engine.passwords import weakness

    given = [(entry.name, entry.password.get_secret_value()) for entry in file.content.user if entry.password]
    judged = ((name, weakness(password, User(0, name))) for name, password in given)
    return [f'user "{name}": {weak}' for name, weak in judged if weak]


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
