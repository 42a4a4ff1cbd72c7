"""The people side as one readable file: users, contacts, groups, plans, alarms, routes. Pure functions, no store."""

from gatewayd.sitefile.merging import merge
from gatewayd.sitefile.reading import SiteFile, parse
from gatewayd.sitefile.writing import dump

__all__ = ["SiteFile", "dump", "merge", "parse"]
