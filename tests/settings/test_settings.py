from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from gatewayd.engine.answers import COMMON, Words
from gatewayd.errors import ConfigError, Problem
from gatewayd.sections import ApiSettings, GatewaySettings, PagingSettings
from gatewayd.settings import examine
from tests.registry.kinds.horn import HornSettings
from tests.registry.kinds.horn.simulator import HornSimulatorSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.settings.conftest import Box

HORN = '[lines.north-horn]\nkind = "horn"\nport = "/dev/ttyS0"\n'


def test_an_empty_file_is_a_valid_box_with_every_default(box: Box, tmp_path: Path) -> None:
    settings = box.settings
    assert settings.gateway == GatewaySettings(data_dir=tmp_path / "data")
    assert settings.api == ApiSettings(host="127.0.0.1", port=50443)
    assert settings.paging == PagingSettings(retry_waits=(2, 5, 10, 30, 60))
    assert (dict(settings.lines), dict(settings.simulators)) == ({}, {})


def test_a_line_is_validated_by_its_own_driver(box: Box) -> None:
    box.write(HORN + "baudrate = 1200\n")
    line = box.settings.lines["north-horn"]
    assert (line.name, line.kind) == ("north-horn", "horn")
    assert line.settings == HornSettings(port="/dev/ttyS0", baudrate=1200)


def test_a_simulator_is_validated_by_its_own_model(box: Box, tmp_path: Path) -> None:
    box.write('[simulators.s]\nkind = "horn-listener"\nport = "pty/s"\nfaults = { nak = 2 }\n')
    simulator = box.settings.simulators["s"]
    assert simulator.kind == "horn-listener"
    assert simulator.settings == HornSimulatorSettings(port=f"{tmp_path}/data/pty/s", faults={"nak": 2})


def test_settings_cannot_be_changed(box: Box) -> None:
    box.write(HORN)
    settings = box.settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.api = ApiSettings()  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.api.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.lines["x"] = settings.lines["north-horn"]  # type: ignore[index]


# --- precedence ------------------------------------------------------------------------------------------


def test_the_command_line_wins_over_environment_over_file_over_default(box: Box) -> None:
    box.write('[api]\nhost = "10.0.0.1"\nport = 1\nmax_api_sessions = 7\nplain_http = true\n')
    box.env = {"GATEWAYD_API__PORT": "2", "GATEWAYD_API__HOST": "10.0.0.2"}
    box.overrides = {"api": {"port": 3}}
    assert box.settings.api == ApiSettings(host="10.0.0.2", port=3, max_api_sessions=7, plain_http=True)


def test_a_variable_finds_its_line_without_case_and_with_underscores_for_dashes(box: Box) -> None:
    box.write(HORN)
    box.env = {"GATEWAYD_LINES__NORTH_HORN__BAUDRATE": "2400"}
    assert box.settings.lines["north-horn"].settings == HornSettings(port="/dev/ttyS0", baudrate=2400)


def test_a_variable_finds_a_key_deep_inside_a_line(box: Box) -> None:
    box.write(HORN + '[lines.north-horn.accounts.Desk]\npassword = "env:P"\n')
    box.env = {"P": "hidden-key", "GATEWAYD_LINES__NORTH_HORN__ACCOUNTS__DESK__TONES": '["a", "b"]'}
    settings = box.settings.lines["north-horn"].settings
    assert isinstance(settings, HornSettings)
    assert settings.accounts["Desk"].tones == ("a", "b")


def test_a_whole_line_can_come_from_the_environment(box: Box) -> None:
    box.env = {"GATEWAYD_LINES__ROOF__KIND": "horn", "GATEWAYD_LINES__ROOF__PORT": "/dev/ttyS9"}
    assert box.settings.lines["roof"].settings == HornSettings(port="/dev/ttyS9")


