"""Who asks: the bearer token of programs, the cookie of browsers, and what protects the cookie from other pages."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from gatewayd.api.operation import Caller
from gatewayd.errors import NotAllowed, Unauthenticated
from gatewayd.model import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from gatewayd.engine.sessions import Sessions

COOKIE = "gatewayd_session"
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
BEARER = "bearer"
SAFE_METHODS = frozenset({"GET", "HEAD"})
SAME_SITE = frozenset({"same-origin", "none"})
NOBODY = User(0, "")


def identify(request: web.BaseRequest, sessions: Sessions, address: str, *, public: bool) -> Caller:
    """Return who asks from an address; nobody on a public operation. Raises Unauthenticated."""
    client = _printable(request.headers.get("User-Agent", ""))
    if public:
        return Caller(NOBODY, "", by_cookie=False, address=address, client=client)
    secret, by_cookie = _shown(request)
    if not secret:
        raise Unauthenticated("no token was shown")
    return Caller(sessions.resolve(secret), secret, by_cookie, address, client)


def cookie_user(request: web.BaseRequest, sessions: Sessions, address: str) -> Caller | None:
    """Return whose browser this is, for pages that anybody may see."""
    try:
        return identify(request, sessions, address, public=False)
    except Unauthenticated:
        return None


def _shown(request: web.BaseRequest) -> tuple[str, bool]:
    """Return the token and whether a cookie brought it; an Authorization header always counts first."""
    header = request.headers.get("Authorization")
    if header is None:
        return request.cookies.get(COOKIE, ""), True
    scheme, _, secret = header.strip().partition(" ")
    return (secret.strip() if scheme.lower() == BEARER else ""), False


def form_token(secret: str) -> str:
    """Return what forms of this session carry: provably ours, and no way back to the token."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"form", hashlib.sha256).hexdigest()


def check_origin(request: web.BaseRequest, *, required: bool) -> None:
    """Refuse what another page, or another port of this host, makes a browser send. Raises NotAllowed."""
    if request.headers.get("Sec-Fetch-Site", "none").lower() not in SAME_SITE:
        raise NotAllowed("the request comes from another site")
    origin = request.headers.get("Origin")
    if origin is None:
        if required:
            raise NotAllowed("a browser's session may only be used by this site's own pages (Origin is missing)")
        return
    if origin.lower().partition("://")[2] != request.headers.get("Host", "").lower():
        raise NotAllowed("the request comes from another site, or through a proxy that does not hand on its Host")


def check_form(request: web.BaseRequest, caller: Caller, values: Mapping[str, Any]) -> None:
    """Refuse an unsafe request that a cookie authenticates unless one of our own forms sent it. Raises NotAllowed."""
    if not caller.by_cookie or request.method in SAFE_METHODS:
        return
    check_origin(request, required=True)
    given = values.get(FORM_TOKEN)
    shown = given if isinstance(given, str) else ""
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), form_token(caller.secret).encode()):
        raise NotAllowed("the form is not one of this session: open the page again")


def _printable(text: str) -> str:
    text = text[:100]
    return text if text.isprintable() else "".join(char for char in text if char.isprintable())
