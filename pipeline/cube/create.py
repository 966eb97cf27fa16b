"""Create the arrays of a cube and its periods."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from pipeline.cube.geozarr import crs_attributes, geozarr, multiscales, transform_of
from pipeline.cube.schema import BLOCKS_PER_CHUNK, CHUNK, DAYS, LABELS, STATES, Layout, _day, period_index
from pipeline.cube.store import array
from pipeline.geometry.extent import Extent


def add_period(group: zarr.Group, layout: Layout, period: tuple[date, date]) -> int:
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
    group.attrs.update({"Conventions": "CF-1.11", **layout.as_attributes(), **geozarr(extent, 0)})
    _coordinates(group, extent, 0)
    epoch = {"units": "days since 1970-01-01", "calendar": "standard"}
    _array(group, "time", (0,), (64,), "int64", ("time",), {**epoch, "standard_name": "time", "bounds": "time_bnds"})
    _array(group, "time_bnds", (0, 2), (64, 2), "int64", ("time", "bnds"), epoch)
    group.create_array("band", data=np.array(layout.bands, dtype=np.dtypes.StringDType()), dimension_names=("band",))
    group.create_array("spatial_ref", shape=(), dtype="int64", attributes=crs_attributes(extent), dimension_names=())
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
    levels = group.create_group("levels", attributes=multiscales(layout))
    for level in range(1, layout.levels + 1):
        finer = levels.create_group(str(level), attributes=geozarr(extent, level))
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


def _coordinates(group: zarr.Group, extent: Extent, level: int) -> None:
    a, _, c, _, e, f = transform_of(extent, level)
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
