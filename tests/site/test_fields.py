"""Custom fields of contacts and settings of users, out to a file and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.errors import ConfigError
from gatewayd.model import Contact, Site, User
from gatewayd.sitefile import dump, merge, parse

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
PROPERTIES = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4)


@settings(max_examples=60)
@given(PROPERTIES, PROPERTIES)
def test_fields_and_settings_survive_export_and_import(fields: dict[str, str], chosen: dict[str, str]) -> None:
    site = Site(users=(User(1, "anna", settings=chosen),), contacts=(Contact(2, "porter", "pager", "1", fields),))
    assert merge(Site(), parse(dump(site), "site.toml"), next_id=1).contacts[0].fields == fields
    assert merge(site, parse(dump(site), "site.toml")) == site


IMPORTED = """
[[user]]
name = "anna"
settings = { language = "de" }

[[contact]]
name = "porter"
line = "pager"
address = "2"
"""


def test_what_people_set_by_the_api_stays_unless_the_file_names_it() -> None:
    chosen, fields = {"language": "en", "colour": "red"}, {"Room": "7"}
    before = Site(users=(User(1, "anna", settings=chosen),), contacts=(Contact(2, "porter", "pager", "1", fields),))
    after = merge(before, parse(IMPORTED, "site.toml"))
    assert after.users[0].settings == {"language": "de", "colour": "red"}
    assert (after.contacts[0].address, after.contacts[0].fields) == ("2", {"Room": "7"})
    whole = merge(before, parse(IMPORTED, "site.toml"), replace=True)
    assert (whole.users[0].settings, whole.contacts[0].fields) == ({"language": "de"}, {})


def test_a_site_without_fields_is_written_as_before() -> None:
    text = dump(Site(users=(User(1, "anna"),), contacts=(Contact(2, "porter", "pager", "1"),)))
    assert "fields" not in text
    assert "settings" not in text


@pytest.mark.parametrize("content", ["fields = { room = 12 }", 'fields = "x"', 'fields = { "" = "x" }'])
def test_fields_that_are_no_texts_are_refused(content: str) -> None:
    text = f'[[contact]]\nname = "porter"\nline = "pager"\naddress = "1"\n{content}\n'
    with pytest.raises(ConfigError, match="porter"):
        parse(text, "site.toml")
