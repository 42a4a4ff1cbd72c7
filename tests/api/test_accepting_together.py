"""Two people press Accept: who came second is not left to believe that it is theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.api.test_browsers import form_token
from tests.engine.conftest import DOCTOR, NURSE, PLAN

if TYPE_CHECKING:
    from tests.api.conftest import Answer, Gateway, Person

EVENTS = "/api/users/self/events"


async def presses_accept(person: Person, inbox: Answer) -> Answer:
    """Press the button of a page that may be older than what has happened since."""
    path = re.search(rf'formaction="({EVENTS}/\d+/accept)"', inbox.text)
    assert path is not None
    return await person.submits(path[1], {"form_token": form_token(inbox), "next": EVENTS})


async def test_who_presses_accept_second_is_told_who_was_first_and_has_time_to_read_it(gateway: Gateway) -> None:
    await gateway.activates("12", "ROOM <12>")
    await gateway.passes(31)
    nurse, doctor = await gateway.opens_browser("nurse"), await gateway.opens_browser("doctor")
    seen, old = await nurse.page(EVENTS), await doctor.page(EVENTS)
    first = await presses_accept(nurse, seen)
    assert "<h1>You have accepted it</h1>" in first.text
    assert "ROOM &lt;12&gt;" in first.text
    assert first.headers["Refresh"] == f"3; url={EVENTS}"
    second = await presses_accept(doctor, old)
    assert "<h1>nurse had accepted this before you</h1>" in second.text
    assert "Refresh" not in second.headers
    assert f'href="{EVENTS}"' in second.text
    assert gateway.alarm().accepted_by == NURSE
    again = await presses_accept(nurse, seen)
    assert "<h1>You have accepted it</h1>" in again.text


async def test_of_a_message_that_escalates_the_first_counts_too(gateway: Gateway, admin: Person) -> None:
    await admin.post(f"{EVENTS}/send", json={"text": "who comes", "recipients": PLAN})
    await gateway.passes(31)
    nurse = await gateway.opens_browser("nurse")
    old = await nurse.page(EVENTS)
    await gateway.accepts(DOCTOR)
    await gateway.passes(1)
    assert "<h1>doctor had accepted this before you</h1>" in (await presses_accept(nurse, old)).text
