"""The REST interface: one wrapper for every operation, one package per dialect."""

from gatewayd.api.app import build_runner, build_server
from gatewayd.api.options import ApiOptions

__all__ = ["ApiOptions", "build_runner", "build_server"]
