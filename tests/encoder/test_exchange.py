"""The exchange under noise: every page is settled once, and the next one is understood."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import LateReply, PageSettled, Timing
from tests.encoder.kinds import KINDS
from tests.encoder.site import Kind  # noqa: TC001 - Hypothesis reads it

TELLING = [b"\x15", b"\x1e", b"\r\n", b"Error", b"Error - Invalid Pager ID\r\n", b"\x01\x1503\x04"]
TELLING += [b"Invalid character in pager ID\r\r\x1e\r", *(kind.good for kind in KINDS if kind.good)]
noise = st.lists(st.tuples(st.one_of(st.binary(max_size=60), st.sampled_from(TELLING)), st.floats(0, 5)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(noise, st.sampled_from(KINDS))
def test_every_page_is_settled_exactly_once_whatever_the_encoder_says(
    pieces: list[tuple[bytes, float]], kind: Kind
) -> None:
    core, now, settled = kind.sender(Timing(3.0 if kind.good else 0.3)), 0.0, list[str]()
    for number, (data, pause) in enumerate(pieces):
        core.send_page(str(number), kind.frame, now)
        core.receive_data(data, now)
        now += pause
        while (due := core.get_timer()) is not None and due <= now:
            core.handle_timer(due)
    for _ in range(3 * len(pieces)):
        now += 60
        core.handle_timer(now)
    while (event := core.next_event()) is not None:
        assert not isinstance(event, LateReply) or int(event.ref) < len(pieces)
        settled += [event.ref] if isinstance(event, PageSettled) else []
    assert sorted(settled) == sorted(str(number) for number in range(len(pieces)))
    core.receive_data(b"\r\n", now)
    core.send_page("good", kind.frame, now)
    core.receive_data(kind.good, now)
    core.handle_timer(now)
    core.handle_timer(now + 1)
    outcomes = [event.reply.outcome for event in iter(core.next_event, None) if isinstance(event, PageSettled)]
    assert outcomes == [Outcome.SENT]
