"""The cubes of regions that are joined, each at its newest version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import zarr
from shapely.geometry.base import BaseGeometry

from pipeline.continent.preference import Offer
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import EMPTY, Layout, period_index
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId, Window
from pipeline.storage.location import Location, parse_location

EPOCH = date(1970, 1, 1)
AROUND = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""In sides of a block, how far around it cubes are compared: a model sees that far, or less."""


@dataclass(frozen=True)
class Regional:
    """A cube at a version. periods: index along time by (first, last day)."""

    cube: Cube
    version: str
    layout: Layout
    periods: dict[tuple[date, date], int]

    @property
    def name(self) -> str:
        return str(self.cube.location)

    @cached_property
    def group(self) -> zarr.Group:
        return self.cube.group(snapshot=self.version)

    @cached_property
    def _published(self) -> list[tuple[int, str]]:
        """Microseconds after 1970 and snapshot of the kept versions on the way to this one, newest first."""
        return [
            (int(snapshot.written_at.timestamp() * 1e6), snapshot.id)
            for snapshot in self.cube.repository.ancestry(snapshot_id=self.version)
            if snapshot.metadata.get("published")
        ]

    def record(self, name: str, period: tuple[date, date], blocks: Window) -> np.ndarray:
        """`blocks/NAME` of a rectangle of absolute blocks, (rows, columns, ...); zeros where the cube has none."""
        source = store.array(self.group, f"blocks/{name}")
        return _window(source, self.periods.get(period), self.layout.extent.block_range, blocks)

    def offer(self, period: tuple[date, date], blocks: Window) -> Offer:
        """What the cube has of a rectangle of absolute blocks."""
        extent = self.layout.extent
        there_YX = (self.record("landcover", period, blocks) != 0) & (self.record("mosaic", period, blocks) != 0)
        seen_YX = there_YX & (self.record("state", period, blocks) != EMPTY)
        return Offer(
            there_YX + seen_YX.astype(np.int64),
            np.stack([held_pixels(extent, blocks, round(extent.grid.block * share)) for share in AROUND]),
            self._first_published(period, blocks),
            self.record("clear", period, blocks).astype(np.int64),
        )

    def ground(self, block: BlockId) -> BaseGeometry:
        """The part of a block that lies in the cube's region, in the grid's CRS."""
        return grounds(self.layout.extent, block[0], np.array([block[1]]), 0)[0]

    def _first_published(self, period: tuple[date, date], blocks: Window) -> np.ndarray:
        """When the first of the kept versions that hold a block's map without a break was published."""
        now_YX = self.record("landcover", period, blocks)
        when_YX = np.zeros(now_YX.shape, np.int64)
        same_YX = now_YX != 0
        for published, snapshot in self._published:
            then = self.cube.group(snapshot=snapshot)
            time = period_index(then, period[0])
            record = store.array(then, "blocks/landcover")
            same_YX &= _window(record, time, self.layout.extent.block_range, blocks) == now_YX
            if not same_YX.any():
                break
            when_YX[same_YX] = published
        return when_YX


def _window(source: zarr.Array, time: int | None, of: Window, blocks: Window) -> np.ndarray:
    result = np.zeros((*blocks.shape, *source.shape[3:]), source.dtype)
    part = of & blocks
    if time is not None and not part.empty:
        result[part.slices((blocks.y0, blocks.x0))] = source[time, *part.slices((of.y0, of.x0))]
    return result


def held_pixels(extent: Extent, blocks: Window, pad: int) -> np.ndarray:
    """Pixels of each block, grown by `pad` pixels, that lie in a region; int64 YX."""
    ix_N = np.arange(blocks.x0, blocks.x1)
    ground_YX: Any = np.array([grounds(extent, iy, ix_N, pad) for iy in range(blocks.y0, blocks.y1)])
    return np.rint(shapely.area(ground_YX) / extent.grid.resolution**2).astype(np.int64)


def grounds(extent: Extent, iy: int, ix_N: np.ndarray, pad: int) -> Any:
    """The parts of blocks of one row, grown by `pad` pixels, that lie in a region."""
    box_N = extent.boxes(iy, ix_N, pad)
    return box_N if extent.area is None else shapely.intersection(extent.area, box_N)


def open_regionals(locations: Sequence[str | Path], continent: Location) -> list[Regional]:
    """The newest versions of cubes, in their order.

    Raises UserError where there is none, where one is named twice or is the continent itself, and where they differ in
    grid, bands, classes or the last day of a period.
    """
    own = absolute(continent)
    places = [absolute(parse_location(location)) for location in locations]
    if not places:
        raise UserError("no cubes to join were named; name one or more cubes of regions")
    for place in places:
        if place == own:
            raise UserError(f"{place} is the continent itself and cannot be joined into it; leave it out of the cubes")
        if places.count(place) > 1:
            raise UserError(f"{place} is named twice; name each cube once")
    regionals = [_open(place) for place in places]
    for other in regionals[1:]:
        check_same(regionals[0].layout, regionals[0].name, other)
    check_periods(regionals)
    return regionals


def absolute(location: Location) -> Location:
    """A location by which two names of one folder can be compared."""
    return location.resolve() if isinstance(location, Path) else location


def _open(location: Location) -> Regional:
    cube = Cube.open(location)
    try:
        version = versions.resolve(cube)
    except UserError:
        raise UserError(
            f"nothing is published in the cube at {location} yet; run its region to the end first"
        ) from None
    group = cube.group(snapshot=version)
    bounds = np.asarray(store.array(group, "time_bnds")).tolist()
    periods = {(EPOCH + timedelta(start), EPOCH + timedelta(end)): index for index, (start, end) in enumerate(bounds)}
    return Regional(cube, version, Layout.of(group), periods)


def check_same(layout: Layout, name: str, other: Regional) -> None:
    """Raises UserError if a cube has another grid, other bands or classes than the layout of the cube `name`."""
    ours, theirs = (
        {
            "CRS": each.extent.grid.crs,
            "resolution": each.extent.grid.resolution,
            "block size": each.extent.grid.block,
            "bands": list(each.bands),
            "classes": [dict(row) for row in each.classes],
        }
        for each in (layout, other.layout)
    )
    for what, value in ours.items():
        if theirs[what] != value:
            raise UserError(
                f"{other.name} has {what} {_first_difference(theirs[what], value)}, but {name} has "
                f"{_first_difference(value, theirs[what])}; cubes of one grid and one class table can be joined"
            )


def _first_difference(value: Any, other: Any) -> str:
    """A value in words; of lists of one length the first item that differs."""
    if isinstance(value, list) and len(value) == len(other):
        value = next(ours for ours, theirs in zip(value, other, strict=True) if ours != theirs)
    return f"{value!s:.200}"


def check_periods(regionals: Sequence[Regional]) -> None:
    """Raises UserError if two cubes have a period from one day with different last days."""
    known: dict[date, tuple[date, str]] = {}
    for regional in regionals:
        for start, end in regional.periods:
            last, name = known.setdefault(start, (end, regional.name))
            if last != end:
                raise UserError(
                    f"{regional.name} has a period from {start} to {end}, but {name} one from {start} to {last}; cubes "
                    "whose periods of one first day have one last day can be joined"
                )
