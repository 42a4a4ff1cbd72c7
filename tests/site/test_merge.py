from __future__ import annotations

import dataclasses

import pytest

from gatewayd.model import AlarmDefinition, Contact, Group, Plan, Priority, Role, Route, Site, Step, User, Way
from gatewayd.passwords import verify_password
from tests.site.conftest import complaints, loaded

WARD = """
[site]
fallback = "user:anna"
[[user]]
name = "anna"
full_name = "Anna Muster"
role = "admin"
ways = [{ contact = "phone-anna" }, { contact = "contact:ward-pager", after = "30s" }]
[[contact]]
name = "ward-pager"
line = "pager"
address = "2001"
[[contact]]
name = "phone-anna"
line = "phones"
address = "2001"
[[group]]
name = "ward"
members = ["user:anna", "contact:ward-pager"]
[[plan]]
name = "calls"
cycles = 3
steps = [{ page = ["group:ward"], wait = 30 }, { page = "user:anna", wait = "2min" }]
[[alarm]]
name = "nurse-call"
page = "plan:calls"
text = "CALL {text}"
reset_text = "DONE {text}"
priority = "high"
send_resets = false
[[route]]
line = "ward-*"
address = "3-*"
text = "*CALL*"
source = "device"
alarm = "nurse-call"
"""


def test_a_file_becomes_a_site_with_one_space_of_recipient_ids() -> None:
    assert loaded(WARD) == Site(
        users=(User(1, "anna", "Anna Muster", Role.ADMIN, "", (Way(3), Way(2, 30.0))),),
        contacts=(Contact(2, "ward-pager", "pager", "2001"), Contact(3, "phone-anna", "phones", "2001")),
        groups=(Group(4, "ward", (1, 2)),),
        plans=(Plan(5, "calls", (Step((4,), 30.0), Step((1,), 120.0)), 3),),
        definitions=(
            AlarmDefinition(1, "nurse-call", 5, "CALL {text}", "DONE {text}", Priority.HIGH, send_resets=False),
        ),
        routes=(Route(1, 1, 1, "ward-*", "3-*", "*CALL*", "device"),),
        fallback_id=1,
    )


def test_importing_the_same_file_again_changes_nothing() -> None:
    once = loaded(WARD.replace("full_name =", 'password = "env:NURSE"\nfull_name ='))
    again = loaded(WARD.replace("full_name =", 'password = "env:NURSE"\nfull_name ='), once)
    assert again == once
    assert verify_password("nurse-secret", once.users[0].password_hash)


def test_what_the_file_does_not_name_stays() -> None:
    before = loaded(WARD)
    after = loaded('[[contact]]\nname = "new"\nline = "pager"\naddress = "7"\n', before)
    assert after == dataclasses.replace(before, contacts=(*before.contacts, Contact(6, "new", "pager", "7")))


def test_with_replace_what_the_file_does_not_name_goes_and_the_rest_keeps_its_ids() -> None:
    text = '[[contact]]\nname = "phone-anna"\nline = "phones"\naddress = "2002"\n'
    assert loaded(text, loaded(WARD), replace=True) == Site(contacts=(Contact(3, "phone-anna", "phones", "2002"),))


def test_an_id_that_was_ever_used_is_not_used_again() -> None:
    site = loaded('[[group]]\nname = "new"\n', next_id=42)
    assert site.groups == (Group(42, "new"),)


def test_a_user_without_a_password_in_the_file_keeps_theirs() -> None:
    before = loaded('[[user]]\nname = "anna"\npassword = "env:NURSE"\n')
    after = loaded('[[user]]\nname = "anna"\nfull_name = "Anna"\n', before)
    assert after.users[0].password_hash == before.users[0].password_hash
    assert after.users[0].full_name == "Anna"


def test_a_new_password_replaces_the_old_one() -> None:
    before = loaded('[[user]]\nname = "anna"\npassword = "env:NURSE"\n')
    after = loaded('[[user]]\nname = "anna"\npassword = "another"\n', before)
    assert verify_password("another", after.users[0].password_hash)


def test_the_routes_of_the_file_are_tried_before_those_that_stay() -> None:
    before = loaded(WARD)
    text = (
        '[[route]]\nline = "ward-panel"\nalarm = "nurse-call"\n[[route]]\ntext = "TEST*"\nalarm = "alarm:nurse-call"\n'
    )
    routes = loaded(text, before).routes
    assert [(route.position, route.id, route.line, route.text) for route in routes] == [
        (1, 2, "ward-panel", ""),
        (2, 3, "", "TEST*"),
        (3, 1, "ward-*", "*CALL*"),
    ]


