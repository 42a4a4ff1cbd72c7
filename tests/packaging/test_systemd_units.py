"""The unit files, read as text everywhere and by systemd itself where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from fnmatch import fnmatchcase

import pytest

from tests.packaging import ROOT

UNITS = ROOT / "systemd"
SERVICE = UNITS / "gatewayd.service"
WORST_EXPOSURE = 1.5

needs_systemd_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed; tools/test --all installs it"
)


def lines_of(name: str) -> list[str]:
    """Return the lines that are not comments."""
    lines = (UNITS / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def settings() -> list[tuple[str, str]]:
    """Return every `Key=value` of the service, in order."""
    pairs = [line.partition("=") for line in lines_of("gatewayd.service") if not line.startswith("[")]
    return [(key, value) for key, _, value in pairs]


def test_the_folder_holds_no_python_that_would_shadow_the_systemd_package() -> None:
    assert not list(UNITS.rglob("*.py"))


def test_every_line_is_a_section_or_a_setting() -> None:
    lines = lines_of("gatewayd.service")
    assert [line for line in lines if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]
    assert all(re.fullmatch(r"\[\w+\]|[A-Z]\w+=.*", line) for line in lines)


def test_the_service_reports_readiness_and_life_and_comes_back_for_ever() -> None:
    expected = {
        ("Type", "notify"),
        ("WatchdogSec", "30"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("StateDirectory", "gatewayd"),
    }
    assert expected <= set(settings())


def test_the_service_keeps_away_from_what_older_systemd_does_not_know() -> None:
    keys = {key for key, _ in settings()}
    assert "ExecReload" not in keys
    assert ("Type", "notify-reload") not in settings()


def test_the_only_devices_are_serial_ports() -> None:
    allowed = {value for key, value in settings() if key == "DeviceAllow"}
    assert ("DevicePolicy", "closed") in settings()
    assert allowed == {"char-ttyS rw", "char-ttyUSB rw", "char-ttyACM rw"}


def test_the_account_of_the_service_is_created_and_may_open_serial_ports() -> None:
    assert ("User", "gatewayd") in settings()
    made = [line.split()[:3] for line in lines_of("gatewayd.sysusers")]
    assert made == [["u", "gatewayd", "-"], ["m", "gatewayd", "dialout"]]


def test_the_configuration_folder_that_the_service_reads_is_created() -> None:
    command = dict(settings())["ExecStart"].split()
    folder = command[command.index("--config") + 1].rpartition("/")[0]
    kinds = {tuple(line.split()[:5]) for line in lines_of("gatewayd.tmpfiles")}
    assert ("d", folder, "0750", "root", "gatewayd") in kinds


def test_udev_rules_have_a_match_and_an_assignment_each() -> None:
    for rule in lines_of("60-gatewayd.rules"):
        parts = [re.fullmatch(r'[A-Z]+(?:\{\w+\})?(==|!=|=|\+=)"[^"]+"', part) for part in rule.split(", ")]
        operators = [part[1] if part else "unreadable" for part in parts]
        assert operators[0] == "=="
        assert operators[-1] == "="
        assert "unreadable" not in operators


@pytest.mark.parametrize(
    "device", ["tty/ttyS0", "tty/ttyUSB12", "tty/ttyACM1", "tty/ttyAMA0", "usbmisc/cdc-wdm0", "wwan/wwan0at0"]
)
def test_modem_manager_is_kept_away_from_every_port_that_a_modem_or_a_panel_may_have(device: str) -> None:
    assert ignored_by_modem_manager(*device.split("/"))


@pytest.mark.parametrize("device", ["tty/tty1", "tty/console", "net/eth0", "usbmisc/hiddev0"])
def test_modem_manager_is_kept_away_from_nothing_else(device: str) -> None:
    assert not ignored_by_modem_manager(*device.split("/"))


def ignored_by_modem_manager(subsystem: str, kernel: str) -> bool:
    """Return whether a rule gives a device the tag that ModemManager heeds (its common udev tags)."""
    for rule in lines_of("60-gatewayd.rules"):
        *matches, action = rule.split(", ")
        wanted = dict(re.findall(r'(SUBSYSTEM|KERNEL)=="([^"]+)"', ", ".join(matches)))
        given = {"SUBSYSTEM": subsystem, "KERNEL": kernel}
        if action == 'ENV{ID_MM_PORT_IGNORE}="1"' and all(
            fnmatchcase(given[key], glob) for key, glob in wanted.items()
        ):
            return True
    return False


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_about_the_service() -> None:
    run = subprocess.run(["systemd-analyze", "verify", SERVICE], capture_output=True, text=True, check=False)
    assert (run.stdout + run.stderr, run.returncode) == ("", 0)


@needs_systemd_analyze
def test_the_service_is_hardened() -> None:
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", SERVICE], capture_output=True, text=True, check=True
    )
    found = re.search(r"Overall exposure level for gatewayd.service: ([\d.]+)", run.stdout)
    assert found
    assert float(found[1]) <= WORST_EXPOSURE
