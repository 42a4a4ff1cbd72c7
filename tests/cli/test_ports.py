from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.cli import ports
from gatewayd.transport.devices import SerialPort

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import Shell

FOUND = [SerialPort("/dev/serial/by-id/usb-A", "/dev/ttyUSB0", "A maker"), SerialPort("/dev/ttyS0", "/dev/ttyS0")]


def test_ports_are_listed_by_the_path_for_the_configuration(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "serial_ports", lambda: FOUND)
    ended = shell.type("ports")
    assert (ended.code, ended.out) == (0, "/dev/serial/by-id/usb-A  now /dev/ttyUSB0  A maker\n/dev/ttyS0\n")
    assert [port["path"] for port in shell.type("ports", "--json").json] == ["/dev/serial/by-id/usb-A", "/dev/ttyS0"]


def test_without_ports_the_way_out_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "serial_ports", list)
    ended = shell.type("ports")
    assert (ended.code, ended.out.startswith("this machine has no serial port")) == (0, True)
