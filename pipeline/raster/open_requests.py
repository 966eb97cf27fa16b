"""A limit on the HTTP requests that a process has open."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 32
"""Open requests per process, at most: one for each row of tiles of the reads in progress."""

_condition = threading.Condition()
_count = 0


@contextmanager
def reserve(count: int) -> Iterator[None]:
    """Reserves `count` requests for the block, after waiting until no more than `LIMIT` would be open."""
    global _count
    with _condition:
        _condition.wait_for(lambda: _count + count <= LIMIT)
        _count += count
    try:
        yield
    finally:
        with _condition:
            _count -= count
            _condition.notify_all()
