"""Choose benchmarks, run them, print a table and, if asked for, a JSON file."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from tools.benches.report import machine, print_table

BENCHES = ("queue", "latency", "rest", "lines", "sip", "webpush", "sms")


def main() -> None:
    """Run what the command line names; everything when it names nothing."""
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("bench", nargs="*", choices=[*BENCHES, []], help="which ones; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    chosen = parser.parse_args()
    print(machine())
    figures = {}
    for name in chosen.bench or BENCHES:
        rows = importlib.import_module(f"tools.benches.{name}").measure()
        print_table(name, rows)
        figures[name] = [row._asdict() for row in rows]
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
