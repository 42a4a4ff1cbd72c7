from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.charset import CodePage

GERMAN = "Ä Ö Ü ä ö ü ß"


@pytest.mark.parametrize(
    ("page", "data"),
    [
        (CodePage.DIN66003, b"[ \\ ] { | } ~"),
        (CodePage.LATIN1, b"\xc4 \xd6 \xdc \xe4 \xf6 \xfc \xdf"),
        (CodePage.CP437, b"\x8e \x99 \x9a \x84 \x94 \x81 \xe1"),
        (CodePage.CP850, b"\x8e \x99 \x9a \x84 \x94 \x81 \xe1"),
        (CodePage.UTF8, GERMAN.encode()),
    ],
)
def test_umlauts_are_read_and_written(page: CodePage, data: bytes) -> None:
    assert (page.decode(data), page.encode(GERMAN)) == (GERMAN, data)


def test_what_a_code_page_lacks_becomes_a_question_mark_and_never_another_letter() -> None:
    assert CodePage.ASCII.encode("Küche €") == b"K?che ?"
    assert CodePage.DIN66003.encode("[a] ~ €") == b"?a? ? ?"


def test_what_cannot_be_read_is_marked() -> None:
    assert (CodePage.ASCII.decode(b"a\xff"), CodePage.DIN66003.decode(b"a\xff")) == ("a\ufffd", "a\ufffd")


@settings(deadline=None)
@given(st.binary(max_size=40), st.sampled_from(CodePage))
def test_any_bytes_are_text_and_what_was_read_can_be_written_back(data: bytes, page: CodePage) -> None:
    text = page.decode(data)
    if "\ufffd" not in text:
        assert page.encode(text) == data
