"""What a cube's arrays are, and what they say of themselves (CF-1.11 and GeoZarr attributes)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
import zarr
from pyproj import CRS
from zarr.codecs import BloscCodec

from pipeline.errors import UserError
from pipeline.geometry.grid import Extent, Grid, Window
from pipeline.cube.store import array

LABELS = ("landcover", "coarse", "confidence", "refined", "observations")
DAYS = ("first_clear", "last_clear")
CHUNK = 512
SMALLEST_LEVEL = 512
BLOCKS_PER_CHUNK = 64
STATES = ("not_processed", "mapped", "degraded", "no_observation")
MADE_EARLIER = "the cube was made by an earlier version of this system; name another cube"
UNPROCESSED, MAPPED, DEGRADED, EMPTY = range(len(STATES))


@dataclass(frozen=True)
class Layout:
    """What a cube is made for; a region that differs needs a cube of its own."""

    extent: Extent
    bands: tuple[str, ...]
    classes: tuple[dict[str, Any], ...]

    def as_attributes(self) -> dict[str, Any]:
        grid, window = self.extent.grid, self.extent.window
        return {
            "grid": {"crs": grid.crs, "resolution": grid.resolution, "block": grid.block},
            "window": [window.y0, window.x0, window.y1, window.x1],
            "area": None if self.extent.area is None else self.extent.area.wkt,
            "bands": list(self.bands),
            "classes": [dict(row) for row in self.classes],
        }

    @staticmethod
    def of(group: zarr.Group) -> "Layout":
        a: dict[str, Any] = dict(group.attrs)
        if "area" not in a:
            raise UserError(MADE_EARLIER)
        area = None if a["area"] is None else shapely.from_wkt(a["area"])
        return Layout(Extent(Grid(**a["grid"]), Window(*a["window"]), area), tuple(a["bands"]), tuple(a["classes"]))

    @property
    def levels(self) -> int:
        """How many times the map is halved until its longer side is at most 512 pixels."""
        level = 0
        while max(self.extent.shape) >> level > SMALLEST_LEVEL:
            level += 1
        return level


def period_index(group: zarr.Group, start: date) -> int | None:
    """Where along time the period that begins on `start` lies; None if the cube does not have it."""
    days = np.asarray(array(group, "time")).tolist()
    day = _day(start)
    return days.index(day) if day in days else None


def _day(when: date) -> int:
    return int(np.datetime64(when, "D").astype(int))


def check(group: zarr.Group | None, layout: Layout, period: tuple[date, date]) -> None:
    """Raises UserError if a cube is made for another layout, or holds a period that begins alike and ends otherwise."""
    if group is None:
        return
    if "blocks/holes" not in group:
        raise UserError(MADE_EARLIER)
    held, wanted = Layout.of(group).as_attributes(), layout.as_attributes()
    for what in held:
        if held[what] != wanted[what]:
            raise UserError(
                f"the cube was made for {what} {held[what]!s:.200}, not {wanted[what]!s:.200}; "
                "name another cube in the region file"
            )
    at = period_index(group, period[0])
    if at is not None and int(np.asarray(array(group, "time_bnds"))[at, 1]) != _day(period[1]):
        raise UserError(
            f"the cube holds a period from {period[0]} with another end than {period[1]}; give the same end, another "
            "start or another cube"
        )


def prepare(group: zarr.Group, layout: Layout, period: tuple[date, date]) -> int:
    """Makes the arrays if there are none, and adds the period if it is new; returns its index along time."""
    if "mosaic" not in group:
        _create(group, layout)
    at = period_index(group, period[0])
    if at is not None:
        return at
    start, end = map(_day, period)
    times = np.asarray(array(group, "time"))
    timed = [
        "time",
        "time_bnds",
        "mosaic",
        *LABELS,
        *DAYS,
        *(f"levels/{level}/landcover" for level in range(1, layout.levels + 1)),
    ]
    timed += [f"blocks/{name}" for name in ("mosaic", "landcover", "aggregate", "state", "clear", "pixels", "holes")]
    for name in timed:
        grown = array(group, name)
        grown.resize((len(times) + 1, *grown.shape[1:]))
    array(group, "time")[-1] = start
    array(group, "time_bnds")[-1] = (start, end)
    return len(times)


def _create(group: zarr.Group, layout: Layout) -> None:
    extent, block = layout.extent, layout.extent.grid.block
    rows, cols = extent.shape
    chunk = min(CHUNK, block) if block % CHUNK == 0 else 256
    group.attrs.update({"Conventions": "CF-1.11", **layout.as_attributes(), **_geozarr(extent, 0)})
    _coordinates(group, extent, 0)
    epoch = {"units": "days since 1970-01-01", "calendar": "standard"}
    _array(group, "time", (0,), (64,), "int64", ("time",), {**epoch, "standard_name": "time", "bounds": "time_bnds"})
    _array(group, "time_bnds", (0, 2), (64, 2), "int64", ("time", "bnds"), epoch)
    group.create_array("band", data=np.array(layout.bands, dtype=np.dtypes.StringDType()), dimension_names=("band",))
    group.create_array("spatial_ref", shape=(), dtype="int64", attributes=_crs_attributes(extent), dimension_names=())
    flags: dict[str, Any] = {
        "flag_values": [row["code"] for row in layout.classes],
        "flag_meanings": " ".join(re.sub(r"[^A-Za-z0-9]+", "_", row["name"]).strip("_") for row in layout.classes),
        "flag_colors": " ".join(row["color"] for row in layout.classes),
    }
    about: dict[str, dict[str, Any]] = {
        "landcover": {"long_name": "land cover, boundaries refined", **flags},
        "coarse": {"long_name": "land cover before refinement", **flags},
        "confidence": {"long_name": "probability of the mapped class", "units": "percent"},
        "refined": {
            "long_name": "what refinement did",
            "flag_values": [0, 1, 2],
            "flag_meanings": "not_considered confirmed changed",
        },
        "observations": {"long_name": "clear observations", "units": "1"},
        "first_clear": {"long_name": "day of the first clear observation", "units": "days since 1970-01-01"},
        "last_clear": {"long_name": "day of the last clear observation", "units": "days since 1970-01-01"},
    }
    located = {"grid_mapping": "spatial_ref"}
    _array(
        group,
        "mosaic",
        (0, len(layout.bands), rows, cols),
        (1, 1, chunk, chunk),
        "uint16",
        ("time", "band", "y", "x"),
        {"long_name": "surface reflectance", "units": "1e-4", "_FillValue": 0, **located},
        shards=(1, len(layout.bands), block, block),
    )
    for name in (*LABELS, *DAYS):
        _array(
            group,
            name,
            (0, rows, cols),
            (1, chunk, chunk),
            "uint16" if name in DAYS else "uint8",
            ("time", "y", "x"),
            {**about[name], "_FillValue": 0, **located},
            shards=(1, block, block),
        )
    levels = group.create_group("levels", attributes=_multiscales(layout))
    for level in range(1, layout.levels + 1):
        finer = levels.create_group(str(level), attributes=_geozarr(extent, level))
        shape = tuple(-(-side >> level) for side in extent.shape)
        _array(
            finer,
            "landcover",
            (0, *shape),
            (1, 256, 256),
            "uint8",
            ("time", "y", "x"),
            {**about["landcover"], "_FillValue": 0},
            shards=(1, block, block),
        )
        _coordinates(finer, extent, level)
    blocks = group.create_group("blocks")
    count = extent.block_range.shape
    small = (1, BLOCKS_PER_CHUNK, BLOCKS_PER_CHUNK)
    states = {"flag_values": list(range(len(STATES))), "flag_meanings": " ".join(STATES)}
    for name in ("mosaic", "landcover", "aggregate"):
        about_it = {"long_name": f"fingerprint of what the block's {name} was made from"}
        _array(blocks, name, (0, *count), small, "uint64", ("time", "by", "bx"), about_it)
    _array(blocks, "state", (0, *count), small, "uint8", ("time", "by", "bx"), states)
    clear = {"long_name": "clear observations of the block's median pixel", "units": "1"}
    _array(blocks, "clear", (0, *count), small, "uint8", ("time", "by", "bx"), clear)
    holes = {"long_name": "pixels with a clear observation and no class", "units": "1"}
    _array(blocks, "holes", (0, *count), small, "uint32", ("time", "by", "bx"), holes)
    classes = len(layout.classes)
    _array(
        blocks,
        "pixels",
        (0, *count, classes),
        (*small, classes),
        "uint32",
        ("time", "by", "bx", "class"),
        {"long_name": "pixels of each class"},
    )


def _array(
    group: zarr.Group,
    name: str,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: str,
    dims: Sequence[str],
    attributes: dict[str, Any],
    shards: Sequence[int] | None = None,
) -> None:
    group.create_array(
        name,
        shape=tuple(shape),
        chunks=tuple(chunks),
        shards=None if shards is None else tuple(shards),
        dtype=dtype,
        fill_value=0,
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        dimension_names=tuple(dims),
        attributes=attributes,
    )


def _transform(extent: Extent, level: int) -> tuple[float, float, float, float, float, float]:
    """Affine (a, b, c, d, e, f) of a level's arrays."""
    r, (row, col) = extent.grid.resolution, extent.origin
    return r * 2**level, 0.0, col * r, 0.0, -r * 2**level, -row * r


