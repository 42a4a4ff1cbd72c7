"""The serial ports of a machine, found in folders as the kernel and udev make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.transport import devices
from gatewayd.transport.devices import SerialPort, serial_ports, trouble_with

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A board with two ports, of which one has hardware, and two adapters, of which one has an id."""
    for folder in ("by-id", "dev", "sys", "usb/1-1/1-1:1.0/ttyUSB0"):
        (tmp_path / folder).mkdir(parents=True)
    for name, kind in (("ttyS0", "4"), ("ttyS1", "0")):
        (tmp_path / "sys" / name).mkdir()
        (tmp_path / "sys" / name / "type").write_text(f"{kind}\n", "utf-8")
    for name in ("ttyUSB0", "ttyACM0", "ttyS0", "ttyS1", "tty1"):
        (tmp_path / "dev" / name).touch()
    (tmp_path / "by-id" / "usb-FTDI-if00").symlink_to("../dev/ttyUSB0")
    (tmp_path / "sys" / "ttyUSB0").mkdir()
    (tmp_path / "sys" / "ttyUSB0" / "device").symlink_to(tmp_path / "usb/1-1/1-1:1.0/ttyUSB0")
    (tmp_path / "usb/1-1/manufacturer").write_text("FTDI\n", "utf-8")
    (tmp_path / "usb/1-1/product").write_text("FT232R\x1b[2J UART\n", "utf-8")
    return tmp_path


def test_ports_are_named_by_what_stays_and_only_real_ones_are_listed(machine: Path) -> None:
    dev = machine / "dev"
    assert serial_ports(machine / "by-id", machine / "sys", dev) == [
        SerialPort(str(machine / "by-id" / "usb-FTDI-if00"), str(dev / "ttyUSB0"), "FTDI FT232R?[2J UART"),
        SerialPort(str(dev / "ttyACM0"), str(dev / "ttyACM0")),
        SerialPort(str(dev / "ttyS0"), str(dev / "ttyS0")),
    ]


def test_a_machine_without_ports_has_none(tmp_path: Path) -> None:
    assert serial_ports(tmp_path / "x", tmp_path / "y", tmp_path / "z") == []


def test_a_path_that_is_no_device_is_told_and_what_is_there_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "serial_ports", list)
    assert trouble_with(str(tmp_path / "none")) == "there is no such device now"
    monkeypatch.setattr(devices, "serial_ports", lambda: [SerialPort("/dev/a", "/dev/a"), SerialPort("/dev/b", "")])
    assert trouble_with(str(tmp_path / "none")) == "there is no such device now; there is: /dev/a, /dev/b"
    assert trouble_with(str(tmp_path)) == "is no device"
    assert trouble_with("/dev/null") == ""
