"""What fits into a push, and what is cut so that it does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.webpush.payload import MOST_BYTES, fit
from gatewayd.errors import DeliveryFailedForGood

EVENT = {"id": 1, "message_id": 2, "queue_time": 3, "message": "FIRE 3", "escalation_cycle": 1, "escalation_step": 1}
ALARM = {
    "id": 1,
    "alarm_id": 1,
    "cleared": False,
    "name": "Zone 3",
    "active_text": "FIRE 3",
    "reset_text": "RESET FIRE 3",
}


def envelope(kind: str, **notification: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps({"notifications": [{"type": kind, "notification": notification}]})


def notification_of(data: bytes) -> dict[str, Any]:
    (item,) = json.loads(data)["notifications"]
    return dict(item["notification"])


def test_limit_is_that_of_rfc_8291() -> None:
    assert MOST_BYTES == 4096 - 86 - 16 - 1


@pytest.mark.parametrize(
    "text", ["FIRE 3", "", "{no JSON", "[1]", '{"a":1}', envelope("user_event", **EVENT), "Ärger ☎"]
)
def test_what_fits_goes_out_as_it_is(text: str) -> None:
    payload = fit(text)
    assert payload.data == text.encode()
    assert payload.note == ""


@pytest.mark.parametrize("filling", ["x", "ü", "🚨", '"', "\\", "\n", "\x00"])
def test_long_message_is_cut_inside_the_json(filling: str) -> None:
    text = envelope("user_event", **{**EVENT, "message": "FIRE 3 " + filling * 4000})
    payload = fit(text)
    notification = notification_of(payload.data)
    one_more = len(json.dumps(filling, ensure_ascii=False).encode()) - 2  # without the quotes
    assert MOST_BYTES - one_more < len(payload.data) <= MOST_BYTES
    assert notification["message"].startswith("FIRE 3 " + filling)
    assert notification["message"].endswith("…")
    assert {**notification, "message": "FIRE 3"} == EVENT
    kept = len(notification["message"])
    assert payload.note == f"texts cut to {kept} characters, the payload had {len(text.encode())} bytes"


def test_both_texts_of_an_alarm_are_cut_to_one_length_and_short_ones_stay() -> None:
    payload = fit(envelope("active_alarm", **{**ALARM, "active_text": "A" * 5000, "reset_text": "R" * 3000}))
    notification = notification_of(payload.data)
    assert len(notification["active_text"]) == len(notification["reset_text"]) > 1800
    assert notification["name"] == "Zone 3"
    only_one = notification_of(fit(envelope("active_alarm", **{**ALARM, "active_text": "A" * 5000})).data)
    assert only_one["reset_text"] == "RESET FIRE 3"


def test_spelling_of_the_json_gives_way_before_any_text_does() -> None:
    text = json.dumps({"notifications": [{"type": "user_event", "notification": {"message": "ü" * 1900}}]})
    assert len(text.encode()) > MOST_BYTES
    assert notification_of(fit(text).data) == {"message": "ü" * 1900}


def test_other_texts_are_cut_when_the_message_alone_is_not_enough() -> None:
    payload = fit(envelope("user_event", message="FIRE", sender="s" * 9000))
    assert len(payload.data) <= MOST_BYTES
    assert notification_of(payload.data)["sender"].startswith("sss")
    assert notification_of(payload.data)["message"] == "FIRE"


def test_kind_of_a_notification_is_never_cut() -> None:
    with pytest.raises(DeliveryFailedForGood, match="3993"):
        fit(envelope("t" * 5000, message="FIRE"))


def test_json_without_any_text_to_cut_is_refused() -> None:
    with pytest.raises(DeliveryFailedForGood, match="bytes; a push holds 3993"):
        fit(json.dumps({"numbers": list(range(2000))}))


@pytest.mark.parametrize("filling", ["x", "ü", "🚨"])
def test_long_plain_text_is_cut_between_characters(filling: str) -> None:
    payload = fit(filling * 5000)
    text = payload.data.decode()
    assert MOST_BYTES - 4 < len(payload.data) <= MOST_BYTES
    assert text == filling * (len(text) - 1) + "…"
    assert payload.note == f"text cut to {len(text) - 1} of 5000 characters"


@pytest.mark.parametrize("text", ['{"a":' * 5000, '{"a":' + "1" * 5000 + "}"])
def test_json_that_cannot_be_read_is_cut_as_text(text: str) -> None:
    assert len(fit(text).data) <= MOST_BYTES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=2000),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["message", "type", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=6000)
    | st.dictionaries(st.sampled_from(["message", "notifications", "name"]), JSON).map(json.dumps)
)
def test_every_text_either_fits_afterwards_or_is_refused(text: str) -> None:
    try:
        payload = fit(text)
    except DeliveryFailedForGood:
        return
    assert len(payload.data) <= MOST_BYTES
    assert bool(payload.data.decode("utf-8")) is bool(text)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["message", "notifications", "name"]), JSON, min_size=1).map(json.dumps))
def test_json_stays_json_with_the_same_keys(text: str) -> None:
    try:
        payload = fit(text)
    except DeliveryFailedForGood:
        return
    assert list(json.loads(payload.data)) == list(json.loads(text))
