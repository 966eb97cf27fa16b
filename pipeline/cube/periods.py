"""The periods of a version of a cube, along its time axis."""

from datetime import date

import numpy as np
import zarr

from pipeline.cube.schema import period_index
from pipeline.cube.store import array
from pipeline.errors import UserError


def periods_of(group: zarr.Group) -> list[tuple[date, date]]:
    """First and last day of each period, in the order of the time axis, which is not that of days."""
    return [(first, last) for first, last in np.asarray(array(group, "time_bnds")).astype("datetime64[D]").tolist()]


def newest_period(group: zarr.Group) -> date:
    """The first day of the latest period."""
    return max(first for first, _ in periods_of(group))


def time_of(group: zarr.Group, version: str, start: date | None = None) -> int:
    """Index along time of the period that starts on `start`, by default of the latest one.

    Raises UserError where the version has no such period.
    """
    time = period_index(group, newest_period(group) if start is None else start)
    if time is None:
        there = ", ".join(str(first) for first, _ in sorted(periods_of(group)))
        raise UserError(f"version {version} has no period from {start}; give one of {there}")
    return time
