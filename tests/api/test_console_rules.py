"""L01: the rules of a line, tried on a sample."""

from __future__ import annotations

import asyncio
import html
import time
from typing import TYPE_CHECKING, Any

import pytest

from drivers.ascii import DRIVER, SETTINGS
from gatewayd.api.console.rules import LONGEST_SAMPLE, MOST_RECORDS

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

RULES: list[dict[str, Any]] = [
    {
        "name": "alarm",
        "match": r"^ALARM (?P<key>\w+) (?P<priority>\d) (?P<text>.*)$",
        "address": "{key}",
    },
    {"name": "over", "match": r"^OK (?P<key>\w+)", "kind": "reset"},
    {"name": "battery", "match": "^BATTERY", "fault": True},
    {"name": "slow", "match": r"^\S*\S*\S*\S*\S*\S*[xy]"},
]
PATH = "/api/lines/fire/rules/test"


@pytest.fixture(autouse=True)
def line(gateway: Gateway) -> None:
    settings = SETTINGS.model_validate({"port": "memory", "rules": RULES, "priorities": {"1": "emergency"}})
    gateway.engine.add_line("fire", lambda line: DRIVER(line, settings))


async def tries(person: Person, sample: str) -> dict[str, Any]:
    answer = await person.post(PATH, json={"sample": sample})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


async def test_L01_shows_rules_groups_and_what_would_be_reported(admin: Person) -> None:  # noqa: N802
    found = await tries(admin, "ALARM z1 1 ROOM 3\nOK z1\nBATTERY LOW\n")
    assert (found["line"], found["count"], found["not_understood"], found["more"]) == ("fire", 3, 0, False)
    alarm, over, battery = found["records"]
    assert alarm == {
        "record": "ALARM z1 1 ROOM 3",
        "verdicts": ["set"],
        "rules": ["alarm"],
        "groups": {"key": "z1", "priority": "1", "text": "ROOM 3"},
        "reports": [
            {
                "kind": "activation",
                "key": "z1",
                "text": "ROOM 3",
                "address": "z1",
                "priority": "emergency",
                "fault": False,
            }
        ],
        "complete": True,
        "understood": True,
        "given_up": [],
    }
    assert [report["kind"] for report in over["reports"]] == ["reset"]
    assert [report["fault"] for report in battery["reports"]] == [True]


async def test_a_line_that_no_rule_knows_is_counted_and_nothing_is_reported(gateway: Gateway, admin: Person) -> None:
    found = await tries(admin, "what is this\nALARM z1 1 ROOM 3\nwhat")
    assert (found["count"], found["not_understood"]) == (3, 2)
    assert [record["complete"] for record in found["records"]] == [True, True, False]
    assert gateway.store.alarms.active_with_key("fire", "z1") is None
    assert gateway.store.alarms.active_with_key("fire", "unmatched what is this") is None


async def test_a_capture_is_a_sample(admin: Person) -> None:
    capture = "# gatewayd capture 1\n0 open -\n1 in 1 ALARM z1 1 RO\n1.1 out 1 <ACK>\n1.2 in 1 OM 3<CR><LF>\n"
    (record,) = (await tries(admin, capture))["records"]
    assert record["groups"]["text"] == "ROOM 3"


async def test_a_capture_that_is_broken_is_refused(admin: Person) -> None:
    answer = await admin.post(PATH, json={"sample": "# gatewayd capture 1\nnonsense\n"})
    assert (answer.status, answer.error["description"][:6]) == (400, "sample")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/lines/nowhere/rules/test", 404), ("/api/lines/pager/rules/test", 400)]
)
async def test_only_lines_with_rules_can_be_tried(admin: Person, path: str, status: int) -> None:
    assert (await admin.post(path, json={"sample": "x"})).status == status


async def test_only_operators_and_administrators_try_rules(nurse: Person, doctor: Person, stranger: Person) -> None:
    assert [(await person.post(PATH, json={"sample": "x"})).status for person in (nurse, doctor, stranger)] == [
        403,
        200,
        403,
    ]


async def test_a_sample_has_an_end(admin: Person) -> None:
    assert (await admin.post(PATH, json={"sample": "x" * (LONGEST_SAMPLE + 1)})).status == 400
    found = await tries(admin, "OK 1\n" * (MOST_RECORDS + 1))
    assert (found["count"], found["more"]) == (MOST_RECORDS, True)
    found = await tries(admin, "OK 1\n" * MOST_RECORDS)
    assert (found["count"], found["more"]) == (MOST_RECORDS, False)


async def test_the_loop_goes_on_while_a_hostile_sample_is_tried(admin: Person) -> None:
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not done:
            before = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - before)

    watching = asyncio.create_task(watch())
    found = await tries(admin, ("a" * 250 + "\n") * 250)
    done = True
    await watching
    assert found["more"]
    assert found["records"][0]["given_up"] == ["slow"]
    assert longest < 0.5


async def test_a_browser_gets_the_form_and_the_result_without_its_text_being_believed(gateway: Gateway) -> None:
    person = await gateway.opens_browser("admin")
    form = await person.page(PATH)
    assert (form.status, 'name="sample"' in form.text) == (200, True)
    token = form.text.split('name="form_token" value="')[1][:64]
    sample = "ALARM z1 1 <script>alert(1)</script>\nwhat"
    page = await person.submits(PATH, {"form_token": token, "sample": sample})
    assert page.status == 200
    assert html.escape("<script>alert(1)</script>") in page.text
    assert "<script>alert" not in page.text
    assert "2 records, 1 not understood" in page.text