@pytest.mark.parametrize("text", ['["/a", "/b.c"]', "/a, /b.c"])
def test_a_list_in_a_variable_is_json_or_has_commas(text: str, box: Box) -> None:
    box.env = {"GATEWAYD_API__PREFIXES": text}
    assert box.settings.api.prefixes == ("/a", "/b.c")


@pytest.mark.parametrize("prefix", ["/a/b", "a", "/", "/a b", "/a/"])
def test_a_prefix_is_one_segment_of_a_path(prefix: str, box: Box) -> None:
    box.write(f"[api]\nprefixes = [{prefix!r}]\n")
    (problem,) = box.problems()
    assert problem.where == "api.prefixes.0"


def test_the_origin_of_each_value_is_known(box: Box) -> None:
    box.write("[api]\nport = 1\nmax_api_sessions = 7\n")
    box.env = {"GATEWAYD_API__PORT": "2"}
    box.overrides = {"gateway": {"data_dir": "/tmp"}}
    origin = box.examined().sources.origin
    assert origin(("api", "port")) == ("environment", "GATEWAYD_API__PORT")
    assert origin(("api", "max_api_sessions")) == (str(box.file), "api.max_api_sessions")
    assert origin(("gateway", "data_dir")) == ("command line", "gateway.data_dir")


# --- paths -----------------------------------------------------------------------------------------------


def test_a_relative_data_directory_lies_in_the_current_directory(box: Box, tmp_path: Path) -> None:
    box.write('[gateway]\ndata_dir = "here"\n')
    assert box.settings.gateway.data_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("port", "meant"),
    [
        ("pty/horn", "/data/pty/horn"),
        ("/dev/ttyS0", "/dev/ttyS0"),
        ("socket://10.0.0.9:4001", "socket://10.0.0.9:4001"),
        ("rfc2217://10.0.0.9:4001", "rfc2217://10.0.0.9:4001"),
    ],
)
def test_a_relative_port_lies_in_the_data_directory(port: str, meant: str, box: Box) -> None:
    box.write(f'[gateway]\ndata_dir = "/data"\n[lines.h]\nkind = "horn"\nport = "{port}"\n')
    assert box.settings.lines["h"].settings == HornSettings(port=meant)


def test_a_port_that_is_a_number_stays_one(box: Box) -> None:
    box.write('[lines.l]\nkind = "lamp"\n')
    box.env = {"GATEWAYD_LINES__L__PORT": "7"}
    assert box.settings.lines["l"].settings.model_dump() == {"port": 7}


# --- what is refused -------------------------------------------------------------------------------------


def test_a_missing_file_is_an_error(box: Box) -> None:
    box.file.unlink()
    assert box.problems() == [Problem(str(box.file), "", "cannot be read: No such file or directory")]


def test_a_file_that_is_not_text_is_an_error(box: Box) -> None:
    box.file.write_bytes(b"name = '\xff'\n")
    assert box.problems() == [Problem(str(box.file), "", "is not UTF-8 text (byte 8)")]


def test_broken_toml_is_located(box: Box) -> None:
    box.write("[api]\nport = = 1\n")
    assert box.problems() == [Problem(str(box.file), "", "is not TOML at line 2, column 8: Invalid value")]


def test_every_problem_is_reported_at_once(box: Box) -> None:
    box.write(
        '[gateway]\nlog_level = "loud"\n[api]\nprot = 1\nport = 70000\n[lines.h]\nkind = "horn"\nbaudrat = 1\n'
        '[lines.x]\nkind = "hron"\n[lines.y]\n[simulators.s]\nkind = "horn-listner"\n[lanes.a]\n'
        '[lines."A B"]\nkind = "horn"\n'
    )
    assert box.complaints() == {
        "gateway.log_level": "should be 'debug', 'info', 'warning' or 'error'",
        "api.prot": "unknown key; did you mean 'port'?",
        "api.port": "should be less than or equal to 65535",
        "lines.h.port": "is missing",
        "lines.h.baudrat": "unknown key; did you mean 'baudrate'?",
        "lines.x.kind": "there is no driver 'hron'; did you mean 'horn'?",
        "lines.y.kind": "is missing",
        "lines.A B": "a name has 1 to 32 characters of a-z 0-9 - _ and begins with a letter or digit",
        "simulators.s.kind": "there is no simulator 'horn-listner'; did you mean 'horn-listener'?",
        "lanes": "unknown section; did you mean 'lines'?",
    }


