"""E22 to E24: contacts, with the fields that the site has configured for them (A28, A29, A30)."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from gatewayd.api.emm.listing import ListParams, Part, line_number, to_query
from gatewayd.api.emm.loose import unfold
from gatewayd.api.fields import (
    Id,
    Number,
    OptionalText,
    documented_names,
)
from gatewayd.api.operation import Call, Display, Operation, Params, Reply, operation
from gatewayd.api.pages import form_fields
from gatewayd.engine.people import ContactEdit
from gatewayd.errors import Invalid, NotFound
from gatewayd.model import Role
from gatewayd.store.people import CONTACT_FILTERS, CONTACT_ORDERS

if TYPE_CHECKING:
    from gatewayd.api.operation import Choices
    from gatewayd.engine.directory import Directory
    from gatewayd.engine.engine import Engine
    from gatewayd.model import Contact


class ContactParams(Params):
    """Which contact."""

    id: Id


class EditParams(Params):
    """What to change; all of it may stand in `contact`, as JSON object or as text."""

    closed = True

    name: OptionalText = Field(None, title="Name", max_length=200)
    gateway: OptionalText = Field(None, title="Gateway", json_schema_extra={"widget": "select"})
    address: OptionalText = Field(None, title="Address", max_length=200)
    contact: Any = Field(None, json_schema_extra={"widget": "none"})

    @model_validator(mode="before")
    @classmethod
    def _unpack(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put what stands in `contact` beside what stands outside; an id in it says nothing new."""
        return unfold(values, "contact", documented_names(cls), silent=("id",))


class ContactReply(Reply):
    """A contact; `gateway` is the number of its line. The fields of the site stand beside these."""

    id: int
    name: str
    gateway: int
    address: str


class InUse(Reply):
    """What still uses a contact."""

    name: str
    type: str


class Deleted(Reply):
    """The answer to E24: "success", or "in-use" with what uses it (A28)."""

    id: int
    status: str
    in_use: tuple[InUse, ...] = Field((), alias="in-use", exclude_if=lambda value: not value)


def contact_operations(fields: tuple[str, ...]) -> tuple[Operation, ...]:
    """Return the operations on contacts, for a site with these fields."""
    return _Contacts(fields).operations()


def line_choices(engine: Engine) -> Choices:
    """Return the lines that contacts may be on."""
    lines = sorted(name for name, line in engine.lines.items() if _sends(engine, name))
    return {"gateway": [(str(engine.directory.line_id(name)), name) for name in lines]}


def _sends(engine: Engine, name: str) -> bool:
    driver = engine.lines[name].driver
    return driver is not None and driver.capabilities.sends


def _may_send(engine: Engine, name: str) -> bool:
    """Return whether a line sends, as far as is known; whether it exists is for the services to say."""
    return name not in engine.lines or engine.lines[name].driver is None or _sends(engine, name)


