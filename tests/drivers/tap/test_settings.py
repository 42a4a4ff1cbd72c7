"""A wrong setting fails when the configuration is checked, and a password is never shown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.tap.settings import TapSettings


def made(**settings: Any) -> TapSettings:  # noqa: ANN401 - any setting
    return TapSettings(**{"port": "/dev/ttyS0"} | settings)


def test_defaults_are_those_of_the_specification() -> None:
    timing = made().timing()
    assert (timing.t1, timing.t2, timing.t3, timing.t4, timing.t5) == (2, 1, 10, 4, 8)
    assert (timing.n1, timing.n2, timing.n3) == (3, 3, 3)


@pytest.mark.parametrize(
    ("port", "byte_time"),
    [
        ({"baudrate": 9600}, 10 / 9600),
        ({"baudrate": 300, "bytesize": 7, "parity": "even"}, 10 / 300),
        ({"baudrate": 1200, "stopbits": 2}, 11 / 1200),
    ],
)
def test_one_character_takes_its_bits_at_the_line_rate(port: dict[str, Any], byte_time: float) -> None:
    assert made(**port).timing().byte_time == pytest.approx(byte_time)


def test_profile_gets_every_knob() -> None:
    knobs: dict[str, Any] = {
        "service": "PG7",
        "send_crs": False,
        "transparent": True,
        "max_chars": 1000,
        "multi_block": True,
        "max_pages": 9,
        "permanent": True,
        "idle_logout": 2.5,
        "probe_every": 60.0,
    }
    profile = made(password="pw", **knobs).profile()
    assert {knob: getattr(profile, knob) for knob in knobs} == knobs
    assert profile.password == "pw"


def test_no_probe_means_none_later_either() -> None:
    assert made(probe=False).profile().probe_every == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "geheim\r"},
        {"password": "geheimgeheimgeheimgeheimgeheimgeh"},
        {"password": "geheiß"},
        {"service": "pg1"},
        {"service": "PG1\r"},
        {"max_chars": 0},
        {"n1": 0},
        {"t3": 0},
        {"t1": float("nan")},
        {"probe_every": -1},
        {"probe_every": float("inf")},
        {"idle_logout": 4.0},
        {"unknown": 1},
    ],
)
def test_setting_that_cannot_work_is_refused_without_showing_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**wrong)
    assert "gehei" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": ""},
        {"port": "/dev/ttyS0", "listen": "127.0.0.1:4001", "role": "terminal"},
        {"port": "", "listen": "127.0.0.1:4001"},
        *(
            {"port": "", "role": "terminal", "listen": listen}
            for listen in ("127.0.0.1", ":1", "a:b", "h:70000", "u@h:1")
        ),
        {"role": "terminal", "passwords": ("geheim\r",)},
        {"role": "terminal", "networks": ("10.0.0.0/33",)},
        {"role": "terminal", "pagers": {"20 01": "Ward"}},
        {"role": "terminal", "priority": "loud"},
    ],
)
def test_terminal_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**wrong)
    assert "geheim" not in str(caught.value)


def test_terminal_listens_where_it_is_told() -> None:
    settings = made(port="", role="terminal", listen="[::1]:4001")
    assert settings.listening == ("::1", 4001)
    assert made().listening is None


def test_permanent_line_needs_no_idle_logout_below_t4() -> None:
    assert made(permanent=True, idle_logout=10).permanent


def test_password_is_not_shown_by_the_settings() -> None:
    settings = made(password="geheim")
    assert "geheim" not in f"{settings!r} {settings.model_dump_json()} {settings.profile()!r}"
