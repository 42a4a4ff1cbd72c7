"""An index over the site: who is who, who owns which address, what a recipient means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.model import AlarmDefinition, Contact, Group, Plan, RecipientType, Role, Site, User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import dataclass
else:
    from gatewayd.values import dataclass

Recipient = User | Contact | Group | Plan
TYPES: dict[type[Recipient], RecipientType] = {
    User: RecipientType.USER,
    Contact: RecipientType.CONTACT,
    Group: RecipientType.GROUP,
    Plan: RecipientType.PLAN,
}
MOST_EXPANDED = 1024  # lists of recipients that are remembered
LONGEST_ID = 15  # digits
SYSTEM = "System"  # the name of recipient 0 (EMM push example)


@dataclass(frozen=True, slots=True)
class Targets:
    """What recipients come down to: people, bare addresses, and plans that have to be run."""

    users: tuple[User, ...] = ()
    contacts: tuple[Contact, ...] = ()
    plans: tuple[Plan, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anybody is reached."""
        return bool(self.users or self.contacts or self.plans)


class Directory:
    """Looks things up in one version of the site."""

    def __init__(self, site: Site, line_ids: dict[str, int] | None = None) -> None:
        self.site = site
        self._line_ids = line_ids or {}
        self._line_names = {number: name for name, number in self._line_ids.items()}
        everyone: Iterable[Recipient] = (*site.users, *site.contacts, *site.groups, *site.plans)
        self._expanded: dict[tuple[int, ...], Targets] = {}  # what was asked for before
        self._recipients = {recipient.id: recipient for recipient in everyone}
        self.overseers = tuple(user.id for user in site.users if user.role is not Role.USER)
        self._users_by_name = {user.name.casefold(): user for user in site.users}
        self._definitions = {definition.id: definition for definition in site.definitions}
        self._contacts_by_address = {(contact.line, contact.address): contact for contact in site.contacts}
        everyone = self._recipients.values()
        self._by_name = {one.name.casefold(): one.id for one in reversed(everyone)}
        self._by_address = {contact.address: contact.id for contact in reversed(site.contacts)}
        self.has_text_routes = any(route.source == "text" for route in site.routes)
        self._owners = {way.contact_id: user for user in reversed(site.users) for way in user.ways}

    def everybody(self) -> tuple[Recipient, ...]:
        """Return every recipient."""
        return tuple(self._recipients.values())

    def recipient(self, recipient_id: int) -> Recipient | None:
        """Return the recipient with this id."""
        return self._recipients.get(recipient_id)

    def recipient_name(self, recipient_id: int | None) -> str:
        """Return a recipient's name; "System" for none."""
        found = self._recipients.get(recipient_id) if recipient_id else None
        return found.name if found else SYSTEM

    def recipient_type(self, recipient_id: int) -> RecipientType | None:
        """Return what a recipient is."""
        found = self._recipients.get(recipient_id)
        return TYPES[type(found)] if found else None

    def user(self, user_id: int | None) -> User | None:
        """Return the user with this id."""
        found = self._recipients.get(user_id) if user_id else None
        return found if isinstance(found, User) else None

    def user_named(self, name: str) -> User | None:
        """Return the user with this login name, compared without case."""
        return self._users_by_name.get(name.casefold())

    def contact(self, contact_id: int) -> Contact | None:
        """Return the contact with this id."""
        found = self._recipients.get(contact_id)
        return found if isinstance(found, Contact) else None

    def contact_at(self, line: str, address: str) -> Contact | None:
        """Return the contact with this address."""
        return self._contacts_by_address.get((line, address))

    def addressed(self, words: str) -> int | None:
        """Return the recipient whom a sender means: by name, by the address of a contact on any line, or by id."""
        wanted = words.strip()
        found = self._by_name.get(wanted.casefold()) or self._by_address.get(wanted)
        if found is None and wanted.isdecimal() and len(wanted) <= LONGEST_ID and int(wanted) in self._recipients:
            return int(wanted)
        return found

    def owner_of(self, contact: Contact) -> User | None:
        """Return the user whom this contact reaches."""
        return self._owners.get(contact.id)

    def plan(self, plan_id: int) -> Plan | None:
        """Return the plan with this id."""
        found = self._recipients.get(plan_id)
        return found if isinstance(found, Plan) else None

    def definition(self, definition_id: int | None) -> AlarmDefinition | None:
        """Return the alarm definition with this id."""
        return self._definitions.get(definition_id) if definition_id else None

    def line_id(self, name: str) -> int:
        """Return the number of a line for the APIs; 0 for an unknown one."""
        return self._line_ids.get(name, 0)

    def line_named(self, number: int) -> str | None:
        """Return the name of the line with this number."""
        return self._line_names.get(number)

    def expand(self, recipient_ids: Iterable[int]) -> Targets:
        """Resolve groups down to users, contacts and plans; everything once, in the order of first mention."""
        ids = tuple(recipient_ids)
        known = self._expanded.get(ids)
        if known is None:
            if len(self._expanded) >= MOST_EXPANDED:
                self._expanded.clear()
            known = self._expanded[ids] = self._expand(ids)
        return known

    def _expand(self, recipient_ids: Iterable[int]) -> Targets:
        found: dict[int, Recipient] = {}
        self._collect(recipient_ids, found, set())
        everyone = found.values()
        return Targets(
            tuple(one for one in everyone if isinstance(one, User)),
            tuple(one for one in everyone if isinstance(one, Contact)),
            tuple(one for one in everyone if isinstance(one, Plan)),
        )

    def _collect(self, ids: Iterable[int], found: dict[int, Recipient], seen: set[int]) -> None:
        for recipient_id in ids:
            recipient = self._recipients.get(recipient_id)
            if recipient is None or recipient_id in seen:
                continue
            seen.add(recipient_id)
            if isinstance(recipient, Group):
                self._collect(recipient.members, found, seen)
            else:
                found[recipient_id] = recipient
