"""What may stand in the configuration of a serial port."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gatewayd.transport.serial import SerialSettings


@pytest.mark.parametrize(
    "port", ["/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI_x-if00-port0", "pty/panel", "socket://10.0.0.5:4001"]
)
def test_device_paths_and_device_servers_are_ports(port: str) -> None:
    assert SerialSettings(port=port).port == port


@pytest.mark.parametrize(
    ("port", "address"),
    [("/dev/ttyS0", None), ("socket://moxa:4001", ("moxa", 4001)), ("socket://[fe80::1]:1", ("fe80::1", 1))],
)
def test_a_device_server_has_an_address(port: str, address: tuple[str, int] | None) -> None:
    assert SerialSettings(port=port).address == address


@pytest.mark.parametrize(
    "port",
    [
        *("", " ", "/dev/tty\x00S0", "/dev/ttyS0\n", "x" * 5_000, "rfc2217://host:1", "socket://", "socket://host"),
        *("socket://:4001", "socket://host:0", "socket://host:70000", "socket://host:1/path", "socket://user@host:1"),
    ],
)
def test_anything_else_is_refused_without_showing_it(port: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SerialSettings(port=port)
    assert "input_value" not in str(refused.value)


@pytest.mark.parametrize("baudrate", [0, 49, 9601, 1_000_000])
def test_an_unknown_baud_rate_is_refused_and_the_known_ones_are_named(baudrate: int) -> None:
    with pytest.raises(ValidationError, match="9600, 19200"):
        SerialSettings(port="/dev/ttyS0", baudrate=baudrate)


@pytest.mark.parametrize(
    "settings", [{}, {"bytesize": 7}, {"parity": "even"}, {"bytesize": 7, "parity": "odd", "flow": "xonxoff"}]
)
def test_software_parity_is_refused_where_it_cannot_work(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="software_parity"):
        SerialSettings(port="/dev/ttyS0", software_parity=True, **settings)
    assert SerialSettings(port="/dev/ttyS0", bytesize=7, parity="odd", software_parity=True).software_parity


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"port": "socket://host:1", "watch": ["dsr"]}, "behind a device server"),
        ({"port": "socket://host:1", "dtr": False}, "behind a device server"),
        ({"port": "socket://host:1", "rts": False}, "behind a device server"),
        ({"flow": "rtscts", "rts": False}, "rts is moved by flow rtscts"),
        ({"port": "socket://host:1", "rs485": True}, "behind a device server"),
        ({"flow": "rtscts", "rs485": True}, "rts is moved by rs485"),
        ({"rts": False, "rs485": True}, "rts is moved by rs485"),
        ({"watch": ["ri"]}, "watch"),
        ({"hold_limit": 0}, "hold_limit"),
        ({"watch_limit": 61}, "watch_limit"),
    ],
)
def test_modem_lines_that_cannot_be_had_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SerialSettings.model_validate({"port": "/dev/ttyS0", **settings})


@pytest.mark.parametrize(("character", "bits"), [((8, "none", 1), 10), ((7, "even", 1), 10), ((7, "even", 2), 11)])
def test_the_time_of_a_byte_counts_every_bit_of_its_character(character: tuple[int, str, int], bits: int) -> None:
    size, parity, stop = character
    settings = {"port": "/dev/ttyS0", "baudrate": 1200, "bytesize": size, "parity": parity, "stopbits": stop}
    assert SerialSettings.model_validate(settings).byte_time == bits / 1200
