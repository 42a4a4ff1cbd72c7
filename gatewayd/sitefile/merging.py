"""Brings a site file into the site. Existing entries keep their ids, so that messages under way stay what they are."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from gatewayd.errors import ConfigError, Problem
from gatewayd.model import AlarmDefinition, Contact, Group, Plan, Priority, Route, Site, Step, User, Way
from gatewayd.passwords import hash_password, verify_password
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gatewayd.sitefile.reading import SiteFile
    from gatewayd.sitefile.schema import AlarmEntry, ContactEntry, GroupEntry, PlanEntry, RouteEntry, UserEntry

RECIPIENTS = ("contact", "user", "group", "plan")
INSIDE = ("contact", "user", "group")  # what a group and a step may hold
Named = User | Contact | Group | Plan | AlarmDefinition
NamedT = TypeVar("NamedT", User, Contact, Group, Plan, AlarmDefinition)


def merge(
    current: Site, file: SiteFile, *, replace: bool = False, known_lines: frozenset[str] | None = None, next_id: int = 1
) -> Site:
    """Return `current` with the entries of `file`; with `replace` nothing else stays.

    New recipients get ids from `next_id` on, which no recipient ever had. An entry replaces the one of its name as a
    whole; only the password stays when the file gives none. The routes of the file are tried before those that stay.
    Raises ConfigError with every problem: references, cycles of groups, lines that are not in `known_lines`.
    """
    site = _Merge(current, file, replace=replace, known_lines=known_lines, next_id=next_id)
    return site.result()


@dataclass
class _Merge:
    """One merge: collects problems instead of stopping at the first."""

    current: Site
    file: SiteFile
    replace: bool
    known_lines: frozenset[str] | None
    next_id: int
    problems: list[Problem] = field(default_factory=list)
    ids: dict[str, dict[str, int]] = field(default_factory=dict)

    def result(self) -> Site:
        self._number()
        content, current = self.file.content, self.current
        groups = self._joined(current.groups, [self._group(entry) for entry in content.group])
        site = Site(
            users=self._joined(current.users, self._users()),
            contacts=self._joined(current.contacts, self._contacts()),
            groups=groups,
            plans=self._joined(current.plans, [self._plan(entry) for entry in content.plan]),
            definitions=self._joined(current.definitions, [self._definition(entry) for entry in content.alarm]),
            routes=self._routes(),
            fallback_id=self._fallback(),
        )
        self._refuse_cycles(groups)
        if self.problems:
            raise ConfigError(self.problems)
        return site

    def _number(self) -> None:
        """Give every name its id: the present one, or the next free one."""
        content = self.file.content
        recipients = recipients_of(self.current)
        newest = max((row.id for rows in recipients.values() for row in rows), default=0)
        fresh = itertools.count(max(newest + 1, self.next_id))
        for kind, rows in recipients.items():
            self.ids[kind] = self._numbered(rows, [entry.name for entry in getattr(content, kind)], fresh)
        definitions = self.current.definitions
        fresh = itertools.count(max((row.id for row in definitions), default=0) + 1)
        self.ids["alarm"] = self._numbered(definitions, [entry.name for entry in content.alarm], fresh)

    def _numbered(self, rows: Iterable[Named], names: list[str], fresh: Iterator[int]) -> dict[str, int]:
        existing = {row.name: row.id for row in rows}
        named = {name: existing[name] if name in existing else next(fresh) for name in names}
        return named if self.replace else existing | named

    def _joined(self, rows: tuple[NamedT, ...], entries: list[NamedT]) -> tuple[NamedT, ...]:
        kept = {} if self.replace else {row.id: row for row in rows}
        kept |= {entry.id: entry for entry in entries}
        return tuple(kept[key] for key in sorted(kept))

    # --- one function a table -----------------------------------------------------------------------------------------

    def _users(self) -> list[User]:
        present = {user.name: user for user in self.current.users}
        return [self._user(entry, present.get(entry.name)) for entry in self.file.content.user]

    def _user(self, entry: UserEntry, old: User | None) -> User:
        ways = []
        for number, way in enumerate(entry.ways, 1):
            where = f'user "{entry.name}": ways #{number}: contact'
            ways.append(Way(self._named("contact", way.contact.removeprefix("contact:"), where), way.after))
        password_hash = _password(entry, old.password_hash if old is not None else "")
        chosen = self._properties(old.settings if old is not None else {}, entry.settings)
        number = self.ids["user"][entry.name]
        return User(number, entry.name, entry.full_name, entry.role, password_hash, tuple(ways), chosen)

    def _contacts(self) -> list[Contact]:
        present = {contact.name: contact.fields for contact in self.current.contacts}
        return [self._contact(entry, present.get(entry.name, {})) for entry in self.file.content.contact]

    def _contact(self, entry: ContactEntry, old: Mapping[str, str]) -> Contact:
        self._refuse_unknown_line(entry.line, f'contact "{entry.name}": line')
        fields = self._properties(old, entry.fields)
        return Contact(self.ids["contact"][entry.name], entry.name, entry.line, entry.address, fields)

    def _properties(self, old: Mapping[str, str], given: Mapping[str, str]) -> Mapping[str, str]:
        """Return what clients of the API have set, with what the file names in its place."""
        return given if self.replace else {**old, **given}

    def _group(self, entry: GroupEntry) -> Group:
        where = f'group "{entry.name}": members'
        members = self._references(entry.members, where, "a group has no escalation: name the plan in an alarm instead")
        return Group(self.ids["group"][entry.name], entry.name, members)

    def _plan(self, entry: PlanEntry) -> Plan:
        steps = []
        for number, step in enumerate(entry.steps, 1):
            where = f'plan "{entry.name}": steps #{number}: page'
            recipients = self._references(step.page, where, "a plan cannot be a step of a plan: write its steps here")
            steps.append(Step(recipients, step.wait))
        return Plan(self.ids["plan"][entry.name], entry.name, tuple(steps), entry.cycles)

    def _definition(self, entry: AlarmEntry) -> AlarmDefinition:
        return AlarmDefinition(
            id=self.ids["alarm"][entry.name],
            name=entry.name,
            recipient_id=self._reference(entry.page, f'alarm "{entry.name}": page'),
            text=entry.text,
            reset_text=entry.reset_text,
            priority=Priority[entry.priority.upper()] if entry.priority else None,
            send_resets=entry.send_resets,
        )

    def _routes(self) -> tuple[Route, ...]:
        """Put the file's routes first; one with the same conditions as an existing one takes its place and id."""
        existing: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for route in self.current.routes:
            existing[_conditions(route)].append(route.id)
        fresh = itertools.count(max((route.id for route in self.current.routes), default=0) + 1)
        routes = []
        for number, entry in enumerate(self.file.content.route, 1):
            same = existing[_conditions(entry)]
            routes.append(self._route(entry, number, same.pop(0) if same else next(fresh)))
        taken = {route.id for route in routes}
        kept = () if self.replace else tuple(route for route in self.current.routes if route.id not in taken)
        kept = tuple(sorted(kept, key=lambda route: route.position))
        return tuple(
            Route(route.id, position, route.definition_id, *_conditions(route))
            for position, route in enumerate((*routes, *kept), 1)
        )

    def _route(self, entry: RouteEntry, number: int, route_id: int) -> Route:
        where = f"route #{number}"
        if entry.line and "*" not in entry.line and entry.source != "fault":
            self._refuse_unknown_line(entry.line, f"{where}: line")
        definition = self._named("alarm", entry.alarm.removeprefix("alarm:"), f"{where}: alarm")
        return Route(route_id, number, definition, *_conditions(entry))

    def _fallback(self) -> int | None:
        reference = self.file.content.site.fallback
        if reference is not None:
            return self._reference(reference, "site: fallback")
        return None if self.replace else self.current.fallback_id

    # --- references ---------------------------------------------------------------------------------------------------

    def _references(self, references: tuple[str, ...], where: str, no_plan: str) -> tuple[int, ...]:
        found = []
        for number, reference in enumerate(references, 1):
            place = f"{where} #{number}"
            if reference.startswith("plan:"):
                self._refuse(place, no_plan)
            else:
                found.append(self._reference(reference, place, INSIDE))
        return tuple(found)

    def _reference(self, reference: str, where: str, kinds: tuple[str, ...] = RECIPIENTS) -> int:
        kind, colon, name = reference.partition(":")
        if colon and kind in kinds:
            return self._named(kind, name, where)
        known = [f"{kind}:{name}" for kind in kinds for name in self.ids[kind]]
        hint = suggestion(reference, known) if known else ""
        self._refuse(where, f"should be {' or '.join(f'{kind}:NAME' for kind in kinds)}{hint}")
        return 0

    def _named(self, kind: str, name: str, where: str) -> int:
        if name not in self.ids[kind]:
            self._refuse(where, f"there is no {kind} {name!r}{suggestion(name, self.ids[kind])}")
        return self.ids[kind].get(name, 0)

    def _refuse_unknown_line(self, line: str, where: str) -> None:
        if self.known_lines is not None and line not in self.known_lines:
            hint = suggestion(line, self.known_lines)
            self._refuse(where, f"the configuration has no line {line!r}{hint}")

    def _refuse_cycles(self, groups: tuple[Group, ...]) -> None:
        inner = {group.id: list(group.members) for group in groups}
        for group in groups:
            if group.id in _reachable(group.id, inner):
                self._refuse(f'group "{group.name}": members', "the group contains itself, directly or through others")

    def _refuse(self, where: str, reason: str) -> None:
        self.problems.append(Problem(self.file.file, where, reason))


def recipients_of(site: Site) -> Mapping[str, tuple[Named, ...]]:
    """Return the recipients by what a reference calls their type."""
    return {"user": site.users, "contact": site.contacts, "group": site.groups, "plan": site.plans}


def _reachable(start: int, inner: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    waiting = list(inner[start])
    while waiting:
        member = waiting.pop()
        if member not in found:
            found.add(member)
            waiting += inner.get(member, [])
    return found


def _conditions(route: Route | RouteEntry) -> tuple[str, str, str, str]:
    return route.line, route.address, route.text, route.source


def _password(entry: UserEntry, old: str) -> str:
    """Return the hash to keep. The same password keeps its hash: an import that changes nothing must change nothing."""
    if entry.password_hash is not None:
        return entry.password_hash
    if entry.password is None:
        return old
    password = entry.password.get_secret_value()
    return old if old and verify_password(password, old) else hash_password(password)