def test_a_problem_names_the_source_it_came_from(box: Box) -> None:
    box.write(HORN)
    box.env = {"GATEWAYD_LINES__NORTH_HORN__BAUDRATE": "fast", "GATEWAYD_LIENS__X__PORT": "1"}
    box.overrides = {"api": {"port": -1}}
    assert {(problem.file, problem.where) for problem in box.problems()} == {
        ("environment", "GATEWAYD_LINES__NORTH_HORN__BAUDRATE"),
        ("environment", "GATEWAYD_LIENS__X__PORT"),
        ("command line", "api.port"),
    }


def test_a_variable_for_something_else_than_settings_is_left_alone(box: Box) -> None:
    box.env = {"GATEWAYD_VENV": "/opt/venv", "PATH": "/bin"}
    assert box.settings.api == ApiSettings()


def test_a_variable_that_lacks_an_underscore_is_warned_of(box: Box) -> None:
    box.env = {"GATEWAYD_API_PORT": "4711", "GATEWAYD_VENV": "/opt/venv", "GATEWAYD_API__HOST": "::1"}
    (warning,) = box.examined().warnings
    assert (warning.file, warning.where) == ("environment", "GATEWAYD_API_PORT")
    assert "4711" not in warning.reason


@pytest.mark.parametrize("text", ["lines = 3\n", "[lines]\nh = 3\n", "api = []\n"])
def test_a_section_that_is_no_table_is_refused(text: str, box: Box) -> None:
    box.write(text)
    assert "should be a table" in box.complaints().values()


def test_two_lines_cannot_share_a_port(box: Box) -> None:
    box.write(HORN + HORN.replace("north", "south"))
    assert box.complaints() == {"lines.south-horn.port": "the line 'north-horn' has this port already"}


def test_a_simulator_refers_to_a_line_that_exists(box: Box) -> None:
    box.write(HORN + '[simulators.s]\nkind = "horn-listener"\nport = "line:north-hron"\n')
    assert box.complaints() == {
        "simulators.s.port": "there is no line of that name; did you mean 'north-horn'?",
    }


def test_the_address_of_a_line_is_left_for_the_daemon_to_fill_in(box: Box) -> None:
    box.write(HORN + '[simulators.s]\nkind = "horn-listener"\nport = "line:north-horn"\n')
    assert box.settings.simulators["s"].settings == HornSimulatorSettings(port="line:north-horn")


POOLED = '[lines.a]\nkind = "horn"\nport = "x"\npool = {}\n[lines.b]\nkind = "horn"\nport = "y"\n'


def test_lines_share_a_pool_which_contacts_may_name(box: Box) -> None:
    box.write(POOLED.format('"sms"'))
    assert [line.pool for line in box.settings.lines.values()] == ["sms", ""]
    assert box.settings.addressable == {"a", "b", "sms"}


@pytest.mark.parametrize("pool", ['"b"', '"a"', '"Not A Name"', "3"])
def test_a_pool_has_a_name_of_its_own(pool: str, box: Box) -> None:
    box.write(POOLED.format(pool))
    assert list(box.complaints()) == ["lines.a.pool"]


