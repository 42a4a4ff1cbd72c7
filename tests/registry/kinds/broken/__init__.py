"""A driver whose library is not installed."""

raise ImportError("no module named 'libhorn'")
