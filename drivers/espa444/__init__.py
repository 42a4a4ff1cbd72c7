"""ESPA 4.4.4: panels call paging systems over a polled serial line."""
