"""Editing people and addresses: who may, what has to hold, one commit for each edit, and the journal says who."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from gatewayd.engine.bounds import LONGEST_NAME, LONGEST_TEXT
from gatewayd.engine.directory import Directory
from gatewayd.errors import Conflict, Invalid, NotAllowed, NotFound
from gatewayd.model import Contact, JournalEntry, JournalKind, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gatewayd.engine.core import Core

SITE_LOCK = ("site",)  # edits are taken one after the other, each on what the one before left
SPACE = " "


@dataclass(frozen=True, slots=True)
class ContactEdit:
    """New values of a contact; what is None, or not among the fields, stays as it is."""

    name: str | None = None
    line: str | None = None
    address: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserEdit:
    """New values of a user; what is None, or not among the settings, stays as it is."""

    full_name: str | None = None
    role: Role | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


class Use(NamedTuple):
    """What keeps a contact from being deleted."""

    type: str
    name: str


class People:
    """The services that change the site."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def reload(self) -> None:
        """Read what people edited: from now on every decision uses it."""
        core = self._core
        core.directory = Directory(core.store.load_site(), core.store.line_ids(sorted(core.lines)))

    # --- contacts -----------------------------------------------------------------------------------------------------

    async def create_contact(self, actor: User, edit: ContactEdit) -> Contact:
        """Add a contact. Raises NotAllowed, Invalid, Conflict, StoreUnavailable."""
        core = self._core
        async with core.locks(SITE_LOCK):
            self._require_office(actor)
            for name in ("name", "line", "address"):
                if not getattr(edit, name):
                    raise Invalid("gateway" if name == "line" else name, "is missing")
            contact = self._edited(Contact(core.store.next_recipient_id(), "", "", ""), edit)
            story = self._story(f"{actor.name} added the contact {contact.name!r}", contact.id)
            await core.store.save_person(contact, story, new=True)
            self.reload()
        return contact

    async def edit_contact(self, actor: User, contact_id: int, edit: ContactEdit) -> Contact:
        """Change a contact. Raises NotFound, NotAllowed, Invalid, StoreUnavailable."""
        core = self._core
        async with core.locks(SITE_LOCK):
            self._require_office(actor)
            before = self._contact(contact_id)
            contact = self._edited(before, edit)
            if contact != before:
                story = self._story(f"{actor.name} changed the contact {contact.name!r}", contact_id)
                await core.store.save_person(contact, story)
                self.reload()
        return contact

    async def delete_contact(self, actor: User, contact_id: int) -> tuple[Use, ...]:
        """Delete a contact; returns what still uses it, and then nothing was deleted.

        Raises NotFound, NotAllowed, StoreUnavailable.
        """
        core = self._core
        async with core.locks(SITE_LOCK):
            self._require_office(actor)
            contact = self._contact(contact_id)
            uses = tuple(self._uses(contact_id))
            if not uses:
                story = self._story(f"{actor.name} deleted the contact {contact.name!r}", contact_id)
                await core.store.delete_contact(contact_id, story)
                self.reload()
        return uses

    def _contact(self, contact_id: int) -> Contact:
        contact = self._core.store.people.contact(contact_id)
        if contact is None:
            message = f"there is no contact {contact_id}"
            raise NotFound(message)
        return contact

    def _edited(self, contact: Contact, edit: ContactEdit) -> Contact:
        """Return a contact with its new values. Raises Invalid."""
        edited = replace(
            contact,
            name=contact.name if edit.name is None else _one_line("name", edit.name),
            line=contact.line if edit.line is None else edit.line,
            address=contact.address if edit.address is None else _one_line("address", edit.address),
            fields={**contact.fields, **{name: _bounded(name, value) for name, value in edit.fields.items()}},
        )
        if edited.line != contact.line and edited.line not in self._core.lines:
            raise Invalid("gateway", "is not a configured line")
        name = edited.name.casefold()  # a text finds whom it names without regard to case
        namesake = (other for other in self._core.store.load_site().contacts if other.name.casefold() == name)
        if any(other.id != edited.id for other in namesake):
            raise Invalid("name", "is taken by another contact")
        return edited

    def _uses(self, contact_id: int) -> Iterator[Use]:
        site = self._core.store.load_site()
        yield from (Use("user", user.name) for user in site.users if any(w.contact_id == contact_id for w in user.ways))
        yield from (Use("group", group.name) for group in site.groups if contact_id in group.members)
        for plan in site.plans:
            if any(contact_id in step.recipients for step in plan.steps):
                yield Use("plan", plan.name)
        yield from (Use("alarm", one.name) for one in site.definitions if one.recipient_id == contact_id)
        if site.fallback_id == contact_id:
            yield Use("fallback", "fallback recipient")
        if self._core.store.paging.queued_to(contact_id):
            yield Use("page", "a page under way")

    # --- users --------------------------------------------------------------------------------------------------------

    async def edit_user(self, actor: User, user_id: int, edit: UserEdit) -> User:
        """Change a user's properties; roles are set by admins, and one admin always stays.

        Raises NotFound, NotAllowed, Invalid, Conflict, StoreUnavailable.
        """
        core = self._core
        async with core.locks(SITE_LOCK):
            before = self._user(actor, user_id)
            user = replace(
                before,
                full_name=before.full_name if edit.full_name is None else _bounded("full_name", edit.full_name),
                role=before.role if edit.role is None else edit.role,
                settings={**before.settings, **{name: _bounded(name, value) for name, value in edit.settings.items()}},
            )
            if user.role is not before.role:
                self._check_role_change(actor, before)
            if user != before:
                await core.store.save_person(user, self._story(_user_story(actor, before, user), user_id))
                self.reload()
        return user

    def user(self, actor: User, user_id: int) -> User:
        """Return a user's properties. Raises NotFound, NotAllowed: people see their own, admins everybody's."""
        return self._user(actor, user_id)

    async def set_password(self, user_id: int, password_hash: str, tokens: Iterable[str] = ()) -> None:
        """Set a password and end the sessions `tokens` in the same commit. Raises NotFound, StoreUnavailable."""
        core = self._core
        async with core.locks(SITE_LOCK):
            user = core.store.people.user(user_id)
            if user is None:
                message = f"there is no user {user_id}"
                raise NotFound(message)
            story = self._story(f"{user.name} has a new password", user_id)
            await core.store.save_person(replace(user, password_hash=password_hash), story, tokens)
            self.reload()

    def _user(self, actor: User, user_id: int) -> User:
        """Return a user as they are now, when the actor may see them."""
        if actor.id != user_id and self._role_of(actor) is not Role.ADMIN:
            message = "a user's properties are open to that user and to admins"
            raise NotAllowed(message)
        user = self._core.store.people.user(user_id)
        if user is None:
            message = f"there is no user {user_id}"
            raise NotFound(message)
        return user

    def _check_role_change(self, actor: User, before: User) -> None:
        if self._role_of(actor) is not Role.ADMIN:
            message = "roles are set by admins"
            raise NotAllowed(message)
        admins = [user.id for user in self._core.store.load_site().users if user.role is Role.ADMIN]
        if admins == [before.id]:
            message = "this is the last admin: make another user an admin first"
            raise Conflict(message)

    # --- shared -------------------------------------------------------------------------------------------------------

    def _role_of(self, actor: User) -> Role:
        """Return the role as it is now: it may have changed while the request waited for its turn."""
        user = self._core.store.people.user(actor.id)
        return user.role if user is not None else Role.USER

    def _require_office(self, actor: User) -> None:
        if self._role_of(actor) is Role.USER:
            message = "contacts are edited by operators and admins"
            raise NotAllowed(message)

    def _story(self, text: str, recipient_id: int) -> JournalEntry:
        core = self._core
        number, wall = core.store.next_id(JournalEntry), core.clock.wall()
        return JournalEntry(number, wall, JournalKind.SITE, text, recipient_id=recipient_id)


def _user_story(actor: User, before: User, after: User) -> str:
    who = "their own properties" if actor.id == after.id else f"the properties of {after.name}"
    role = f"; role {before.role} is now {after.role}" if before.role is not after.role else ""
    return f"{actor.name} changed {who}{role}"


def _one_line(name: str, value: str) -> str:
    text = _bounded(name, value, LONGEST_NAME)
    if not text:
        raise Invalid(name, "is empty")
    return text


def _bounded(name: str, value: str, longest: int = LONGEST_TEXT) -> str:
    """Return a value without blanks around it. Raises Invalid for control characters and what is too long."""
    text = value.strip()
    if len(text) > longest:
        raise Invalid(name, f"has more than {longest} characters")
    if any(char < SPACE or "\x7f" <= char <= "\x9f" for char in text):
        raise Invalid(name, "must not have control characters or line breaks")
    return text
