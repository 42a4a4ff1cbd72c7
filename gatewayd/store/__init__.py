"""What has to survive: one SQLite file behind one small class. All SQL of the project lives in this package."""

from gatewayd.store.database import DataDirectoryBusy, DataLock, NewerDatabase, running_daemon
from gatewayd.store.listing import Listing, Query
from gatewayd.store.store import Store, open_store

__all__ = [
    "DataDirectoryBusy",
    "DataLock",
    "Listing",
    "NewerDatabase",
    "Query",
    "Store",
    "open_store",
    "running_daemon",
]
