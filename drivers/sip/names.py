"""Under which address each user was paged: an answer is reported under the same, so that it finds its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "paged/"
# Users that are kept; a site has fewer. Those beyond are known under their plain names.
MAX_NAMES = 5_000


class Names:
    """Remembers the address of each user's last page. Changes are to be saved; losing one costs an answer its page."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        """Take over what was saved."""
        self._addresses = {
            key.removeprefix(_PREFIX): str(address) for key, address in remembered.items() if key.startswith(_PREFIX)
        }

    def paged(self, user: str, address: str) -> dict[str, Any]:
        """Note a page; return what has to be saved, mostly nothing."""
        if self._addresses.get(user) == address or (user not in self._addresses and len(self._addresses) >= MAX_NAMES):
            return {}
        self._addresses[user] = address
        return {_PREFIX + user: address}

    def was_paged(self, user: str) -> bool:
        """Return whether this user ever got a page."""
        return user in self._addresses

    def address_of(self, user: str) -> str:
        """Return the address under which the user's pages go out."""
        return self._addresses.get(user, user)
