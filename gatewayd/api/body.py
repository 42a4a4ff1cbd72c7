"""Parameters as they arrive: query, form, multipart or JSON, merged, with names in lower case (A01, A02)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from aiohttp import HttpVersion11, web

from gatewayd.api.errors import BodyTooLarge, BodyTooSlow
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_FIELDS = 200  # parameters in one request; the largest form here has a dozen
AT_ONCE = 65536  # bytes of a body that need no further look at its limit
USUAL_QUERY = "f=json"  # of every program
FORM = "application/x-www-form-urlencoded"
BYTE_ORDER_MARK = "\ufeff"
MULTIPART = "multipart/form-data"
_DISPOSITION = re.compile(rb'content-disposition:[^\r\n]*?[;\s]name="([^"\r\n]*)"', re.IGNORECASE)
_FILE = re.compile(rb"content-disposition:[^\r\n]*?[;\s]filename\*?=", re.IGNORECASE)

Values = dict[str, Any]


async def add_body(request: web.BaseRequest, query: Values, timeout: float) -> Values:  # noqa: ASYNC109 - for the whole body
    """Add the body's parameters; the body wins except for `f`. Raises Invalid, BodyTooLarge, BodyTooSlow."""
    values = dict(query)
    if request.can_read_body:
        body = _parse(await _read(request, timeout), request.headers.get("Content-Type", ""))
        if "f" in values and "f" in body:
            body["f"] = values["f"]
        values |= body
    return values


def from_query(query: str) -> Values:
    """Return the parameters of a query. Raises Invalid."""
    if query == USUAL_QUERY:
        return {"f": "json"}
    return _merge(_pairs(query, "query")) if query else {}


async def _read(request: web.BaseRequest, timeout: float) -> bytes:  # noqa: ASYNC109
    content = request.content
    if content.is_eof() and content.exception() is None and content.total_bytes <= AT_ONCE:
        return content.read_nowait()  # it came along with the headers: there is nothing to wait for
    try:
        async with asyncio.timeout(timeout):
            await _let_come(request)
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge("the body is too large") from None
    except TimeoutError:
        raise BodyTooSlow("the body did not arrive in time") from None
    except web.RequestPayloadError:
        raise Invalid("body", "is broken: its length or its encoding is wrong") from None
    except ConnectionError:
        raise Invalid("body", "is incomplete: the connection was lost") from None  # nobody is there to read it


async def _let_come(request: web.BaseRequest) -> None:
    """Tell a client that asked first (RFC 9110, 10.1.1) to send its body."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _parse(body: bytes, header: str) -> Values:
    if not body.strip():
        return {}
    content_type = header.partition(";")[0].strip().lower()
    if content_type == "application/json" or content_type.endswith("+json"):
        return _merge(_from_json(body).items())
    if content_type == MULTIPART:
        return _merge(_parts(body, header))
    if content_type in (FORM, ""):
        return _merge(_pairs(_decode(body), "body"))
    raise Invalid("Content-Type", f"has to be application/json, {FORM} or {MULTIPART}")


def _from_json(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(_decode(body), parse_constant=_no_constant)
    except RecursionError:
        raise Invalid("body", "is not usable JSON: it is nested too deeply") from None
    except ValueError as error:
        where = (
            f"{error.msg} at line {error.lineno} column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else error
        )
        raise Invalid("body", f"is not valid JSON: {where}") from None
    if not isinstance(content, dict):
        raise Invalid("body", "has to be a JSON object")
    return content


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON value"
    raise ValueError(message)


def _pairs(text: str, where: str) -> list[tuple[str, str]]:
    """Split what a form sends (URL Standard, 5.1); a name without a value has an empty one."""
    if text.count("&") >= MOST_FIELDS:
        raise Invalid(where, f"has more than {MOST_FIELDS} fields")
    try:
        text = text.replace("+", " ")
        return [_pair(part) for part in text.split("&") if part]
    except UnicodeDecodeError:
        raise Invalid(where, "is not UTF-8") from None


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return (unquote(name, errors="strict"), unquote(value, errors="strict")) if "%" in part else (name, value)


def _parts(body: bytes, header: str) -> list[tuple[str, str]]:
    """Split a multipart form (RFC 7578). Files have no use here and are refused."""
    boundary = re.search(r'boundary="?([^";,\s]{1,70})', header, re.IGNORECASE)
    if boundary is None:
        raise Invalid("Content-Type", "has no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode("ascii", "replace"), MOST_FIELDS + 2)
    if len(pieces) > MOST_FIELDS + 1:
        raise Invalid("body", f"has more than {MOST_FIELDS} fields")
    return [_part(piece) for piece in pieces[1:] if not piece.startswith(b"--")]


def _part(piece: bytes) -> tuple[str, str]:
    head, separator, content = piece.partition(b"\r\n\r\n")
    name = _DISPOSITION.search(head)
    if not separator or name is None:
        raise Invalid("body", "has a part without a name")
    if _FILE.search(head):
        raise Invalid(_decode(name.group(1)), "is a file; send its value as a plain field")
    return _decode(name.group(1)), _decode(content)


def _decode(data: bytes) -> str:
    try:
        return data.decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        raise Invalid("body", "is not UTF-8") from None


def _merge(pairs: Iterable[tuple[str, Any]]) -> Values:
    """Put names in lower case and check texts; a name that came more than once has the list of its values."""
    values: Values = {}
    again: dict[str, list[Any]] = {}
    for given, value in pairs:
        check_text(given[:40], value)
        name = given.lower()
        if name not in values:
            values[name] = value
        elif name in again:
            again[name].append(value)
        else:
            again[name] = [values[name], value]
    return values | again if again else values


def check_text(name: str, value: object) -> None:
    """Refuse what neither SQLite nor a device can hold: NUL and lone surrogates, at any depth. Raises Invalid."""
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)):
            raise Invalid(name, "contains a character that is not text")
    elif isinstance(value, list):
        for item in value:
            check_text(name, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(name, key)
            check_text(name, item)
