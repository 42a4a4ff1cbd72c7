"""Tests that drive a real browser; `tools/test --all` installs it and runs them."""