def test_a_route_with_the_same_conditions_replaces_the_one_there_is() -> None:
    before = loaded(WARD)
    text = (
        WARD[WARD.index("[[route]]") :].replace("nurse-call", "other")
        + '[[alarm]]\nname = "other"\npage = "user:anna"\n'
    )
    (route,) = loaded(text, before).routes
    assert (route.id, route.definition_id) == (1, 2)


def test_every_wrong_reference_is_reported_at_once() -> None:
    text = """
    [site]
    fallback = "user:ana"
    [[user]]
    name = "anna"
    ways = [{ contact = "ward-pagr" }]
    [[contact]]
    name = "ward-pager"
    line = "pagr"
    address = "1"
    [[group]]
    name = "ward"
    members = ["anna", "plan:calls", "role:boss"]
    [[plan]]
    name = "calls"
    steps = [{ page = ["plan:calls", "group:word"], wait = 1 }]
    [[alarm]]
    name = "a"
    page = "plan:call"
    [[route]]
    line = "ward-pannel"
    alarm = "b"
    """
    kinds = "should be contact:NAME or user:NAME or group:NAME"
    assert complaints(lambda: loaded(text)) == {
        "site: fallback": "there is no user 'ana'; did you mean 'anna'?",
        'user "anna": ways #1: contact': "there is no contact 'ward-pagr'; did you mean 'ward-pager'?",
        'contact "ward-pager": line': "the configuration has no line 'pagr'; did you mean 'pager'?",
        'group "ward": members #1': f"{kinds}; did you mean 'user:anna'?",
        'group "ward": members #2': "a group has no escalation: name the plan in an alarm instead",
        'group "ward": members #3': f"{kinds}; known: contact:ward-pager, group:ward, user:anna",
        'plan "calls": steps #1: page #1': "a plan cannot be a step of a plan: write its steps here",
        'plan "calls": steps #1: page #2': "there is no group 'word'; did you mean 'ward'?",
        'alarm "a": page': "there is no plan 'call'; did you mean 'calls'?",
        "route #1: line": "the configuration has no line 'ward-pannel'; did you mean 'ward-panel'?",
        "route #1: alarm": "there is no alarm 'b'; known: a",
    }


def test_a_reference_to_what_replace_removes_is_refused() -> None:
    text = '[[group]]\nname = "ward"\nmembers = ["user:anna"]\n'
    assert loaded(text, loaded(WARD)).groups[0].members == (1,)
    assert list(complaints(lambda: loaded(text, loaded(WARD), replace=True))) == ['group "ward": members #1']


@pytest.mark.parametrize("line", ["ward-*", "*", ""])
def test_a_route_may_use_a_pattern_for_the_line(line: str) -> None:
    assert loaded(f'[[route]]\nline = "{line}"\nalarm = "nurse-call"\n', loaded(WARD)).routes[0].line == line


def test_a_route_for_faults_may_name_a_line_that_is_no_line() -> None:
    text = '[[route]]\nline = "gateway"\nsource = "fault"\nalarm = "nurse-call"\n'
    assert loaded(text, loaded(WARD)).routes[0].line == "gateway"


def test_a_group_cannot_contain_itself() -> None:
    text = '[[group]]\nname = "a"\nmembers = ["group:a"]\n'
    assert list(complaints(lambda: loaded(text))) == ['group "a": members']


def test_groups_cannot_contain_each_other_even_when_one_of_them_is_not_in_the_file() -> None:
    before = loaded('[[group]]\nname = "b"\n[[group]]\nname = "a"\nmembers = ["group:b"]\n')
    text = '[[group]]\nname = "c"\nmembers = ["group:a"]\n[[group]]\nname = "b"\nmembers = ["group:c"]\n'
    assert sorted(complaints(lambda: loaded(text, before))) == [f'group "{name}": members' for name in "abc"]


def test_a_group_may_be_reached_on_two_paths() -> None:
    text = '[[group]]\nname = "a"\n' + "".join(f'[[group]]\nname = "{x}"\nmembers = ["group:a"]\n' for x in "bc")
    assert len(loaded(text + '[[group]]\nname = "d"\nmembers = ["group:b", "group:c"]\n').groups) == 4
