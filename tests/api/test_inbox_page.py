"""The inbox in a browser: what a colleague took, and what is over, does not look as if somebody still had to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.engine.conftest import DOCTOR, NURSE, PLAN

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

ACTIVE, EVENTS = "/api/alarms/active", "/api/users/self/events"


async def both_pages(person: Person, event: int) -> tuple[str, str]:
    """Return the card of an event in the inbox, and its own page without what it lists of its pages."""
    inbox = (await person.page(EVENTS)).text
    card = re.search(rf'<article aria-labelledby="e{event}">.*?</article>', inbox, re.DOTALL)
    assert card is not None
    page = (await person.page(f"{EVENTS}/{event}")).text
    return card[0], page.partition("<main")[2].partition("Pages of this message")[0]


def offered(text: str) -> set[str]:
    return set(re.findall(r'ction="[^"]*/(accept|escalate|cancel|read|delete)"', text))


async def test_a_call_that_nobody_took_is_offered(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    card, page = await both_pages(nurse, 1)
    assert offered(card) == {"accept", "read", "delete"}
    assert offered(page) == {"accept", "escalate", "cancel", "read", "delete"}
    assert "Accepted by" not in card + page
    assert "is over" not in card + page


async def test_a_call_that_a_colleague_took_says_who_and_is_not_offered_again(
    gateway: Gateway, nurse: Person, doctor: Person
) -> None:
    await gateway.activates("12")
    await gateway.passes(31)
    await doctor.post(f"{EVENTS}/{gateway.event_of(DOCTOR)}/accept")
    for text in await both_pages(nurse, 1):
        assert '<span class="badge done">Accepted by doctor</span>' in text
        assert not {"accept", "escalate"} & offered(text)
    _, page = await both_pages(nurse, 1)
    assert "cancel" in offered(page)
    for text in await both_pages(doctor, gateway.event_of(DOCTOR)):
        assert "Accepted by" not in text  # their own status says it
        assert '<span class="badge done">accepted</span>' in text


async def test_a_call_that_is_over_says_so_and_only_goes_away(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await gateway.resets("12")
    reset = gateway.event_of(NURSE)
    assert reset != 1
    for event in (1, reset):
        for text in await both_pages(nurse, event):
            assert '<span class="badge done">Alarm is over</span>' in text
            assert offered(text) <= {"read", "delete"}


async def test_a_message_to_a_plan_is_taken_once_and_one_to_several_people_by_each(
    gateway: Gateway, nurse: Person, doctor: Person, admin: Person
) -> None:
    await admin.post(f"{EVENTS}/send", json={"text": "who comes", "recipients": PLAN})
    await gateway.passes(31)
    await doctor.post(f"{EVENTS}/{gateway.event_of(DOCTOR)}/accept")
    for text in await both_pages(nurse, gateway.event_of(NURSE)):
        assert "Accepted by doctor" in text
        assert "accept" not in offered(text)
    await admin.post(f"{EVENTS}/send", json={"text": "for both", "recipients": [NURSE, DOCTOR]})
    await doctor.post(f"{EVENTS}/{gateway.event_of(DOCTOR)}/accept")
    for text in await both_pages(nurse, gateway.event_of(NURSE)):
        assert "Accepted by" not in text
        assert "accept" in offered(text)
