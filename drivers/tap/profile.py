"""What differs from terminal to terminal: TAP 1.8 section 4 lists the anomalies, every one of them is a knob here."""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.tap.timing import Timing


@dataclass(frozen=True, slots=True)
class Profile:
    """How one paging terminal wants to be talked to.

    `max_pages` (0: no limit) is per session. A `permanent` connection stays logged on; any other logs off when no page
    came for `idle_logout` seconds, which has to be less than the terminal's t4. `probe_every` (0: never) is how long a
    quiet terminal is trusted, in seconds.
    """

    service: str = "PG1"
    password: str = field(default="", repr=False)
    send_crs: bool = True
    transparent: bool = False
    max_chars: int = 240
    multi_block: bool = False
    max_pages: int = 0
    permanent: bool = False
    idle_logout: float = 1.0
    probe_every: float = 0.0
    timing: Timing = field(default_factory=Timing)
