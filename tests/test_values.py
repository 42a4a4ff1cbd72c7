"""Values are as the standard library's frozen dataclasses in everything but the cost and the lock at run time."""

from __future__ import annotations

import dataclasses

import pytest

from gatewayd import values
from gatewayd.model import Contact, Message, MessageKind, Priority

MESSAGE = Message(1, "ROOM 12", Priority.HIGH, 1.0, MessageKind.USER, 1)


def test_equal_fields_are_equal_values_with_one_hash() -> None:
    same = dataclasses.replace(MESSAGE)
    assert same == MESSAGE
    assert len({same, MESSAGE, dataclasses.replace(MESSAGE, text="ROOM 13")}) == 2


def test_there_are_no_fields_beside_the_declared_ones() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(MESSAGE, "colour", "red")


def test_defaults_order_and_names_are_those_of_the_declaration() -> None:
    assert [field.name for field in dataclasses.fields(Contact)][:4] == ["id", "name", "line", "address"]
    with pytest.raises(TypeError):
        Contact()  # type: ignore[call-arg]


def test_what_is_not_frozen_has_no_hash() -> None:
    @values.dataclass(slots=True)
    class Mutable:
        number: int = 0

    with pytest.raises(TypeError):
        hash(Mutable())
