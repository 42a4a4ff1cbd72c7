"""What the protocol has to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from gatewayd.hayes.script import Resync

LONG_PATIENCE = 20.0  # seconds for commands that touch the SIM or the whole memory


@dataclass(frozen=True, slots=True)
class Profile:
    """How one modem is handled; times in seconds.

    `storages` are tried in order; `routings` are the parameters of CNMI, tried in order. A modem that takes none of
    them is asked for messages every `poll_every`. `validity`, `reports` and `flash` are for text mode, where messages
    do not have their own.
    """

    service_centre: str = ""
    storages: tuple[str, ...] = ("ME", "SM", "MT")
    routings: tuple[str, ...] = ("2,1,0,1,0", "2,1,0,2,0", "2,2,0,1,0", "1,1,0,1,0", "2,1,0,0,0", "1,1,0,0,0")
    resync: Resync = field(default_factory=Resync)
    registration_wait: float = 60.0
    check_every: float = 20.0
    sweep_every: float = 300.0
    poll_every: float = 10.0
    send_timeout: float = 60.0
    part_timeout: float = 1800.0
    validity: timedelta = timedelta(days=1)
    reports: bool = True
    flash: bool = False
