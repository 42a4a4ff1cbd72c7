"""The files in config/ are what people start from: they have to be right, with the drivers that ship."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatewayd import sitefile
from gatewayd.model import Plan, RecipientType, Site
from gatewayd.settings import SECTIONS, Settings, examine, load

if TYPE_CHECKING:
    from pydantic import BaseModel

pytestmark = pytest.mark.usefixtures("fresh")

CONFIG = Path(__file__).resolve().parents[2] / "config"
PARTS = ("site", "user", "contact", "group", "plan", "alarm", "route")


def uncommented(name: str) -> str:
    """Return a file with every setting that is commented out, that is, whose # has no space behind it."""
    return re.sub(r"^#(?=[a-z0-9\[])", "", (CONFIG / name).read_text(), flags=re.MULTILINE)


@pytest.fixture
def complete(tmp_path: Path) -> Settings:
    """Return the settings of the example with everything in it switched on."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "phone-2002").write_text("phone-secret")
    (tmp_path / "phone-2001").write_text("phone-secret")
    (tmp_path / "sim-1").write_text("1234")
    (tmp_path / "pbx").write_text("pbx-secret")
    path = tmp_path / "gatewayd.toml"
    path.write_text(uncommented("gatewayd.toml"))
    return load(path, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_the_example_as_it_ships_is_a_box_with_every_default(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert load(CONFIG / "gatewayd.toml", env={}) == load(empty, env={})


def test_the_example_says_the_true_defaults(complete: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    defaults = load(empty, env={})
    assert (complete.gateway, complete.api, complete.paging) == (defaults.gateway, defaults.api, defaults.paging)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_is_in_the_example(section: str) -> None:
    text = uncommented("gatewayd.toml")
    body = text[text.index(f"[{section}]") :].partition("\n[")[0]
    model: type[BaseModel] = SECTIONS[section]
    assert set(model.model_fields) == set(re.findall(r"^(\w+) = ", body, flags=re.MULTILINE))


def test_the_lines_of_the_example_suit_the_drivers_that_ship(complete: Settings) -> None:
    assert {name: line.kind for name, line in complete.lines.items()} == {
        "ward-panel": "espa444",
        "wings": "espa444",
        "pager": "tap",
        "far-pager": "tap",
        "nurse-call": "tap",
        "fire": "ascii",
        "it": "snpp",
        "encoder": "comp2",
        "sms1": "gsm",
        "sms2": "gsm",
        "push": "webpush",
        "phones": "sip",
    }


def demo(tmp_path: Path) -> Settings:
    return load(CONFIG / "demo.toml", {"gateway": {"data_dir": str(tmp_path)}}, env={})


def test_the_demonstration_suits_the_drivers_and_simulators_that_ship(tmp_path: Path) -> None:
    settings = demo(tmp_path)
    assert sorted(settings.lines) == ["pager", "phones", "sms", "ward-panel"]
    assert sorted(settings.simulators) == ["pager", "phone-2001", "sms", "ward-panel"]


def test_both_ends_of_the_simulated_lines_meet(tmp_path: Path) -> None:
    settings = demo(tmp_path)
    for name in ("ward-panel", "pager", "sms"):
        port = str(tmp_path / f"{name}.pty")
        assert settings.lines[name].settings.model_dump()["port"] == port
        assert settings.simulators[name].settings.model_dump()["port"] == port


def test_the_demonstration_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings = demo(tmp_path)
    assert settings.api.host == "127.0.0.1"
    assert settings.lines["phones"].settings.model_dump()["host"] == "127.0.0.1"


def test_the_simulated_phone_may_register(tmp_path: Path) -> None:
    settings = demo(tmp_path)
    phone = settings.simulators["phone-2001"].settings.model_dump()
    accounts = settings.lines["phones"].settings.model_dump()["accounts"]
    assert accounts[phone["user"]]["password"].get_secret_value() == phone["password"]
    assert phone["registrar"] == "line:phones"


def test_only_the_demonstration_has_secrets_in_the_clear(tmp_path: Path) -> None:
    overrides = {"gateway": {"data_dir": str(tmp_path)}}
    places = {warning.where for warning in examine(CONFIG / "demo.toml", overrides, {}).warnings}
    assert places == {"lines.phones.accounts.2001.password", "lines.phones.accounts.nurse.password"}
    assert examine(CONFIG / "gatewayd.toml", None, {}).warnings == ()


def site(name: str, lines: frozenset[str]) -> Site:
    path = CONFIG / name
    return sitefile.merge(Site(), sitefile.parse(path.read_text(), str(path)), known_lines=lines)


def test_the_people_of_the_demonstration_suit_its_lines(tmp_path: Path) -> None:
    people = site("demo-site.toml", frozenset(demo(tmp_path).lines))
    names = {user.id: user.name for user in people.users} | {one.id: one.name for one in people.contacts}
    (plan,) = people.plans
    assert [[names[one] for one in step.recipients] for step in plan.steps] == [["ward-pager", "nurse"], ["doctor"]]
    assert [step.wait for step in plan.steps] == [8, 8]
    assert people.definitions[0].recipient_id == plan.id
    assert people.fallback_id in {user.id for user in people.users if user.name == "admin"}
    assert all(user.ways and user.password_hash for user in people.users)


def test_the_example_of_people_suits_the_example_of_lines(complete: Settings) -> None:
    people = site("site.toml", frozenset(complete.lines))
    assert people.plans[0] == Plan(people.plans[0].id, "ward-3", people.plans[0].steps, 3)
    assert [route.source for route in people.routes] == ["fault", "device"]
    assert len(RecipientType) == 4  # each of them is shown
    text = (CONFIG / "site.toml").read_text()
    assert all(f"[{part}]" in text for part in PARTS)
