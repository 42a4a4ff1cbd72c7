"""An entry device on the bench: the test plays the terminal and moves the time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drivers.tap.pages import PageSettled, TapEvent
from drivers.tap.profile import Profile
from drivers.tap.protocol import EntryDevice
from drivers.tap.timing import Timing

ASKED = b"ID="
LOGON = b"\x1bPG1\r"
LOGON_OK = b"110 1.8\r\x06\r"
GO_AHEAD = b"\x1b[p\r"
ACCEPTED = b"211 Page accepted\r\x06\r"
GOODBYE = b"115 Bye\r\x1b\x04\r"
EOT = b"\x04\r"
FIRE = b"\x022001\rFIRE 3\r\x0325;\r"
LONG_TEXT = "THREE BLOCKS " * 45

TIMING = Timing(t1=2, t2=1, t3=10, t4=4, t5=8, n1=3, n2=3, n3=3)


class Bench:
    """One entry device; what it wants to send is fetched at once, as the adapter does."""

    def __init__(self, timing: Timing = TIMING, **profile: Any) -> None:  # noqa: ANN401 - any field of Profile
        self.core = EntryDevice(replace(Profile(timing=timing), **profile))
        self.now = 1_000.0
        self.log = b""

    def page(self, ref: str = "1", pager_id: str = "2001", text: str = "FIRE 3") -> bytes:
        self.core.send_page(ref, pager_id, text, self.now)
        return self.sent()

    def withdraw(self, ref: str = "1") -> bytes:
        self.core.withdraw(ref, self.now)
        return self.sent()

    def hears(self, data: bytes) -> bytes:
        self.core.receive_data(data, self.now)
        return self.sent()

    def waits(self, seconds: float) -> bytes:
        """Let time pass and return what was sent meanwhile."""
        until, sent = self.now + seconds, b""
        while (due := self.core.get_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.core.handle_timer(self.now)
            sent += self.sent()
        self.now = until
        return sent

    def sent(self) -> bytes:
        data = self.core.data_to_send()
        self.log += data
        return data

    def events(self) -> list[TapEvent]:
        return list(iter(self.core.next_event, None))

    def settled(self) -> PageSettled:
        (event,) = [event for event in self.events() if isinstance(event, PageSettled)]
        return event

    def logs_on(self) -> bytes:
        """Play steps 4 to 7 after the CR; return what followed the go-ahead."""
        assert self.hears(ASKED) == LOGON
        assert self.hears(LOGON_OK) == b""
        return self.hears(GO_AHEAD)

    def in_block(self, text: str = "FIRE 3") -> bytes:
        """Bring a page to where its first block is out; return the block."""
        assert self.page(text=text) == b"\r"
        block = self.logs_on()
        self.events()
        return block
