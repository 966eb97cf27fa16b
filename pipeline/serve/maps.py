"""The versions of a cube that a server has open, and the names that lead to them."""

import time as clock
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from threading import Lock

import zarr

from pipeline.analysis.query import Points
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import UserError

OPEN = 16
"""Versions that are kept open."""
FRESH_SECONDS = 2.0
"""How long a tag, or the newest version, is taken to name the same version."""


@dataclass(frozen=True)
class Map:
    """One version. times: index along time of each period by its first day, in the order of days. ranges: kept by
    `map_range`."""

    version: str
    points: Points
    times: Mapping[date, int]
    periods: tuple[tuple[date, date], ...]
    ranges: dict[tuple[date, tuple[int, ...]], tuple[float, float]] = field(default_factory=dict, compare=False)

    @staticmethod
    def open(cube: Cube, version: str) -> "Map":
        points = Points.of(cube, version)
        bounds = points.periods
        order = sorted(range(len(bounds)), key=lambda at: bounds[at])
        times = {bounds[at][0]: at for at in order}
        return Map(version, points, times, tuple(bounds[at] for at in order))

    @property
    def group(self) -> zarr.Group:
        return self.points.group

    @property
    def layout(self) -> Layout:
        return self.points.layout

    def period(self, label: str | None) -> date:
        """The first day of the period of a label, by default of the latest. Raises UserError."""
        if label is None:
            return self.periods[-1][0]
        try:
            day = date.fromisoformat(label)
            self.times[day]
        except (ValueError, KeyError):
            there = ", ".join(map(str, self.times))
            raise UserError(f"period is {label!r:.40}; give the first day of one of the map's: {there}") from None
        return day

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees; west > east across the antimeridian."""
        extent = self.layout.extent
        return extent.grid.lonlat_bounds(extent.window)


@dataclass
class Maps:
    """The versions of one cube, opened when they are asked for; for any number of threads."""

    cube: Cube
    _open: OrderedDict[str, Map] = field(default_factory=OrderedDict)
    _named: dict[str | None, tuple[str, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def known(self, name: str | None = None) -> str | None:
        """`version` where it need not be looked up, else None."""
        with self._lock:
            if name in self._open:
                return name
            snapshot, until = self._named.get(name, ("", 0.0))
        return snapshot if clock.monotonic() < until else None

    def version(self, name: str | None = None) -> str:
        """The snapshot of a version, a tag, "newest" (the default) or "previous". Raises UserError."""
        if known := self.known(name):
            return known
        snapshot = versions.resolve(self.cube, name)
        with self._lock:
            if len(self._named) >= OPEN:
                self._named.clear()
            self._named[name] = snapshot, clock.monotonic() + FRESH_SECONDS
        return snapshot

    def map(self, name: str | None = None) -> Map:
        """A version, opened. Raises UserError where there is none of this name."""
        version = self.version(name)
        with self._lock:
            if version in self._open:
                self._open.move_to_end(version)
                return self._open[version]
        opened = Map.open(self.cube, version)
        with self._lock:
            self._open[version] = opened
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        return opened
