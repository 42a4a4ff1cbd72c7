"""Kinds as the registry finds them, for tests that must not depend on a real driver."""