def test_the_words_of_answers_are_those_that_the_engine_knows(box: Box) -> None:
    paging = box.settings.paging
    assert Words.of(paging.accept_words, paging.decline_words) == COMMON


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('accept_words = ["two words"]', "accept_words.0"),
        ('accept_words = ["12"]', "accept_words.0"),
        ("accept_words = []", "accept_words"),
        ('accept_words = ["Ja"]\ndecline_words = ["nein", "JA"]', "decline_words"),
    ],
)
def test_a_word_of_an_answer_is_one_word_that_says_one_thing(text: str, key: str, box: Box) -> None:
    box.write(f"[paging]\n{text}\n")
    assert list(box.complaints()) == [f"paging.{key}"]


# --- who may come without TLS -----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"])
def test_this_machine_itself_needs_no_tls(box: Box, host: str) -> None:
    box.write(f'[api]\nhost = "{host}"\n')
    assert box.settings.api.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.site"])
def test_other_machines_come_by_tls_or_where_plain_http_is_allowed(box: Box, host: str) -> None:
    box.write(f'[api]\nhost = "{host}"\n')
    assert "tls_certificate" in box.complaints()["api.plain_http"]
    for allowed in ('tls_certificate = "/etc/tls.pem"', "plain_http = true"):
        box.write(f'[api]\nhost = "{host}"\n{allowed}\n')
        assert box.settings.api.host == host


def test_config_check_looks_at_the_files_of_the_api_too(box: Box) -> None:
    box.write('[api]\ntls_certificate = "/nowhere/tls.pem"\n')
    assert box.settings.api.tls_certificate == "/nowhere/tls.pem"  # a start says it in the log and goes on
    with pytest.raises(ConfigError) as caught:
        examine(box.file, files_at=0.0)
    assert [problem.where for problem in caught.value.problems] == ["api.tls_certificate"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("proxy", "should be an address, or a network such as 192.0.2.0/28"),
        ("0.0.0.0/0", "trusts everybody: name the addresses of your proxies"),
        ("::/0", "trusts everybody: name the addresses of your proxies"),
        ("192.0.2.5/28", "is not where a network begins: write 192.0.2.0/28, or the address alone"),
    ],
)
def test_a_network_of_proxies_that_cannot_be_meant_is_refused(given: str, reason: str, box: Box) -> None:
    box.write(f'[api]\ntrusted_proxies = ["127.0.0.1", "{given}"]\n')
    assert box.complaints() == {"api.trusted_proxies.1": reason}


def test_proxies_are_trusted_by_address_and_by_network(box: Box) -> None:
    box.write('[api]\ntrusted_proxies = ["127.0.0.1", "192.0.2.0/28", "2001:DB8::/64"]\nproxy_header = "forwarded"\n')
    assert box.settings.api.trusted_proxies == ("127.0.0.1/32", "192.0.2.0/28", "2001:db8::/64")
    assert box.settings.api.proxy_header == "forwarded"


@pytest.mark.parametrize("names", ['["id"]', '["Room", "room"]', '["form_token"]', '["a/b"]', '[""]'])
def test_a_field_that_cannot_be_one_is_refused_before_the_daemon_starts(names: str, box: Box) -> None:
    box.write(f"[api]\ncontact_fields = {names}\nuser_settings = {names}\n")
    assert set(box.complaints()) == {"api.contact_fields", "api.user_settings"}


def test_what_does_not_fit_is_said_in_words(box: Box) -> None:
    box.write(
        '[gateway]\ndata_dir = 3\n[api]\nprefixes = ["ward"]\nallowed_hosts = ["https://x"]\n'
        '[paging]\naccept_words = ["two words"]\n'
    )
    assert box.complaints() == {
        "gateway.data_dir": "should be a path",
        "api.prefixes.0": "should be one part of a path, such as /SiteName",
        "api.allowed_hosts.0": 'should be a name such as alarms.example, without https:// and port, or "*"',
        "paging.accept_words.0": "should be one word of 1 to 20 letters, or one digit",
    }


def test_a_file_from_an_editor_that_marks_its_encoding_is_read(box: Box) -> None:
    box.write("\ufeff[gateway]\r\nname = 'x'\r\n")
    assert box.settings.gateway.name == "x"
