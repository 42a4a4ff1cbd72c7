"""An operation of the API, declared once: the wrapper, the html forms and the documentation all come from here."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from dataclasses import dataclass

    from gatewayd.engine.engine import Engine
    from gatewayd.engine.sessions import Sessions
    from gatewayd.model import User

    Choices = Mapping[str, Sequence[tuple[str, str]]]  # the values of a field and what people read instead
    ChoicesOf = Callable[[Engine], Choices]
    Decorate = Callable[["Call[Any]", Any], Mapping[str, object]]
else:
    from gatewayd.values import dataclass


class Params(BaseModel):
    """Base of what operations take; a field's alias is its documented name, matched without case.

    Names that are not documented are ignored, except with `closed`: then they are refused.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    closed: ClassVar[bool] = False


class Reply(BaseModel):
    """Base of what operations return; the alias of a field is its name on the wire."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)


ParamsT = TypeVar("ParamsT", bound=Params)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `secret` is the token shown (empty on public operations); `by_cookie`: a browser sent it by itself."""

    user: User
    secret: str
    by_cookie: bool
    address: str
    client: str

    def __repr__(self) -> str:
        return f"Caller({self.user.name!r}, by_cookie={self.by_cookie})"


@dataclass(frozen=True, slots=True)
class Call(Generic[ParamsT]):
    """One request, as a handler sees it.

    `key` is the Idempotency-Key of the request; `only_looks`: nobody keeps the answer, so it must take nothing away.
    `base` is the path to the API as it was asked for (`/api`, `/ward7/api`).
    What a handler puts into `headers` goes out with the answer; what it puts into `afterwards` is done once the answer
    was written to the connection.
    """

    engine: Engine
    sessions: Sessions
    caller: Caller
    params: ParamsT
    key: str = ""
    only_looks: bool = False
    base: str = "/api"
    headers: dict[str, str] = field(default_factory=dict)
    afterwards: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    @property
    def user(self) -> User:
        """Return who asks."""
        return self.caller.user

    @property
    def wall(self) -> float:
        """Return the wall clock in seconds since the epoch."""
        return self.engine.clock.wall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the wrapper knows of an operation.

    `path` begins after `/api`; `{name}` stands for one segment. Authentication is on unless `public` is set. `decorate`
    adds what only the html page shows, `choices` are what its form offers for a field. `changes`: a GET has an effect
    too, so a browser's own GET gets the form. `ends_session`: the browser forgets its cookie. `always_json`: what is
    asked for has no html form, its page is another operation.
    """

    id: str
    name: str
    methods: tuple[str, ...]
    path: str
    params: type[Params]
    reply: type[Reply]
    handler: Callable[[Call[Any]], Awaitable[Reply]]
    title: str
    summary: str
    template: str = "result.html"
    public: bool = False
    changes: bool = False
    ends_session: bool = False
    always_json: bool = False
    decorate: Decorate | None = None
    choices: ChoicesOf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """How the html twin of an operation looks."""

    title: str
    template: str = "result.html"
    decorate: Decorate | None = None
    choices: ChoicesOf | None = None


def operation(  # noqa: PLR0913 - a declaration: everything is named at the place of use
    identifier: str,
    methods: str,
    path: str,
    *,
    name: str,
    params: type[ParamsT],
    reply: type[Reply],
    display: Display,
    public: bool = False,
    changes: bool = False,
    ends_session: bool = False,
    always_json: bool = False,
) -> Callable[[Callable[[Call[ParamsT]], Awaitable[Reply]]], Operation]:
    """Declare the handler below as an operation; `methods` are separated by blanks."""

    def declare(handler: Callable[[Call[ParamsT]], Awaitable[Reply]]) -> Operation:
        return Operation(
            id=identifier,
            name=name,
            methods=tuple(methods.split()),
            path=path,
            params=params,
            reply=reply,
            handler=handler,
            title=display.title,
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
            template=display.template,
            public=public,
            changes=changes,
            ends_session=ends_session,
            always_json=always_json,
            decorate=display.decorate,
            choices=display.choices,
        )

    return declare
