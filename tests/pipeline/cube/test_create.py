"""The arrays of a new cube, as they are written; their bytes and metadata must not change between versions."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import zarr
from made_versions import CLASSES, LAYOUT, SUMMER

from pipeline.cube.create import add_change_layer, add_period
from pipeline.cube.schema import CHANGES
from pipeline.geometry.grid import Grid, Window

NEXT = date(2025, 5, 1), date(2025, 8, 31)
PIXELS, RECORDS = ("time", "y", "x"), ("time", "by", "bx")
# name: dtype, shape after one period, chunks, shards, dimensions
ARRAYS = {
    "0/mosaic": ("uint16", (1, 1, 512, 768), (1, 1, 256, 256), (1, 1, 256, 256), ("time", "band", "y", "x")),
    **dict.fromkeys(
        [f"0/{name}" for name in ("landcover", "coarse", "confidence", "refined", "observations")],
        ("uint8", (1, 512, 768), (1, 256, 256), (1, 256, 256), PIXELS),
    ),
    **dict.fromkeys(("0/first_clear", "0/last_clear"), ("uint16", (1, 512, 768), (1, 256, 256), (1, 256, 256), PIXELS)),
    **dict.fromkeys(("1/landcover", "1/confidence"), ("uint8", (1, 256, 384), (1, 256, 256), (1, 256, 256), PIXELS)),
    **{
        f"blocks/{name}": ("uint64", (1, 2, 3), (1, 64, 64), None, RECORDS)
        for name in ("mosaic", "landcover", "aggregate")
    },
    "blocks/state": ("uint8", (1, 2, 3), (1, 64, 64), None, RECORDS),
    "blocks/clear": ("uint8", (1, 2, 3), (1, 64, 64), None, RECORDS),
    "blocks/holes": ("uint32", (1, 2, 3), (1, 64, 64), None, RECORDS),
    "blocks/pixels": ("uint32", (1, 2, 3, 3), (1, 64, 64, 3), None, (*RECORDS, "class")),
    **dict.fromkeys(("0/time", "1/time"), ("int64", (1,), (64,), None, ("time",))),
    **dict.fromkeys(("0/time_bnds", "1/time_bnds"), ("int64", (1, 2), (64, 2), None, ("time", "bnds"))),
}


@pytest.fixture
def group():
    group = zarr.group()
    assert add_period(group, LAYOUT, SUMMER) == 0
    return group


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_has_its_type_shape_chunks_shards_and_dimensions(group, name):
    node = group[name]
    found = str(node.dtype), node.shape, node.chunks, node.shards, node.metadata.dimension_names
    assert found == ARRAYS[name]
    assert node.fill_value == 0
    codec, checksum = node.compressors
    assert checksum.to_dict() == {"name": "crc32c"}
    assert codec.to_dict()["configuration"] | {"typesize": 0} == {
        "typesize": 0,
        "cname": "zstd",
        "clevel": 1 if name in ("1/landcover", "1/confidence") else 3,
        "shuffle": "shuffle",
        "blocksize": 0,
    }


def test_no_other_arrays_are_made_than_coordinates(group):
    names = {name for name, node in group.members(None) if isinstance(node, zarr.Array)}
    assert names - set(ARRAYS) == {f"{n}/{name}" for n in (0, 1) for name in ("y", "x", "spatial_ref")} | {"0/band"}


def test_coordinates_are_the_centres_of_the_pixels(group):
    assert group["0/x"][:3].tolist() == [5.0, 15.0, 25.0]
    assert group["0/y"][:3].tolist() == [-5.0, -15.0, -25.0]
    assert group["1/x"][:2].tolist() == [10.0, 30.0]
    assert group["1/y"].shape == (256,)
    assert group["0/band"][:].tolist() == ["red"]


def test_classes_are_cf_flags(group):
    for name in ("0/landcover", "0/coarse", "1/landcover"):
        attributes = dict(group[name].attrs)
        assert attributes["flag_values"] == [row["code"] for row in CLASSES]
        assert attributes["flag_meanings"] == "Tree Grass Water"
        assert attributes["_FillValue"] == 0
    assert group["0/landcover"].attrs["grid_mapping"] == "spatial_ref"
    assert group["blocks/state"].attrs["flag_meanings"] == "not_processed mapped degraded no_observation"


def test_a_second_period_grows_every_array_and_keeps_the_first(group):
    group["0/landcover"][0] = 10
    group["blocks/pixels"][0] = 5
    assert add_period(group, LAYOUT, NEXT) == 1
    assert add_period(group, LAYOUT, SUMMER) == 0
    for name, (_, shape, *_) in ARRAYS.items():
        assert group[name].shape == (2, *shape[1:])
    assert (group["0/landcover"][0] == 10).all()
    assert not group["0/landcover"][1].any()
    assert (group["blocks/pixels"][:, 0, 0, 0] == [5, 0]).all()
    days = group["0/time_bnds"][:] + np.datetime64("1970-01-01")
    assert [[str(day) for day in row] for row in days] == [[str(day) for day in period] for period in (SUMMER, NEXT)]


def test_the_chunk_is_512_where_that_divides_a_block():
    for block, chunk in ((1024, 512), (768, 256), (256, 256)):
        group = zarr.group()
        extent = replace(LAYOUT.extent, grid=Grid("EPSG:3035", 10, block), window=Window(0, 0, 10, 10))
        add_period(group, replace(LAYOUT, extent=extent), SUMMER)
        assert group["0/landcover"].chunks == (1, chunk, chunk)
        assert group["0/landcover"].shards == (1, block, block)


def test_the_change_layer_is_made_for_all_periods_and_grows_with_them(group):
    add_period(group, LAYOUT, NEXT)
    add_change_layer(group, LAYOUT)
    layer = [group[f"0/{name}"] for name in CHANGES]
    assert [(array.dtype, array.shape) for array in layer] == [("uint8", (2, 512, 768)), ("uint16", (2, 512, 768))]
    layer[0][1, 3, 5] = 77
    add_change_layer(group, LAYOUT)
    add_period(group, LAYOUT, (date(2026, 5, 1), date(2026, 8, 31)))
    assert group["0/change"].shape == group["0/change_day"].shape == group["0/landcover"].shape
    assert group["0/change"][1, 3, 5] == 77
    assert group["0/change"].attrs["grid_mapping"] == "spatial_ref"
