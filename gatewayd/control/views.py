"""What the control socket tells, as JSON-able values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gatewayd import __version__
from gatewayd.transport.capturefile import readable

if TYPE_CHECKING:
    from gatewayd.engine.engine import Engine
    from gatewayd.engine.line import RunningLine
    from gatewayd.transport.capture import Piece

Json = dict[str, Any]


def status(engine: Engine, name: str, url: str, began: float) -> Json:
    """Return how the box of that name is; `began` is when it started, on the timeline."""
    lines = engine.lines.values()
    return {
        "name": name,
        "version": __version__,
        "process": os.getpid(),
        "url": url,
        "uptime": round(engine.clock.now() - began, 3),
        "lines": len(lines),
        "lines_down": sorted(line.name for line in lines if not line.is_up),
        "storage": engine.store.storage.reason or "sound",
        "owed": len(engine.store.owed),
        "pages_waiting": sum(line.depth() for line in lines),
    }


def line(running: RunningLine) -> Json:
    """Return how a line is: `reason` says why it is down, or works badly.

    `received` is wall clock time; None: nothing came yet, or the line carries no bytes. `pins` are the modem lines of
    its port that are on; None: it has none.
    """
    received, clock, pins = running.recorder.last_received, running.clock, running.recorder.pins()
    counters = {**running.recorder.tallies, **running.counters}
    return {
        "name": running.name,
        "kind": running.kind,
        "port": running.port,
        "up": running.is_up,
        "pool": running.pool.name if running.pool is not None else "",
        "reason": running.degraded_reason if running.is_up else running.down_reason,
        "queue": running.depth(),
        "received": None if received is None else round(clock.wall() - (clock.now() - received), 3),
        "pins": None if pins is None else sorted(pins),
        "counters": dict(sorted(counters.items())),
    }


def capture_header(running: RunningLine, pieces: list[Piece]) -> Json:
    """Return what a capture says of itself; `wall` is the wall clock at `time` on the timeline."""
    clock = running.clock
    start = pieces[0].time if pieces else clock.now()
    return {
        "line": running.name,
        "kind": running.kind,
        "port": running.port,
        "forgotten": running.recorder.forgotten,
        "forgotten_bytes": running.recorder.forgotten_bytes,
        "time": start,
        "wall": clock.wall() - (clock.now() - start),
    }


def piece(entry: Piece) -> Json:
    """Return one piece of a capture; `data` as in a capture file."""
    return {"time": entry.time, "what": entry.what, "channel": entry.channel, "data": readable(entry.data)}
