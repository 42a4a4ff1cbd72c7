"""What devices turned out not to take, so that the next page does not ask again; also after a restart."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.sip.profiles import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.sip.attempt import Target

_PREFIX = "habits/"
# Devices whose habits are kept in mind; a site has fewer.
MAX_HABITS = 2_000
# Seconds after which a device that knew no MESSAGE is asked again: somebody may have switched it on there.
REFUSAL_LIFETIME = 86_400.0


@dataclass(frozen=True, slots=True)
class Habit:
    """What is known of a device: the form that it came to, and until when it counts as knowing no MESSAGE."""

    form: Form | None = None
    refuses_until: float = 0.0


class Habits:
    """By user and make of device (`Target.model`). `learned(changes)` takes what has to be saved."""

    def __init__(self, learned: Callable[[dict[str, Any]], None]) -> None:
        self._known: OrderedDict[str, Habit] = OrderedDict()
        self._learned = learned

    def restore(self, remembered: Mapping[str, Any]) -> None:
        """Take over what was saved; what cannot be read is found out again."""
        forms = {form.name: form for form in Form}
        for key, saved in remembered.items():
            if key.startswith(_PREFIX) and isinstance(saved, dict) and len(self._known) < MAX_HABITS:
                habit = Habit(forms.get(str(saved.get("form"))), float(saved.get("refuses_until", 0.0)))
                self._known[key] = habit

    def first_form(self, target: Target, forms: tuple[Form, ...]) -> int:
        """Return which of the forms to begin with."""
        known = self._habit(target).form
        return forms.index(known) if known in forms else 0

    def took(self, target: Target, form: Form | None) -> None:
        """Remember a device that took a page, in this form after it had refused another (else None)."""
        known = self._habit(target)
        if known.refuses_until or form not in {None, known.form}:
            self._learn(target, Habit(form or known.form))

    def refuses_messages(self, target: Target, now: float) -> None:
        """Remember a device that knows no MESSAGE (405)."""
        known = self._habit(target)
        self._learn(target, replace(known, refuses_until=now + REFUSAL_LIFETIME))

    def willing(self, targets: list[Target], now: float) -> list[Target]:
        """Leave out devices that know no MESSAGE, where there are others."""
        willing = [each for each in targets if self._habit(each).refuses_until <= now]
        return willing or targets

    def _habit(self, target: Target) -> Habit:
        return self._known.get(_key(target), _UNKNOWN) if self._known else _UNKNOWN

    def _learn(self, target: Target, habit: Habit) -> None:
        key = _key(target)
        self._known[key] = habit
        self._known.move_to_end(key)
        form = habit.form.name if habit.form is not None else None
        changes: dict[str, Any] = {key: {"form": form, "refuses_until": habit.refuses_until}}
        if len(self._known) > MAX_HABITS:
            changes[self._known.popitem(last=False)[0]] = None
        self._learned(changes)


_UNKNOWN = Habit()


def _key(target: Target) -> str:
    return f"{_PREFIX}{target.user}/{target.model or target.uri}"
