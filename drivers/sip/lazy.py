"""A property that is computed once, without the lock that `functools.cached_property` takes on Python 3.11."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

ValueT = TypeVar("ValueT")


class lazy(Generic[ValueT]):  # noqa: N801 - used like a keyword, as `property` is
    """Compute at the first look and keep the value in the instance, also of a frozen dataclass without slots."""

    def __init__(self, compute: Callable[[Any], ValueT]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type | None = None) -> ValueT: ...

    def __get__(self, owner: object | None, kind: type | None = None) -> Self | ValueT:
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._compute(owner)
        return value