def _coordinates(group: zarr.Group, extent: Extent, level: int) -> None:
    a, _, c, _, e, f = _transform(extent, level)
    rows, cols = (-(-side >> level) for side in extent.shape)
    for axis, start, step, length in (("y", f, e, rows), ("x", c, a, cols)):
        attributes: dict[str, Any] = {
            "units": "m",
            "standard_name": f"projection_{axis}_coordinate",
            "axis": axis.upper(),
        }
        group.create_array(
            axis, data=start + (np.arange(length) + 0.5) * step, dimension_names=(axis,), attributes=attributes
        )


def _crs_attributes(extent: Extent) -> dict[str, Any]:
    a, b, c, d, e, f = _transform(extent, 0)
    return {**CRS(extent.grid.crs).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}


def _geozarr(extent: Extent, level: int) -> dict[str, Any]:
    return {
        "proj:code": extent.grid.crs,
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": list(_transform(extent, level)),
        "spatial:shape": [-(-side >> level) for side in extent.shape],
    }


def _multiscales(layout: Layout) -> dict[str, Any]:
    steps = [
        {"asset": str(n), "derived_from": ".." if n == 1 else str(n - 1), "transform": {"scale": [2.0, 2.0]}}
        for n in range(1, layout.levels + 1)
    ]
    return {"multiscales": {"layout": steps, "resampling_method": "mode"}}
