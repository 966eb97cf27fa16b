"""Create the arrays of a cube, and add periods to them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from catalogs.items.provider import REFLECTANCE, Unit
from pipeline.cube.geozarr import crs_attributes, placed, pyramid, shape_of, transform_of
from pipeline.cube.schema import (
    BLOCKS_PER_CHUNK,
    CHANGES,
    CHUNK,
    DAYS,
    LABELS,
    LEVEL_ARRAYS,
    STATES,
    Layout,
    class_flags,
    day_number,
    period_index,
    pixel_maps,
)
from pipeline.cube.store import array, path_of
from pipeline.geometry.extent import Extent

CONVENTIONS = "CF-1.11"
DAY_UNITS = "days since 1970-01-01"
TIME_UNITS = {"units": DAY_UNITS, "calendar": "standard"}
NODATA = {"_FillValue": 0}
FAST = 1
"""Level of zstd for coarser levels: a fifth of the time of level 3, for classes 8 and for confidence 0.3 % larger."""


def add_period(group: zarr.Group, layout: Layout, period: tuple[date, date]) -> int:
    """Makes the arrays if there are none, and adds the period if it is new, to all records of blocks; returns its index
    along time."""
    if path_of("mosaic") not in group:
        _create(group, layout)
    at = period_index(group, period[0])
    if at is not None:
        return at
    count, levels = array(group, "time").shape[0], range(layout.levels + 1)
    records = [f"blocks/{name}" for name in sorted(group.require_group("blocks").array_keys())]
    names = [(name, 0) for name in ("mosaic", *pixel_maps(group), *records)]
    names += [(name, level) for level in levels[1:] for name in LEVEL_ARRAYS]
    names += [(name, level) for level in levels for name in ("time", "time_bnds")]
    for name, level in names:
        node = array(group, name, level)
        node.resize((count + 1, *node.shape[1:]))
    start, end = map(day_number, period)
    for level in levels:
        array(group, "time", level)[-1] = start
        array(group, "time_bnds", level)[-1] = (start, end)
    return count


def add_change_layer(group: zarr.Group, layout: Layout) -> None:
    """Makes the arrays of the change layer, for all periods, where there are none."""
    if path_of(CHANGES[0]) not in group:
        _create_maps(group, layout, CHANGES, array(group, "time").shape[0])


def _create(group: zarr.Group, layout: Layout) -> None:
    group.attrs.update({"Conventions": CONVENTIONS, **layout.as_attributes(), **pyramid(layout)})
    for level in range(layout.levels + 1):
        attributes = {"Conventions": CONVENTIONS, **placed(layout.extent, level)}
        _create_coordinates(group.create_group(str(level), attributes=attributes), layout.extent, level)
    _create_mosaic(group, layout)
    _create_maps(group, layout, (*LABELS, *DAYS))
    _create_levels(group, layout)
    _create_records(group, layout)


def _create_coordinates(group: zarr.Group, extent: Extent, level: int) -> None:
    _create_xy(group, extent, level)
    time = {**TIME_UNITS, "standard_name": "time", "bounds": "time_bnds"}
    _create_array(group, "time", (0,), (64,), "int64", ("time",), time)
    _create_array(group, "time_bnds", (0, 2), (64, 2), "int64", ("time", "bnds"), TIME_UNITS)
    _create_array(group, "spatial_ref", (), (), "int64", (), crs_attributes(extent, level))


def _create_mosaic(group: zarr.Group, layout: Layout) -> None:
    """One shard a block."""
    full, (rows, cols) = _level(group, 0), layout.extent.shape
    _create_coordinate(full, "band", np.array(layout.bands, dtype=np.dtypes.StringDType()), {})
    block, bands, chunk = layout.extent.grid.block, len(layout.bands), _chunk(layout)
    _create_array(
        full,
        "mosaic",
        (0, bands, rows, cols),
        (1, 1, chunk, chunk),
        "uint16",
        ("time", "band", "y", "x"),
        {**_unit_attributes(layout.unit), **_located(layout.extent, 0)},
        shards=(1, bands, block, block),
    )


def _create_maps(group: zarr.Group, layout: Layout, names: Sequence[str], periods: int = 0) -> None:
    """Maps at full resolution; one shard a block."""
    block, chunk, attributes = layout.extent.grid.block, _chunk(layout), _map_attributes(layout)
    for name in names:
        _create_array(
            _level(group, 0),
            name,
            (periods, *layout.extent.shape),
            (1, chunk, chunk),
            "uint16" if attributes[name].get("units") == DAY_UNITS else "uint8",
            ("time", "y", "x"),
            {**attributes[name], **_located(layout.extent, 0)},
            shards=(1, block, block),
        )


def _chunk(layout: Layout) -> int:
    block = layout.extent.grid.block
    return min(CHUNK, block) if block % CHUNK == 0 else 256


def unit_of(attributes: Mapping[str, Any]) -> Unit:
    """The unit of a mosaic by the attributes of its array."""
    if "scale_factor" not in attributes:
        return REFLECTANCE
    return Unit(str(attributes["long_name"]), float(attributes["scale_factor"]), float(attributes["add_offset"]))


def _unit_attributes(unit: Unit) -> dict[str, Any]:
    """CF: value = stored * scale_factor + add_offset, for all units but that of reflectance, whose stored numbers count
    in 1e-4."""
    if unit == REFLECTANCE:
        return {"long_name": "surface reflectance", "units": "1e-4"}
    return {"long_name": unit.name, "scale_factor": unit.scale, "add_offset": unit.offset}


def _located(extent: Extent, level: int) -> dict[str, Any]:
    return {**NODATA, "grid_mapping": "spatial_ref", **placed(extent, level)}


def _map_attributes(layout: Layout) -> dict[str, dict[str, Any]]:
    classes = class_flags(layout)
    return {
        "landcover": {"long_name": "land cover, boundaries refined", **classes},
        "coarse": {"long_name": "land cover before refinement", **classes},
        "confidence": {"long_name": "probability of the mapped class", "units": "percent"},
        "refined": {
            "long_name": "what refinement did",
            "flag_values": [0, 1, 2],
            "flag_meanings": "not_considered confirmed changed",
        },
        "observations": {"long_name": "clear observations", "units": "1"},
        "first_clear": {"long_name": "day of the first clear observation", "units": DAY_UNITS},
        "last_clear": {"long_name": "day of the last clear observation", "units": DAY_UNITS},
        "change": {"long_name": "probability of the last change that was mapped", "units": "percent"},
        "change_day": {"long_name": "day on which that change was seen clear", "units": DAY_UNITS},
    }


def _create_levels(group: zarr.Group, layout: Layout) -> None:
    """Land cover and confidence at half, quarter, ... resolution."""
    extent, block, attributes = layout.extent, layout.extent.grid.block, _map_attributes(layout)
    dimensions, shards = ("time", "y", "x"), (1, block, block)
    for level in range(1, layout.levels + 1):
        shape, located = (0, *shape_of(extent, level)), _located(extent, level)
        for name, method in zip(LEVEL_ARRAYS, ("mode", "mean"), strict=True):
            reduced = {**attributes[name], "cell_methods": f"area: {method}", **located}
            _create_array(_level(group, level), name, shape, (1, 256, 256), "uint8", dimensions, reduced, shards, FAST)


def _level(group: zarr.Group, level: int) -> zarr.Group:
    return group.require_group(str(level))


def _create_records(group: zarr.Group, layout: Layout) -> None:
    """One value a block and period, but for the pixels of each class."""
    blocks = group.create_group("blocks")
    shape, chunks = (0, *layout.extent.block_range.shape), (1, BLOCKS_PER_CHUNK, BLOCKS_PER_CHUNK)
    dimensions, classes = ("time", "by", "bx"), len(layout.classes)
    for name in ("mosaic", "landcover", "aggregate"):
        fingerprint = {"long_name": f"fingerprint of what the block's {name} was made from"}
        _create_array(blocks, name, shape, chunks, "uint64", dimensions, fingerprint)
    states = {"flag_values": list(range(len(STATES))), "flag_meanings": " ".join(STATES)}
    _create_array(blocks, "state", shape, chunks, "uint8", dimensions, states)
    clear = {"long_name": "clear observations of the block's median pixel", "units": "1"}
    _create_array(blocks, "clear", shape, chunks, "uint8", dimensions, clear)
    holes = {"long_name": "pixels with a clear observation and no class", "units": "1"}
    _create_array(blocks, "holes", shape, chunks, "uint32", dimensions, holes)
    pixels = {"long_name": "pixels of each class"}
    _create_array(blocks, "pixels", (*shape, classes), (*chunks, classes), "uint32", (*dimensions, "class"), pixels)


def _create_array(
    group: zarr.Group,
    name: str,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: str,
    dimensions: Sequence[str],
    attributes: dict[str, Any],
    shards: Sequence[int] | None = None,
    zstd: int = 3,
) -> None:
    group.create_array(
        name,
        shape=tuple(shape),
        chunks=tuple(chunks),
        shards=None if shards is None else tuple(shards),
        dtype=dtype,
        fill_value=0,
        compressors=(BloscCodec(cname="zstd", clevel=zstd, shuffle="shuffle"), Crc32cCodec()),
        dimension_names=tuple(dimensions),
        attributes=attributes,
    )


def _create_xy(group: zarr.Group, extent: Extent, level: int) -> None:
    """Coordinates of the pixel centres of a level."""
    a, _, c, _, e, f = transform_of(extent, level)
    rows, cols = shape_of(extent, level)
    for axis, start, step, length in (("y", f, e, rows), ("x", c, a, cols)):
        attributes: dict[str, Any] = {
            "units": "m",
            "standard_name": f"projection_{axis}_coordinate",
            "axis": axis.upper(),
        }
        _create_coordinate(group, axis, start + (np.arange(length) + 0.5) * step, attributes)


def _create_coordinate(group: zarr.Group, name: str, values: np.ndarray, attributes: dict[str, Any]) -> None:
    compressors = ZstdCodec(), Crc32cCodec()
    group.create_array(name, data=values, compressors=compressors, dimension_names=(name,), attributes=attributes)
