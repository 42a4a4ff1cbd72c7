"""E01 and E02: begin and end a session."""

from __future__ import annotations

from pydantic import Field

from gatewayd.api.fields import Text  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.engine.sessions import Login, LoginRefused, Refusal
from gatewayd.errors import Invalid


class Credentials(Params):
    """Who logs in; `next` is the page that a browser wants to see afterwards."""

    username: Text = Field("", title="User name", max_length=200)
    password: Text = Field("", title="Password", max_length=2000, json_schema_extra={"widget": "password"})
    next: Text = Field("", max_length=2000, json_schema_extra={"widget": "hidden"})

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"


class NoParams(Params):
    """Nothing is asked for."""


class LoginForm(Reply):
    """GET of E01 has nothing to say to programs but what to do."""

    error: dict[str, str]


class TokenReply(Reply):
    """The token, once."""

    token: str


class Released(Reply):
    """1: the session is over (A07)."""

    status: int


@operation(
    "E01",
    "GET",
    "/tokens/generatetoken",
    name="generatetoken",
    params=Credentials,
    reply=LoginForm,
    display=Display(title="Sign in", template="login.html"),
    public=True,
)
async def generatetoken_form(call: Call[Credentials]) -> LoginForm:
    """Show the form that a session begins with."""
    if call.params.username or call.params.password:
        raise Invalid("password", "does not belong into a URL, where logs and histories keep it: use POST")
    return LoginForm(error={"api": "generatetoken", "description": "send username and password by POST"})


@operation(
    "E01",
    "POST",
    "/tokens/generatetoken",
    name="generatetoken",
    params=Credentials,
    reply=TokenReply,
    display=Display(title="Signed in", template="signed_in.html"),
    public=True,
)
async def generatetoken(call: Call[Credentials]) -> TokenReply:
    """Begin a session with a user name and a password."""
    who, given = call.caller, call.params
    if not given.username or not given.password:
        raise LoginRefused(Refusal.CREDENTIALS)
    token = await call.sessions.login(Login(given.username, given.password, who.address, who.client))
    return TokenReply(token=token)


@operation(
    "E02",
    "GET POST",
    "/tokens/releaseToken",
    name="releaseToken",
    params=NoParams,
    reply=Released,
    display=Display(title="Sign out", template="signed_out.html"),
    changes=True,
    ends_session=True,
)
async def release_token(call: Call[NoParams]) -> Released:
    """End the session of the token shown."""
    await call.sessions.release(call.caller.secret)
    return Released(status=1)
