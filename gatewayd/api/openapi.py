"""The description of the API (OpenAPI 3.1), made from the declarations that serve it, and a page that shows it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict
from pydantic.json_schema import models_json_schema

from gatewayd import __version__
from gatewayd.api.emm.tokens import NoParams
from gatewayd.api.operation import Call, Display, Operation, Reply, operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaMode

REFERENCE = "#/components/schemas/{model}"
JSON_TYPE, HTML_TYPE = "application/json", "text/html"
FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
OWN_KEYS = frozenset({"widget"})  # what our forms know beside JSON Schema
SELF = {"anyOf": [{"const": "self"}, {"type": "integer", "minimum": 1}]}
FORMAT = {
    "name": "f",
    "in": "query",
    "description": "How to answer.",
    "schema": {"enum": ["html", "json"], "default": "html"},
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key is answered the same for a day and sends nothing more.",
    "schema": {"type": "string", "maxLength": 255, "pattern": "^[ -~]*$"},
}
ERROR = {
    "type": "object",
    "description": "What went wrong; the header X-Error-Code has a short name for programs.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"api": {"type": "string"}, "description": {"type": "string"}},
            "required": ["api", "description"],
        }
    },
    "required": ["error"],
}
FAILURES = {
    "400": "The request is wrong (the reason names the field), or the state forbids it.",
    "403": "No token, a wrong or an expired one; or not allowed.",
    "404": "There is no such path or thing.",
    "405": "The path has another method.",
    "408": "The body was too slow.",
    "413": "The body is too large.",
    "507": "The change is not on disk: repeat it. X-Error-Code tells whether it has taken effect (not-durable).",
    "default": "Anything else that failed.",
}
SAFE_FAILURES = ("400", "403", "404", "default")
Json = dict[str, Any]


class Document(Reply):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow", frozen=True)

    openapi: str


class _Description:
    """The document and what its page shows of it, made when somebody asks for the first time.

    Making it takes 50 ms, which neither the start nor the alarms of a running box have to wait for.
    """

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._operations = operations
        self._made: tuple[Document, list[Json]] | None = None

    async def document(self, call: Call[NoParams]) -> Document:
        """Describe every operation, for programs."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made[0].model_copy(update={"servers": [{"url": call.base}]})

    def shown(self, call: Call[NoParams], reply: Document) -> Mapping[str, object]:
        """Return what the page shows beside the document."""
        del call, reply
        return {"shown": self._made[1] if self._made is not None else []}

    def _make(self) -> tuple[Document, list[Json]]:
        content = describe_api(self._operations)
        return Document.model_validate(content), list(summaries(self._operations, content))


def documentation(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Return the operations that describe `operations`."""
    described = _Description(operations)
    page = Display(title="Description of the interface", template="docs.html", decorate=described.shown)
    declare = partial(operation, name="openapi", params=NoParams, reply=Document, display=page, public=True)
    return (
        declare("openapi", "GET", "/openapi.json", always_json=True)(described.document),
        declare("docs", "GET", "/docs")(described.document),
    )


def describe_api(operations: Iterable[Operation]) -> Json:
    """Return the OpenAPI document of some operations."""
    listed = list(operations)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    for one in listed:
        models += [(one.params, "validation"), (one.reply, "serialization")]
    references, schemas = models_json_schema(list(dict.fromkeys(models)), by_alias=True, ref_template=REFERENCE)
    components = _named(schemas.get("$defs", {}))
    paths: dict[str, Json] = {}
    for one in listed:
        parameters = _resolved(references[one.params, "validation"], components)
        for method in one.methods:
            described = _operation(one, method, parameters, references[one.reply, "serialization"])
            paths.setdefault(one.path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gatewayd",
            "version": __version__,
            "description": "Alarms, messages and people of one gateway.",
        },
        "servers": [{"url": "/api"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, method: str, parameters: Json, reply: Json) -> Json:
    in_path = [name for name in parameters["properties"] if f"{{{name}}}" in one.path]
    rest = {name: schema for name, schema in parameters["properties"].items() if name not in in_path}
    required = [name for name in parameters.get("required", ()) if name in rest]
    described: Json = {
        "operationId": f"{one.id}_{method.lower()}",
        "summary": one.title,
        "description": one.summary,
        "parameters": [_parameter(name, "path", parameters["properties"][name], required=True) for name in in_path],
        "responses": _responses(one, method, reply),
    }
    described["parameters"].append(FORMAT)
    if method == "GET":
        described["parameters"] += [_parameter(name, "query", rest[name], required=name in required) for name in rest]
    elif rest:
        schema = {"type": "object", "properties": rest} | ({"required": required} if required else {})
        content = {kind: {"schema": schema} for kind in FORMS}
        described["requestBody"] = {"required": bool(required), "content": content}
    if one.id == "E07":
        described["parameters"].append(KEY)
    if one.public:
        described["security"] = []
    return described


def _parameter(name: str, where: str, schema: Json, *, required: bool) -> Json:
    shown = SELF if name == "userid" else schema
    title = schema.get("title", name)
    return {"name": name, "in": where, "required": required, "description": title, "schema": shown}


def _responses(one: Operation, method: str, reply: Json) -> Json:
    error = {"$ref": REFERENCE.format(model="Error")}
    good = {"anyOf": [reply, error]} if one.id == "E01" else reply
    failures = FAILURES if method != "GET" else {code: FAILURES[code] for code in SAFE_FAILURES}
    page = {} if one.always_json else {HTML_TYPE: {"schema": {"type": "string"}}}
    return {
        "200": {"description": one.reply.__doc__ or "", "content": {JSON_TYPE: {"schema": good}, **page}},
        **{
            code: {
                "description": text,
                "content": {JSON_TYPE: {"schema": error}, HTML_TYPE: {"schema": {"type": "string"}}},
            }
            for code, text in failures.items()
        },
    }


def _resolved(reference: Json, components: Json) -> Json:
    """Return the schema that a reference of the top level means."""
    name = str(reference["$ref"]).rpartition("/")[2]
    found: Json = components[name]
    return {"properties": {}, **found}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema without the keys that only our forms know."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in OWN_KEYS}
        return {key: _named(item) if key == "properties" else _plain(item) for key, item in kept.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _named(schemas: Mapping[str, Any]) -> Json:
    """Return schemas by name; a field of the site may be called like one of those keys."""
    return {name: _plain(schema) for name, schema in schemas.items()}


def summaries(operations: Iterable[Operation], document: Mapping[str, Any]) -> Iterator[Json]:
    """Yield what the page shows of each operation: its parameters and the keys of its answer."""
    for one in operations:
        for method in one.methods:
            described = document["paths"][one.path][method.lower()]
            body = described.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {}).get("schema", {})
            given = [
                (each["name"], each["in"], each["required"], _word(each["schema"]))
                for each in described["parameters"]
                if "required" in each
            ]
            given += [
                (name, "body", name in body.get("required", ()), _word(schema))
                for name, schema in body.get("properties", {}).items()
            ]
            answer = one.reply.model_json_schema(by_alias=True, mode="serialization")
            keys = [(name, _word(schema)) for name, schema in answer.get("properties", {}).items()]
            yield {
                "id": one.id,
                "anchor": described["operationId"],
                "method": method,
                "path": one.path,
                "title": one.title,
                "summary": one.summary,
                "parameters": given,
                "keys": keys,
            }


def _word(schema: Mapping[str, Any]) -> str:
    """Return what a schema is, in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_word(one) for one in schema["anyOf"] if one.get("type") != "null"))
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_word(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
