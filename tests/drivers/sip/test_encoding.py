"""Packed bodies: read as what they were, bounded, and never believed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.encoding import unpack
from drivers.sip.events import MessageReceived
from drivers.sip.grammar import Malformed
from drivers.sip.message import MAX_BODY
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from collections.abc import Callable

PACKERS: dict[str, Callable[[bytes], bytes]] = {"deflate": zlib.compress, "gzip": gzip.compress}


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_packed_text_is_read(encoding: str) -> None:
    site = Site(authenticate=False)
    site.hand_in(request(body=PACKERS[encoding](b"help in room 12"), content_encoding=encoding.upper()))
    assert [event.text for event in site.of(MessageReceived)] == ["help in room 12"]


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_few_bytes_that_swell_to_megabytes_are_refused_without_swelling(encoding: str) -> None:
    bomb = PACKERS[encoding](bytes(50 * MAX_BODY))
    assert len(bomb) < MAX_BODY
    tracemalloc.start()
    with pytest.raises(Malformed):
        unpack(bomb, encoding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MAX_BODY
    site = Site(authenticate=False)
    assert [each.status for each in site.hand_in(request(body=bomb, content_encoding=encoding))] == [413]
    whole = PACKERS[encoding](bytes(MAX_BODY))
    assert unpack(whole, encoding) == bytes(MAX_BODY)


def test_what_cannot_be_unpacked_is_a_bad_request() -> None:
    packed = zlib.compress(b"help")
    for body in (b"", packed[:-1], b"no such thing", packed[1:]):
        with pytest.raises(Malformed) as caught:
            unpack(body, "deflate")
        assert caught.value.status == 400


def test_only_known_encodings_are_unpacked() -> None:
    assert unpack(b"as it is", "") == unpack(b"as it is", " Identity") == b"as it is"
    assert unpack(b"", "compress") is None


@given(st.binary(max_size=200), st.sampled_from([*PACKERS, "", "br"]))
def test_any_bytes_are_refused_or_read_within_bounds(body: bytes, encoding: str) -> None:
    try:
        unpacked = unpack(body, encoding)
    except Malformed:
        return
    assert unpacked is None or len(unpacked) <= MAX_BODY
