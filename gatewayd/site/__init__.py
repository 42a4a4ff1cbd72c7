"""The people side as one readable file: users, contacts, groups, plans, alarms, routes. Pure functions, no store."""

from gatewayd.site.dump import dump
from gatewayd.site.merge import merge
from gatewayd.site.parse import SiteFile, parse

__all__ = ["SiteFile", "dump", "merge", "parse"]
