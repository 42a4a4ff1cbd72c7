"""What a measurement looks like."""

from __future__ import annotations

import os
import platform
import statistics
from typing import NamedTuple


class Row(NamedTuple):
    """One figure beside its ceiling; `ratio` is written so that more is better."""

    what: str
    unit: str
    ceiling: float
    measured: float
    ratio: float


def machine() -> str:
    """Describe the machine in the words that matter for the figures."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    )


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def print_table(name: str, rows: list[Row]) -> None:
    """Print the figures for people."""
    width = max(len(row.what) for row in rows)
    print(f"\n{name}")
    for row in rows:
        print(
            f"  {row.what:<{width}}  ceiling {row.ceiling:>12,.2f}  measured {row.measured:>12,.2f} {row.unit:<8}"
            f"  ratio {row.ratio:5.2f}"
        )
