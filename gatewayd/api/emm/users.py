"""E25, E26 and E10: a user's properties, privileges and password."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, create_model, model_validator

from gatewayd.api.emm.loose import unfold
from gatewayd.api.fields import (
    Id,
    OptionalText,
    documented_names,
    none_if_blank,
)
from gatewayd.api.operation import Call, Display, Operation, Params, Reply, operation
from gatewayd.api.pages import form_fields
from gatewayd.engine.passwords import PasswordChange, change_password
from gatewayd.engine.people import UserEdit
from gatewayd.engine.sessions import LoginRefused
from gatewayd.errors import Invalid, NotAllowed
from gatewayd.model import Role

if TYPE_CHECKING:
    from gatewayd.api.operation import Choices
    from gatewayd.engine.engine import Engine
    from gatewayd.model import User

ROLE_WORDS = ((Role.USER, "User"), (Role.OPERATOR, "Operator"), (Role.ADMIN, "Admin"))


def parse_role(value: object) -> object:
    """Accept a role in any case, or nothing."""
    word = none_if_blank(value)
    if word is None:
        return None
    try:
        return Role(str(word).strip().lower())
    except ValueError:
        raise ValueError("has to be user, operator or admin") from None


class UserParams(Params):
    """Whose properties."""

    userid: Id


class UserEditParams(Params):
    """What to change; all of it may stand in `settings`, as JSON object or as text."""

    closed = True

    userid: Id
    full_name: OptionalText = Field(None, title="Full name", max_length=200)
    role: Annotated[Role | None, BeforeValidator(parse_role)] = Field(
        None, title="Role", json_schema_extra={"widget": "select"}
    )
    settings: Any = Field(None, json_schema_extra={"widget": "none"})

    @model_validator(mode="before")
    @classmethod
    def _unpack(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put what stands in `settings` beside what stands outside; id and name may come along, they say nothing."""
        return unfold(values, "settings", documented_names(cls), silent=("id", "name"))


class UserReply(Reply):
    """A user's properties; the settings of the site stand beside these."""

    id: int
    name: str
    full_name: str
    role: Role


class PasswordParams(Params):
    """A new password; `old_password` where the box asks for it, and always from a browser's session."""

    userid: Id
    old_password: OptionalText = Field(
        None, title="Present password", max_length=2000, json_schema_extra={"widget": "password"}
    )
    password: OptionalText = Field(
        None, alias="Password", title="New password", max_length=2000, json_schema_extra={"widget": "new-password"}
    )

    def __repr__(self) -> str:
        return f"PasswordParams({self.userid})"


class PasswordReply(Reply):
    """1: changed; 0: refused, for the reason given (A27)."""

    status: int
    description: str = Field("", exclude_if=lambda value: not value)


def user_operations(settings: tuple[str, ...], *, ask_old_password: bool) -> tuple[Operation, ...]:
    """Return the operations on users, for a site with these settings."""
    return _Users(settings, ask_old_password=ask_old_password).operations()


def role_choices(engine: Engine) -> Choices:
    """Return the roles."""
    del engine
    return {"role": [(role.value, word) for role, word in ROLE_WORDS]}


class _Users:
    """The operations and the models that carry the configured settings."""

    def __init__(self, settings: tuple[str, ...], *, ask_old_password: bool) -> None:
        self._ask_old_password = ask_old_password
        self._settings = {f"setting_{number}": name for number, name in enumerate(settings)}
        optional: dict[str, Any] = {
            key: (OptionalText, Field(None, alias=name, title=name, max_length=2000))
            for key, name in self._settings.items()
        }
        always: dict[str, Any] = {key: (str, Field("", alias=name)) for key, name in self._settings.items()}
        self.edit = create_model("UserEdit", __base__=UserEditParams, __doc__=UserEditParams.__doc__, **optional)
        self.reply = create_model("User", __base__=UserReply, __doc__=UserReply.__doc__, **always)

    def operations(self) -> tuple[Operation, ...]:
        display = Display(title="Properties", template="user.html", decorate=self._with_form, choices=role_choices)
        return (
            operation(
                "E25", "GET", "/users/{userid}", name="user", params=UserParams, reply=self.reply, display=display
            )(self._show),
            operation(
                "E26", "POST", "/users/{userid}", name="user", params=self.edit, reply=self.reply, display=display
            )(self._edit),
            operation(
                "E10",
                "POST",
                "/users/{userid}/password",
                name="password",
                params=PasswordParams,
                reply=PasswordReply,
                display=Display(title="Change the password", template="password.html"),
            )(self._password),
        )

    async def _show(self, call: Call[UserParams]) -> UserReply:
        """Show a user's properties."""
        return self._shape(call.engine.people.user(call.user, call.params.userid))

    async def _edit(self, call: Call[UserEditParams]) -> UserReply:
        """Change a user's properties; what is not given stays as it is. Roles are set by admins."""
        given = call.params
        values = {name: getattr(given, key) for key, name in self._settings.items()}
        settings = {name: value for name, value in values.items() if value is not None}
        edit = UserEdit(given.full_name, given.role, settings)
        return self._shape(await call.engine.people.edit_user(call.user, given.userid, edit))

    async def _password(self, call: Call[PasswordParams]) -> PasswordReply:
        """Set a new password; every other session of the user ends."""
        given, caller = call.params, call.caller
        if given.userid != call.user.id:
            raise NotAllowed("a password is set by its owner")
        if given.password is None:
            raise Invalid("Password", "is missing")
        if not given.old_password and (self._ask_old_password or caller.by_cookie):
            raise Invalid("old_password", "is missing")
        wish = PasswordChange(call.user, given.password, given.old_password or None, caller.secret, caller.address)
        try:
            reason = await change_password(call.engine.people, call.sessions, wish)
        except LoginRefused as refused:
            reason = refused.refusal.reason
        return PasswordReply(status=0 if reason else 1, description=reason)

    def _shape(self, user: User) -> UserReply:
        settings = {name: user.settings.get(name, "") for name in self._settings.values()}
        own = {"id": user.id, "name": user.name, "full_name": user.full_name, "role": user.role}
        return self.reply.model_validate(own | settings)

    def _with_form(self, call: Call[Any], reply: UserReply) -> Mapping[str, object]:
        values = {name.lower(): str(value) for name, value in reply.model_dump(by_alias=True).items()}
        fields = form_fields(self.edit, values, role_choices(call.engine))
        if call.user.role is not Role.ADMIN:
            fields = [one for one in fields if one.name != "role"]
        return {"fields": fields, "own": reply.id == call.user.id}
