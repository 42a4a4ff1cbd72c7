"""What systemd wants to hear: readiness, life, the end (sd_notify(3), sd_watchdog_enabled(3)).

Uses python3-systemd where it is installed and plain datagrams elsewhere. Without systemd everything here does nothing.
`import systemd` alone would find this project's folder of unit files, hence only ever `systemd.daemon`.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def ready() -> None:
    """Say that every port is open and alarms are taken."""
    notify("READY=1")


def stopping() -> None:
    """Say that the shutdown has begun."""
    notify("STOPPING=1")


def watchdog() -> None:
    """Say that the daemon does its work; wanted at least every `watchdog_interval` seconds."""
    notify("WATCHDOG=1")


def status(text: str) -> None:
    """Give one line for `systemctl status`."""
    notify("STATUS=" + " ".join(text.split()))


def watchdog_interval() -> float | None:
    """Return the seconds after which systemd restarts a silent daemon; None when it does not watch this process."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000


def notify(state: str) -> None:
    """Send one state; a lost message is no reason to stop alarms."""
    with suppress(OSError):
        try:
            from systemd.daemon import notify as systemd_notify
        except ImportError:
            _notify(state)
        else:
            systemd_notify(state)


def _notify(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace: the kernel spells it with a leading zero byte
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(state.encode())
