"""Registrations of one user are written one after the other, in the order in which they came; each has its answer."""

from __future__ import annotations

import pytest

from drivers.sip.events import BindingsChanged
from drivers.sip.registrations import MAX_QUEUED_REGISTERS
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

PHONE = ("10.0.0.9", 5099)


class Queue:
    """A registrar whose disk is slow, and a phone that cannot wait."""

    def __init__(self) -> None:
        self.site = Site(authenticate=False)

    def register(self, cseq: int, **headers: str) -> list[int]:
        """Send a REGISTER of one call and return the statuses that come at once."""
        fields = {"to": "<sip:2001@gateway.local>", "call_id": "r", "cseq": f"{cseq} REGISTER", **headers}
        fields.setdefault("contact", f"<sip:2001@10.0.0.9:{5000 + cseq}>")
        return [each.status for each in self.site.hand_in(request("REGISTER", "sip:gateway.local", b"", **fields))]

    def write(self, *, saved: bool = True) -> list[int]:
        """Let the disk take the registration that waits for it; return the statuses that go out then."""
        before = len(self.site.net.responses(PHONE))
        event = self.site.of(BindingsChanged)[-1]
        self.site.gateway.bindings_saved(event.transaction, self.site.net.now, saved=saved)
        self.site.net.run()
        return [each.status for each in self.site.net.responses(PHONE)[before:]]

    @property
    def ports(self) -> list[int]:
        """Where 2001 is."""
        bindings = self.site.gateway.registrar.current("2001", self.site.net.now)
        return sorted(int(binding.uri.rpartition(":")[2]) for binding in bindings)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_those_that_wait_are_written_one_by_one_each_with_what_the_one_before_left(queue: Queue) -> None:
    for cseq in (1, 2, 3):
        assert queue.register(cseq) == []
    for count in (1, 2, 3):
        assert len(queue.site.of(BindingsChanged)) == count
        assert queue.write() == [200]
        assert queue.ports == [5001, 5002, 5003][:count]
    assert len(queue.site.of(BindingsChanged)) == 3


def test_those_that_need_no_disk_are_answered_on_the_way_and_the_next_one_is_written(queue: Queue) -> None:
    queue.register(1)
    assert queue.register(2, contact="<tel:1>") == []
    assert queue.register(3, expires="5") == []
    assert queue.register(4) == []
    assert queue.write() == [200, 400, 423]
    assert queue.write() == [200]
    assert queue.ports == [5001, 5004]


def test_one_that_could_not_be_written_does_not_hold_up_the_next(queue: Queue) -> None:
    queue.register(1)
    queue.register(2)
    assert queue.write(saved=False) == [503]
    assert queue.write() == [200]
    assert queue.ports == [5002]


def test_who_sends_ever_more_is_told_to_come_back(queue: Queue) -> None:
    for cseq in range(1, MAX_QUEUED_REGISTERS + 2):
        assert queue.register(cseq) == []
    assert queue.register(MAX_QUEUED_REGISTERS + 2) == [503]
    assert queue.site.net.responses(PHONE)[-1].first("retry-after") == "10"


def test_another_user_does_not_wait(queue: Queue) -> None:
    queue.register(1)
    assert queue.register(1, to="<sip:2002@gateway.local>", from_="<sip:2002@gateway.local>;tag=b") == []
    assert queue.write() == [200]
    assert [event.user for event in queue.site.of(BindingsChanged)] == ["2001", "2002"]
