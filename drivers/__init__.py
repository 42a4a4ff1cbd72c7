"""The drivers that ship with gatewayd: one folder a kind, found by convention, never imported by name."""
