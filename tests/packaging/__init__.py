"""What is shipped and how it is set up: the tree, the wheel, the pins, the environment, the systemd units."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
