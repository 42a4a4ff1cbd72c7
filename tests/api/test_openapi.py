"""The description of the API: sound in itself, complete, and true to what is served."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.app import operations
from gatewayd.api.openapi import describe_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.conftest import Gateway, Person

METHODS = {"get", "post"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return describe_api(operations(ApiOptions(contact_fields=("Room",), user_settings=("language",))))


def each(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_description_has_the_shape_of_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= document["info"].keys()
    identifiers = [described["operationId"] for _, _, described in each(document)]
    assert len(identifiers) == len(set(identifiers)) == 33
    for path, method, described in each(document):
        assert method in METHODS
        in_path = {one["name"] for one in described["parameters"] if one["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert all(one["required"] for one in described["parameters"] if one["in"] == "path")
        assert all("schema" in one for one in described["parameters"])
        assert "200" in described["responses"]
        assert all(response["description"] for response in described["responses"].values())
        assert ("requestBody" in described) <= (method == "post")
        names = [(one["in"], one["name"]) for one in described["parameters"]]
        assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_what_only_the_login_may_do_without_a_token_is_marked(document: dict[str, Any]) -> None:
    public = {path for path, _, described in each(document) if described.get("security") == []}
    assert public == {"/tokens/generatetoken"}


def test_fields_of_the_site_and_quirks_of_the_document_are_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "Room" in schemas["Contact"]["properties"]
    assert "language" in schemas["User"]["properties"]
    assert "alarm-name " in schemas["AlarmReply"]["properties"]
    assert "alarm_id" not in schemas["Event"]["properties"]  # what only pages know
    assert "widget" not in json.dumps(document)


def test_a_field_of_the_site_is_described_whatever_its_name() -> None:
    document = describe_api(operations(ApiOptions(contact_fields=("widget", "properties"), user_settings=("widget",))))
    schemas = document["components"]["schemas"]
    assert {"widget", "properties"} <= schemas["Contact"]["properties"].keys()
    assert "widget" in schemas["User"]["properties"]
    body = document["paths"]["/contacts"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["gateway"]["title"] == "Gateway"
    assert "widget" not in body["properties"]["gateway"]


async def test_the_description_is_served_as_json_whatever_is_asked_for(gateway: Gateway, stranger: Person) -> None:
    for path in ("/api/openapi.json", "/Ward7/api/openapi.json?f=html"):
        answer = await stranger.ask("GET", path, headers={"Accept": "text/html"})
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json["paths"].keys() == describe_api(operations(ApiOptions()))["paths"].keys()
    assert gateway.engine.lines


async def test_a_page_shows_the_description_without_a_script(stranger: Person) -> None:
    page = await stranger.page("/api/docs")
    assert page.status == 200
    assert "GET /contacts" in page.text
    assert "<script" not in page.text
    for operation in operations(ApiOptions()):
        assert operation.path in page.text


async def test_everything_that_is_described_answers(admin: Person, document: dict[str, Any]) -> None:
    for path, method, _ in each(document):
        if "releaseToken" in path:
            continue
        filled = re.sub(r"{\w+}", "1", path.replace("{userid}", "self"))
        answer = await admin.ask(method.upper(), f"/api{filled}?f=json")
        assert answer.status in {200, 400, 404}, (method, path, answer.text)


async def test_the_description_names_the_path_by_which_it_was_asked_for(gateway: Gateway, stranger: Person) -> None:
    del gateway
    for base in ("/ward7/api", "/api", "/Ward7/api"):
        assert (await stranger.get(f"{base}/openapi.json")).json["servers"] == [{"url": base}]