class _Contacts:
    """The operations and the models that carry the configured fields."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = {f"field_{number}": name for number, name in enumerate(fields)}
        optional: dict[str, Any] = {
            key: (OptionalText, Field(None, alias=name, title=name, max_length=2000))
            for key, name in self._fields.items()
        }
        always: dict[str, Any] = {key: (str, Field("", alias=name)) for key, name in self._fields.items()}
        self.create = create_model("ContactCreate", __base__=EditParams, __doc__=EditParams.__doc__, **optional)
        self.edit = create_model("ContactEdit", __base__=self.create, __doc__=EditParams.__doc__, id=(Number, ...))
        self.reply = create_model("Contact", __base__=ContactReply, __doc__=ContactReply.__doc__, **always)
        entries: Any = (GenericAlias(tuple, (self.reply, ...)), ...)
        self.list = create_model("ContactList", __base__=Part, __doc__="Part of the contacts.", contacts=entries)

    def operations(self) -> tuple[Operation, ...]:
        edited = Display(title="Contact", template="contact.html", decorate=self._with_form, choices=line_choices)
        return (
            operation(
                "E22",
                "GET",
                "/contacts",
                name="contacts",
                params=ListParams,
                reply=self.list,
                display=Display(title="Contacts", template="contacts.html", decorate=self._with_empty_form),
            )(self._listing),
            operation(
                "A30",
                "POST",
                "/contacts",
                name="contacts/create",
                params=self.create,
                reply=self.reply,
                display=Display(
                    title="Add a contact", template="contact.html", decorate=self._with_form, choices=line_choices
                ),
            )(self._create),
            operation(
                "E23",
                "GET",
                "/contacts/{id}",
                name="contact",
                params=ContactParams,
                reply=self.reply,
                display=edited,
            )(self._show),
            operation(
                "E23",
                "POST",
                "/contacts/{id}",
                name="contact",
                params=self.edit,
                reply=self.reply,
                display=edited,
            )(self._edit),
            operation(
                "E24",
                "POST",
                "/contacts/{id}/delete",
                name="contacts/delete",
                params=ContactParams,
                reply=Deleted,
                display=Display(title="Delete the contact", template="contact_deleted.html"),
            )(_delete),
        )

    # --- handlers -----------------------------------------------------------------------------------------------------

    async def _listing(self, call: Call[ListParams]) -> Reply:
        """List the contacts, by name."""
        directory = call.engine.directory
        found = call.engine.store.people.contacts(to_query(call.params, CONTACT_FILTERS, CONTACT_ORDERS, directory))
        entries = tuple(self._shape(contact, directory) for contact in found.items)
        numbers = {"offset": found.offset, "count": len(entries), "total": found.total}
        return self.list.model_validate(numbers | {"contacts": entries})

    async def _show(self, call: Call[ContactParams]) -> ContactReply:
        """Show one contact."""
        contact = call.engine.store.people.contact(call.params.id)
        if contact is None:
            message = f"there is no contact {call.params.id}"
            raise NotFound(message)
        return self._shape(contact, call.engine.directory)

    async def _create(self, call: Call[EditParams]) -> ContactReply:
        """Add a contact."""
        contact = await call.engine.people.create_contact(call.user, self._wish(call, None))
        return self._shape(contact, call.engine.directory)

    async def _edit(self, call: Call[Any]) -> ContactReply:
        """Change a contact; what is not given stays as it is. The id 0 adds one (A30)."""
        if call.params.id == 0:
            return await self._create(call)
        before = call.engine.store.people.contact(call.params.id)
        contact = await call.engine.people.edit_contact(call.user, call.params.id, self._wish(call, before))
        return self._shape(contact, call.engine.directory)

    # --- shapes -------------------------------------------------------------------------------------------------------

    def _wish(self, call: Call[EditParams], before: Contact | None) -> ContactEdit:
        given = call.params
        line = _line(given.gateway, call.engine.directory)
        if line is not None and (before is None or before.line != line) and not _may_send(call.engine, line):
            raise Invalid("gateway", "is a line that only receives: nobody can be reached by it")
        values = {name: getattr(given, key) for key, name in self._fields.items()}
        fields = {name: value for name, value in values.items() if value is not None}
        return ContactEdit(given.name, line, given.address, fields)

    def _shape(self, contact: Contact, directory: Directory) -> ContactReply:
        fields = {name: contact.fields.get(name, "") for name in self._fields.values()}
        gateway = directory.line_id(contact.line)
        own = {"id": contact.id, "name": contact.name, "gateway": gateway, "address": contact.address}
        return self.reply.model_validate(own | fields)

    def _with_form(self, call: Call[Any], reply: ContactReply) -> Mapping[str, object]:
        values = {name.lower(): str(value) for name, value in reply.model_dump(by_alias=True).items()}
        line = call.engine.directory.line_named(reply.gateway) or ""
        choices = line_choices(call.engine)
        if all(number != str(reply.gateway) for number, _ in choices["gateway"]):
            choices = {"gateway": [(str(reply.gateway), line or "none"), *choices["gateway"]]}
        fields = form_fields(self.edit, values, choices)
        return {"fields": fields, "may_edit": _may_edit(call), "line": line, "extra": list(self._fields.values())}

    def _with_empty_form(self, call: Call[Any], reply: Any) -> Mapping[str, object]:  # noqa: ANN401 - the list of the site
        names = {contact.gateway: call.engine.directory.line_named(contact.gateway) or "" for contact in reply.contacts}
        fields = form_fields(self.create, {}, line_choices(call.engine))
        extra = list(self._fields.values())
        rows = [contact.model_dump(by_alias=True) for contact in reply.contacts]
        return {"fields": fields, "may_edit": _may_edit(call), "lines": names, "extra": extra, "rows": rows}


async def _delete(call: Call[ContactParams]) -> Deleted:
    """Delete a contact, unless something still uses it."""
    uses = await call.engine.people.delete_contact(call.user, call.params.id)
    found = tuple(InUse(name=use.name, type=use.type) for use in uses)
    return Deleted(id=call.params.id, status="in-use" if found else "success", in_use=found)


def _line(gateway: str | None, directory: Directory) -> str | None:
    """Return the line that a number, or a name, means. Raises Invalid."""
    if gateway is None:
        return None
    text = gateway.strip()
    number = line_number(text)
    if number is None:
        return text
    found = directory.line_named(number)
    if found is None:
        raise Invalid("gateway", f"there is no gateway {text}")
    return found


def _may_edit(call: Call[Any]) -> bool:
    return call.user.role is not Role.USER
