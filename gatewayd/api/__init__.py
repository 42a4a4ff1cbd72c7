"""The REST interface: one wrapper for every operation, one package per dialect."""

from gatewayd.api.app import build_app, build_runner
from gatewayd.api.options import ApiOptions

__all__ = ["ApiOptions", "build_app", "build_runner"]
