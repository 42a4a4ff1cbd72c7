"""Scope: pages handed to paging encoders of Scope, or to others that emulate them."""

from drivers.scope.driver import ScopeDriver
from drivers.scope.settings import ScopeSettings

DRIVER = ScopeDriver
SETTINGS = ScopeSettings
