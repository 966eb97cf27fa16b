"""The status of a cube while a run works in it."""

import time as clock
from collections.abc import Iterator

from pipeline.cube.cube import Cube
from pipeline.cube.status import Status, status
from pipeline.storage import lease

SECONDS = 2.0
"""Time between two looks."""


def watch(cube: Cube, seconds: float = SECONDS) -> Iterator[Status]:
    """The status now, and again whenever it has changed; ends when no run works in the cube, with the last status.

    A process of this machine works until it has ended, one elsewhere until its lock has stood still for the seconds
    after which another may take the cube over. Raises RunError.
    """
    shown: Status | None = None
    beat, since = None, clock.monotonic()
    while True:
        holder = lease.holder(cube.files)
        if holder is not None and beat != (holder.id, holder.beat):
            beat, since = (holder.id, holder.beat), clock.monotonic()
        if (now := status(cube)) != shown:
            shown = now
            yield now
        if holder is None or holder.dead or not (holder.near or clock.monotonic() - since < lease.EXPIRY):
            return
        clock.sleep(seconds)
