from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr

from gatewayd.shape import Annotation, Path, Value, is_container, is_secret, is_text, keys_at, walk


class Account(BaseModel):
    password: SecretStr | None = None


class Phones(BaseModel):
    port: Annotated[str, Field(min_length=1)]
    accounts: dict[str, Account] = {}
    spare: list[Account] | None = None
    hosts: tuple[str, ...] = ()


def secrets_in(data: dict[str, Any]) -> list[Path]:
    found: list[Path] = []

    def visit(annotation: Annotation, value: Value, path: Path) -> Value:
        if is_secret(annotation):
            found.append(path)
        return value

    walk(Phones, data, visit)
    return found


def test_secrets_are_found_in_tables_and_lists() -> None:
    data = {"accounts": {"2001": {"password": "x"}}, "spare": [{"password": "y"}]}
    assert secrets_in(data) == [("accounts", "2001", "password"), ("spare", 0, "password")]


def test_unknown_keys_are_left_alone() -> None:
    data = {"accounts": {"2001": {"pasword": "x"}}, "what": [1, {"a": 2}]}
    assert secrets_in(data) == []
    assert walk(Phones, data, lambda _annotation, value, _path: value) == data


def test_data_of_the_wrong_shape_is_left_for_validation_to_refuse() -> None:
    data = {"accounts": ["x"], "spare": {"password": "y"}, "hosts": 3}
    assert walk(Phones, data, lambda _annotation, value, _path: value) == data


def test_the_visitor_replaces_values_and_the_original_stays() -> None:
    data = {"port": "a", "hosts": ["b"]}
    result = walk(Phones, data, lambda annotation, value, _path: value.upper() if is_text(annotation) else value)
    assert result == {"port": "A", "hosts": ["B"]}
    assert data == {"port": "a", "hosts": ["b"]}


def test_the_keys_of_every_table_are_known() -> None:
    assert keys_at(Phones, ()) == ["port", "accounts", "spare", "hosts"]
    assert keys_at(Phones, ("accounts", "2001")) == ["password"]
    assert keys_at(Phones, ("spare", 0)) == ["password"]
    assert keys_at(Phones, ("nothing", "here")) == []


def test_containers_are_told_from_plain_values() -> None:
    fields = Phones.model_fields
    assert [name for name in fields if is_container(fields[name].annotation)] == ["accounts", "spare", "hosts"]
