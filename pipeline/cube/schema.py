"""The layout of a cube: extent, bands and classes, and the names and chunks of its arrays."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
import zarr

from catalogs.items.provider import REFLECTANCE, Unit
from idgbr.classes import cf_flags
from pipeline.cube.sources import is_joined
from pipeline.cube.store import array, path_of
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

MOSAIC_ARRAYS = ("mosaic", "observations", "first_clear", "last_clear")
MAP_ARRAYS = ("landcover", "coarse", "confidence", "refined")
LABELS = (*MAP_ARRAYS, "observations")
LEVEL_ARRAYS = ("landcover", "confidence")
"""What the coarser levels hold."""
DAYS = ("first_clear", "last_clear")
CHANGES = ("change", "change_day")
"""The change layer, which only updates with a change model make."""
CHUNK = 512
SMALLEST_LEVEL = 512
BLOCKS_PER_CHUNK = 64
STATES = ("not_processed", "mapped", "degraded", "no_observation")
MADE_EARLIER = (
    "the cube was made by an earlier version of this system, with other paths of arrays; name another cube in the "
    "region file and run again, or read this one with the version that made it"
)
UNPROCESSED, MAPPED, DEGRADED, EMPTY = range(len(STATES))


@dataclass(frozen=True)
class Layout:
    """What all versions of a cube share; a region with another layout needs another cube. `unit`: of the mosaic."""

    extent: Extent
    bands: tuple[str, ...]
    classes: tuple[dict[str, Any], ...]
    unit: Unit = REFLECTANCE

    def as_attributes(self) -> dict[str, Any]:
        grid, window = self.extent.grid, self.extent.window
        return {
            "grid": {"crs": grid.crs, "resolution": grid.resolution, "block": grid.block},
            "window": [window.y0, window.x0, window.y1, window.x1],
            "area": None if self.extent.area is None else self.extent.area.wkt,
            "bands": list(self.bands),
            "classes": [dict(row) for row in self.classes],
            **({} if self.unit == REFLECTANCE else {"unit": asdict(self.unit)}),
        }

    @staticmethod
    def of(group: zarr.Group) -> "Layout":
        return Layout.from_attributes(group.attrs.asdict())

    @staticmethod
    def from_attributes(a: Mapping[str, Any]) -> "Layout":
        """The inverse of `as_attributes`."""
        check_age(a)
        area = None if a["area"] is None else shapely.from_wkt(a["area"])
        extent = Extent(Grid(**a["grid"]), Window(*a["window"]), area)
        return Layout(extent, tuple(a["bands"]), tuple(a["classes"]), Unit(**a.get("unit", {})))

    @property
    def levels(self) -> int:
        """How many times the map is halved."""
        return halvings(self.extent.shape)


def halvings(shape: tuple[int, int]) -> int:
    """How many times an image is halved until its longer side is less than 513 pixels."""
    count = 0
    while max(shape) >> count > SMALLEST_LEVEL:
        count += 1
    return count


def check_age(attributes: Mapping[str, Any]) -> None:
    """Raises UserError if these are the attributes of a cube with the paths of before."""
    if "grid" in attributes and "multiscales" not in attributes:
        raise UserError(MADE_EARLIER)


def class_flags(layout: Layout) -> dict[str, Any]:
    """CF flags of an array of class codes."""
    return cf_flags(layout.classes)


def pixel_maps(group: zarr.Group) -> tuple[str, ...]:
    """The arrays of pixels that a cube has beside its mosaic."""
    return (*LABELS, *DAYS, *(CHANGES if path_of(CHANGES[0]) in group else ()))


def period_index(group: zarr.Group, start: date) -> int | None:
    """Index along time of the period that starts on `start`; None if the cube does not have it."""
    days = np.asarray(array(group, "time")).tolist()
    day = day_number(start)
    return days.index(day) if day in days else None


def day_number(when: date) -> int:
    """Days since 1970-01-01."""
    return int(np.datetime64(when, "D").astype(int))


def check_layout(group: zarr.Group | None, layout: Layout, period: tuple[date, date]) -> None:
    """Raises UserError if a cube is joined from others, has another layout, or a period of the same start and another
    end."""
    if group is None:
        return
    if is_joined(group):
        raise UserError("the cube is joined from others by 'idgbr join'; name another cube in the region file")
    existing, wanted = Layout.of(group).as_attributes(), layout.as_attributes()
    for what in {**existing, **wanted}:
        old, new = (each.get(what, "reflectance") for each in (existing, wanted))
        if old != new:
            raise UserError(
                f"the cube was made for {what} {old!s:.200}, not {new!s:.200}; name another cube in the region file"
            )
    at = period_index(group, period[0])
    if at is not None and int(np.asarray(array(group, "time_bnds"))[at, 1]) != day_number(period[1]):
        raise UserError(
            f"the cube holds a period from {period[0]} with another end than {period[1]}; give the same end, another "
            "start or another cube"
        )
