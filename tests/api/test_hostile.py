"""Whatever arrives is understood or refused by name; nothing else ever escapes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.api.body import MULTIPART, Values, _parse
from gatewayd.api.emm.events import InboxParams
from gatewayd.api.emm.listing import to_query
from gatewayd.api.emm.sending import SendParams
from gatewayd.api.emm.tokens import Credentials
from gatewayd.api.fields import LARGEST_ID, bind
from gatewayd.engine.directory import Directory
from gatewayd.errors import Invalid
from gatewayd.model import Site
from gatewayd.store.inbox import FILTERS, ORDERS

CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded", MULTIPART)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
NAMES = (
    "userid",
    "text",
    "priority",
    "tone",
    "recipients",
    "reply_message_id",
    "event",
    "username",
    "password",
    "next",
)
LIST_NAMES = ("userid", "offset", "limit", "filterfield", "filtervalue", "orderby")


@given(st.sampled_from(CONTENT_TYPES), st.binary(max_size=200))
def test_any_body_is_parsed_or_refused(content_type: str, body: bytes) -> None:
    try:
        values = _parse(body, f"{content_type}; boundary=b")
    except Invalid:
        return
    json.dumps(values).encode()


@given(st.lists(st.tuples(st.text("abc", min_size=1), st.text("xyz\r\n-", max_size=20)), max_size=5))
def test_a_multipart_form_is_read_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    parts = [
        f'--b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    body = ("".join(parts) + "--b0undary--\r\n").encode()
    values = _parse(body, f"{MULTIPART}; boundary=b0undary")
    expected: dict[str, list[str]] = {}
    for name, value in fields:
        expected.setdefault(name, []).append(value)
    assert values == {name: found[0] if len(found) == 1 else found for name, found in expected.items()}


@given(st.dictionaries(st.sampled_from(NAMES), TREES))
def test_any_values_make_a_message_or_are_refused(values: Values) -> None:
    for model in (SendParams, Credentials):
        try:
            bound = bind(model, values)
        except Invalid as error:
            assert len(str(error)) < 300  # noqa: PT017 - being refused is one of two right ends
            continue
        if isinstance(bound, SendParams):
            assert all(1 <= one <= LARGEST_ID for one in (bound.userid, *bound.recipients))
            assert isinstance(bound.text, str)


@given(st.dictionaries(st.sampled_from(LIST_NAMES), LEAVES))
def test_any_values_make_a_query_of_known_columns_or_are_refused(values: Values) -> None:
    try:
        query = to_query(bind(InboxParams, {"userid": 1} | values), FILTERS, ORDERS, Directory(Site()))
    except Invalid:
        return
    assert 0 <= query.offset <= LARGEST_ID
    assert query.limit is not None
    assert query.filter_field in {"", *FILTERS}
    assert {name for name, _ in query.order} <= set(ORDERS)
