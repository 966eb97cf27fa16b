import copy
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import zarr
from made_versions import CLASSES, LAYOUT, SUMMER
from pyproj import CRS

from pipeline.cube.create import add_period
from pipeline.cube.geozarr import UUIDS, crs_attributes, placed, pyramid, transform_of
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

SCHEMAS = {
    name: json.loads((Path(__file__).parents[2] / "helpers" / "conventions" / f"{name}.json").read_text())
    for name in UUIDS
}
# Blocks (-2, 1) to (0, 2) of 256 pixels of 20 m: the first pixel is row -512, column 256.
EXTENT = Extent(Grid("EPSG:3035", 20, 256), Window(-400, 300, 100, 700))


def test_the_transform_starts_at_the_corner_of_the_first_block():
    assert transform_of(EXTENT, 0) == (20, 0, 5120, 0, -20, 10240)
    assert transform_of(EXTENT, 2) == (80, 0, 5120, 0, -80, 10240)


def without_conventions(attributes):
    return {name: value for name, value in attributes.items() if name != "zarr_conventions"}


def uuids(attributes):
    return {convention["name"]: convention["uuid"] for convention in attributes["zarr_conventions"]}


def test_a_level_names_its_crs_dimensions_transform_and_shape():
    found = placed(EXTENT, 1)
    assert uuids(found) == {name: UUIDS[name] for name in ("proj", "spatial")}
    assert without_conventions(found) == {
        "proj:code": "EPSG:3035",
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": [40, 0, 5120, 0, -40, 10240],
        "spatial:shape": [384, 256],
    }


def test_the_grid_mapping_is_cf_with_gdals_transform_of_the_level():
    attributes = crs_attributes(EXTENT, 0)
    assert attributes["GeoTransform"] == "5120 20 0.0 10240 0.0 -20"
    assert crs_attributes(EXTENT, 1)["GeoTransform"] == "5120 40 0.0 10240 0.0 -40"
    assert CRS.from_cf(attributes) == CRS("EPSG:3035")


def test_the_pyramid_begins_at_full_resolution_and_every_level_is_derived_from_the_finer_one():
    layout = replace(LAYOUT, extent=replace(EXTENT, window=Window(0, 0, 2048, 100)))
    found = pyramid(layout)
    assert uuids(found) == UUIDS
    assert found["spatial:bbox"] == [0, -40960, 5120, 0]
    steps = found["multiscales"]["layout"]
    assert [(step["asset"], step.get("derived_from")) for step in steps] == [("0", None), ("1", "0"), ("2", "1")]
    assert [step["transform"]["scale"] for step in steps] == [[1, 1], [2, 2], [2, 2]]
    assert [step["spatial:shape"] for step in steps] == [[2048, 256], [1024, 128], [512, 64]]
    assert [step["spatial:transform"][0] for step in steps] == [20, 40, 80]
    assert found["multiscales"]["resampling_method"] == "mode"


@pytest.fixture(scope="module")
def made():
    """A new cube of two levels: nodes of its store by path, as the text of their zarr.json has them."""
    store = {}
    add_period(zarr.create_group(store=store), LAYOUT, SUMMER)
    return {
        key.removesuffix("zarr.json").rstrip("/"): json.loads(content.to_bytes())
        for key, content in store.items()
        if key.endswith("zarr.json")
    }


def test_the_group_of_the_pyramid_its_levels_and_their_arrays_follow_the_schemas_of_the_conventions(made):
    levels = {step["asset"] for step in made[""]["attributes"]["multiscales"]["layout"]}
    assert levels == {"0", "1"}
    checked = set()
    for path, node in made.items():
        if path == "" or path in levels or "y" in (node.get("dimension_names") or ())[-2:-1]:
            named = uuids(node["attributes"])
            assert set(named) == (set(UUIDS) if path == "" else {"proj", "spatial"})
            for name in named:
                jsonschema.validate(node, SCHEMAS[name])
            checked.add(path)
    maps = ("mosaic", "landcover", "coarse", "confidence", "refined", "observations", "first_clear", "last_clear")
    assert checked == {"", "0", "1", *(f"0/{name}" for name in maps), "1/landcover", "1/confidence"}


BREAKS = {
    "a level of another folder": ("multiscales", lambda a: a["multiscales"]["layout"][1].update(derived_from="..")),
    "no level": ("multiscales", lambda a: a["multiscales"]["layout"].clear()),
    "a level from another without a transform": (
        "multiscales",
        lambda a: a["multiscales"]["layout"][1].pop("transform"),
    ),
    "the convention is not declared": ("multiscales", lambda a: a["zarr_conventions"].pop(0)),
    "another UUID": ("proj", lambda a: a["zarr_conventions"][1].update(uuid="0")),
    "no CRS": ("proj", lambda a: a.pop("proj:code")),
    "a level without a place": ("spatial", lambda a: a["multiscales"]["layout"][0].pop("spatial:transform")),
    "a transform beside the levels'": (
        "spatial",
        lambda a: a.update({"spatial:transform": [1, 0, 0, 0, 1, 0]}),
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_the_schemas_refuse_what_the_conventions_forbid(made, case):
    name, spoil = BREAKS[case]
    node = copy.deepcopy(made[""])
    spoil(node["attributes"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(node, SCHEMAS[name])


def test_shapes_transforms_and_coordinates_of_a_level_agree(made):
    for step in made[""]["attributes"]["multiscales"]["layout"]:
        level = step["asset"]
        for path in (level, f"{level}/landcover", f"{level}/confidence"):
            for key in ("spatial:transform", "spatial:shape"):
                assert made[path]["attributes"][key] == step[key]
        assert made[f"{level}/landcover"]["shape"][1:] == step["spatial:shape"]
        a, b, c, d, e, f = step["spatial:transform"]
        assert made[f"{level}/spatial_ref"]["attributes"]["GeoTransform"] == f"{c} {a} {b} {f} {d} {e}"


def test_every_array_of_classes_has_cf_flags(made):
    for path in ("0/landcover", "0/coarse", "1/landcover"):
        attributes = made[path]["attributes"]
        assert attributes["flag_values"] == [row["code"] for row in CLASSES]
        assert attributes["flag_meanings"].split() == [row["name"] for row in CLASSES]
    for path, count in (("0/refined", 3), ("blocks/state", 4)):
        attributes = made[path]["attributes"]
        assert len(attributes["flag_values"]) == len(attributes["flag_meanings"].split()) == count
