"""What is exported can be imported, on the same box and on an empty one."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.model import AlarmDefinition, Contact, Group, Plan, Priority, Role, Route, Site, Step, User, Way
from gatewayd.passwords import DUMMY_HASH
from gatewayd.sitefile import dump, merge, parse
from gatewayd.sitefile.merging import recipients_of

CHARACTERS = st.characters(exclude_categories=("Cc", "Cs"))
NAMES = st.one_of(
    st.text(CHARACTERS, min_size=1, max_size=12), st.sampled_from(["user:a", "contact:b", "alarm:c", '"', "\\"])
)
SHORT = st.text(CHARACTERS, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.floats(0, 100_000).map(lambda value: value + 0.0)


def names(draw: st.DrawFn, most: int = 4) -> list[str]:
    return draw(st.lists(NAMES, max_size=most, unique=True))


def some(draw: st.DrawFn, ids: list[int], least: int = 0) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.sampled_from(ids), min_size=least, max_size=3))) if ids else ()


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Make any valid site, in the order of the store: by id, routes by position."""
    count = iter(range(1, 100))
    contacts = tuple(Contact(next(count), name, draw(NAMES), draw(NAMES)) for name in names(draw))
    users = tuple(draw(user(next(count), name, [contact.id for contact in contacts])) for name in names(draw))
    pageable = [*(contact.id for contact in contacts), *(user.id for user in users)]
    groups: list[Group] = []
    for name in names(draw):
        groups.append(Group(next(count), name, some(draw, pageable)))
        pageable.append(groups[-1].id)
    plans = tuple(draw(plan(next(count), name, pageable)) for name in names(draw)) if pageable else ()
    everybody = pageable + [row.id for row in plans]
    definitions = tuple(draw(alarm(number, name, everybody)) for number, name in enumerate(names(draw), 1) if everybody)
    routes = draw(st.lists(route([row.id for row in definitions]), max_size=4)) if definitions else []
    placed = tuple(Route(place, place, *values) for place, values in enumerate(routes, 1))
    fallback = draw(st.sampled_from([None, *everybody]))
    return Site(users, contacts, tuple(groups), plans, definitions, placed, fallback)


@st.composite
def user(draw: st.DrawFn, number: int, name: str, contacts: list[int]) -> User:
    ways = tuple(Way(contact, draw(SECONDS)) for contact in some(draw, contacts))
    return User(number, name, draw(SHORT), draw(st.sampled_from(Role)), draw(st.sampled_from(["", DUMMY_HASH])), ways)


@st.composite
def plan(draw: st.DrawFn, number: int, name: str, pageable: list[int]) -> Plan:
    steps = [Step(some(draw, pageable, least=1), draw(SECONDS)) for _ in range(draw(st.integers(1, 3)))]
    waits = sum(step.wait for step in steps) > 0
    return Plan(number, name, tuple(steps), draw(st.integers(0, 5)) if waits else 1)


@st.composite
def alarm(draw: st.DrawFn, number: int, name: str, everybody: list[int]) -> AlarmDefinition:
    priority = draw(st.sampled_from([None, *Priority]))
    recipient = draw(st.sampled_from(everybody))
    return AlarmDefinition(number, name, recipient, draw(TEXTS), draw(TEXTS), priority, draw(st.booleans()))


def route(definitions: list[int]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.sampled_from(definitions), SHORT, SHORT, SHORT, st.sampled_from(["", "device", "fault"]))


@settings(max_examples=60, deadline=None)
@given(sites(), st.booleans())
def test_importing_an_export_on_the_same_box_changes_nothing(site: Site, replace: bool) -> None:  # noqa: FBT001
    assert merge(site, parse(dump(site), "x"), replace=replace) == site


@settings(max_examples=50, deadline=None)
@given(sites())
def test_an_export_makes_the_same_site_on_an_empty_box(site: Site) -> None:
    text = dump(site)
    tomllib.loads(text)
    copy = merge(Site(), parse(text, "x"))
    assert dump(copy) == text


@settings(max_examples=50, deadline=None)
@given(sites(), sites(), st.booleans())
def test_importing_a_file_twice_is_importing_it_once(site: Site, other: Site, replace: bool) -> None:  # noqa: FBT001
    file = parse(dump(other), "x")
    once = merge(site, file, replace=replace)
    assert merge(once, file, replace=replace) == once


@settings(max_examples=50, deadline=None)
@given(sites(), sites())
def test_an_import_never_renumbers_what_exists(site: Site, other: Site) -> None:
    def numbers(site: Site) -> dict[tuple[str, str], int]:
        return {(kind, row.name): row.id for kind, rows in recipients_of(site).items() for row in rows}

    after = merge(site, parse(dump(other), "x"), next_id=500)
    before = numbers(site)
    assert numbers(after) == before | {key: number for key, number in numbers(after).items() if number >= 500}
    assert len(set(numbers(after).values())) == len(numbers(after))
    definitions = {(row.name, row.id) for row in after.definitions}
    assert {(row.name, row.id) for row in site.definitions} <= definitions
