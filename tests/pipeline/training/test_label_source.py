"""Labels from maps, vectors and cubes on a region's grid. Covers `label_source.py`, `label_map.py`, `label_vector.py`,
`label_cube.py`, `area_kinds.py`.
"""

import json
from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import zarr
from made_rasters import write
from made_versions import ORIGIN, SUMMER, mapped, plain

from catalogs.items.class_table import MapClass
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.raster.level import Raster
from pipeline.training.area_kinds import CubeLabels, MapClassRow, RasterLabels, Split, VectorLabels
from pipeline.training.label_cube import open_cube_labels
from pipeline.training.label_map import open_label_maps
from pipeline.training.label_source import agreed, class_rows, eroded
from pipeline.training.label_vector import open_vector_labels

GRID = Grid("EPSG:32633", 10.0, 256)
WINDOW = Window(-530_000, 50_000, -529_960, 50_050)
RASTER = Raster("EPSG:32633", 500_000.0, 5_300_000.0, 10.0, 40, 50, None)
REGION = SimpleNamespace(extent=Extent(GRID, WINDOW), name="here")
CODES = np.random.default_rng(0).choice(np.array([1, 2, 3], np.uint8), (40, 50))
TABLE = [MapClass(10, "Trees", "#006400"), MapClass(20, "Shrubs", None), MapClass(80, "Water", "#0000ff")]
WATER, LAND = (MapClassRow(code=code, name=name, color="#123456") for code, name in ((1, "Water"), (2, "Land")))


def from_array(label_HW, window=WINDOW):
    """A draw of labels that are none outside of an array."""

    def draw(part):
        padded_HW = np.pad(label_HW, 20)
        return padded_HW[Window.slices(part, (window.y0 - 20, window.x0 - 20))]

    return draw


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_erosion_leaves_pixels_whose_whole_neighbourhood_has_their_label(pixels):
    label_HW = np.kron(np.random.default_rng(1).integers(0, 3, (6, 7)), np.ones((8, 8))).astype(np.uint8)[:40, :50]
    found_HW = eroded(from_array(label_HW), pixels)(WINDOW)
    padded_HW = np.pad(label_HW, pixels)
    for y, x in np.ndindex(label_HW.shape):
        near = padded_HW[y : y + 2 * pixels + 1, x : x + 2 * pixels + 1]
        assert found_HW[y, x] == (label_HW[y, x] if (near == label_HW[y, x]).all() else 0)


def test_erosion_does_not_depend_on_where_a_tile_is_cut():
    draw = eroded(from_array(np.kron(CODES[::10, ::10], np.ones((10, 10), np.uint8))), 2)
    half = Window(WINDOW.y0 + 13, WINDOW.x0, WINDOW.y1, WINDOW.x1)
    assert (draw(WINDOW)[13:] == draw(half)).all()


def test_several_maps_label_where_all_of_them_agree():
    other_HW = np.where(CODES == 3, 2, CODES).astype(np.uint8)
    assert (agreed([from_array(CODES), from_array(other_HW)])(WINDOW) == np.where(other_HW == CODES, CODES, 0)).all()


def test_classes_are_those_of_the_table_or_of_the_recipe_or_merged_by_the_mapping():
    assert class_rows(None, TABLE, {}, "map")[1]["name"] == "Shrubs"
    merged = class_rows(None, TABLE, {10: 1, 20: 1, 80: 2}, "map")
    assert [(row["code"], row["name"]) for row in merged] == [(1, "Trees, Shrubs"), (2, "Water")]
    assert [row["name"] for row in class_rows(None, TABLE, {10: 10, 20: 10, 80: 80}, "map")] == ["Trees", "Water"]
    assert [row["code"] for row in class_rows([WATER, LAND], TABLE, {80: 1, 10: 2}, "map")] == [1, 2]


@pytest.mark.parametrize(
    ("named", "table", "mapping", "says"),
    [
        (None, [], {}, "tells no names of its classes"),
        (None, [MapClass(0, "None", None), *TABLE], {}, "has the class 0"),
        ([WATER, LAND], TABLE, {10: 7}, "mapping gives 10 the code 7"),
        (None, TABLE, {10: 1, 20: 1}, "1 classes"),
    ],
)
def test_classes_that_nobody_tells_are_asked_for(named, table, mapping, says):
    with pytest.raises(UserError, match=says) as told:
        class_rows(named, table, mapping, "map.tif")
    assert "\n" not in str(told.value)


def raster_areas(path, classes=(WATER, LAND), **changes):
    return RasterLabels(kind="raster", region="r", maps=[{"path": path} | changes], classes=classes and list(classes))


def test_a_raster_is_brought_to_classes_by_its_mapping_and_other_values_have_no_label(tmp_path):
    """Also of 0, negative and floating values, which are no data elsewhere."""
    path = write(tmp_path / "map.tif", np.where(CODES == 1, -5.0, np.where(CODES == 2, 0, 7.5)).astype("f4"), RASTER)
    source = open_label_maps(raster_areas(path, mapping={-5: 1, 0: 2}), REGION)
    assert (source.draw(WINDOW) == np.where(CODES == 3, 0, CODES)).all()
    assert [row["name"] for row in source.classes] == ["Water", "Land"]


def test_no_data_of_a_raster_has_no_label(tmp_path):
    path = write(tmp_path / "map.tif", CODES, RASTER, nodata=2)
    assert (open_label_maps(raster_areas(path, mapping={1: 1, 3: 2}), REGION).draw(WINDOW) != 0).sum() == (
        CODES != 2
    ).sum()


def test_the_class_table_of_a_raster_names_the_classes(tmp_path):
    path = write(tmp_path / "map.tif", CODES, RASTER)
    with rasterio.open(path, "r+") as target:
        target.update_tags(legend="1 Water\n2 Land\n3 Ice\n")
    source = open_label_maps(raster_areas(path, classes=None), REGION)
    assert [row["name"] for row in source.classes] == ["Water", "Land", "Ice"]
    assert (source.draw(WINDOW) == CODES).all()


def test_a_map_that_is_not_there_or_no_raster_is_told(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        open_label_maps(raster_areas(tmp_path / "none.tif"), REGION)
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(UserError, match="labels cannot be read"):
        open_label_maps(raster_areas(tmp_path / "text.tif"), REGION).draw(WINDOW)


def features(path, shapes, crs="EPSG:32633", **columns):
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path


def box(row, col, height, width):
    """A polygon of whole pixels of the window."""
    left, top = 500_000 + 10 * col, 5_300_000 - 10 * row
    return shapely.box(left, top - 10 * height, left + 10 * width, top)


def vector(path, column="land", **changes):
    return VectorLabels(kind="vector", region="r", path=path, column=column, **changes)


def test_polygons_label_the_pixels_whose_centre_they_cover_and_overlaps_of_classes_have_none(tmp_path):
    shapes = [box(2, 3, 10, 12), box(20, 5, 6, 6), box(8, 10, 10, 10), box(30, 30, 5, 5)]
    path = features(tmp_path / "p.gpkg", shapes, land=["pond", "pond", "field", "unknown"])
    found_HW = open_vector_labels(vector(path, mapping={"pond": 1, "field": 2}), REGION).draw(WINDOW)
    expected_HW = np.zeros((40, 50), int)
    expected_HW[2:12, 3:15] = expected_HW[20:26, 5:11] = 1
    expected_HW[8:18, 10:20] = 2
    expected_HW[8:12, 10:15] = 0
    assert (found_HW == expected_HW).all()


def test_points_in_degrees_label_the_pixel_that_contains_them(tmp_path):
    points = geopandas.GeoSeries([box(4, 7, 1, 1).centroid, box(9, 1, 1, 1).centroid], crs="EPSG:32633").to_crs(4326)
    path = features(tmp_path / "p.geojson", points, crs="EPSG:4326", land=[5, 9])
    source = open_vector_labels(vector(path), REGION)
    assert [(row["code"], row["name"]) for row in source.classes] == [(5, "5"), (9, "9")]
    assert np.argwhere(source.draw(WINDOW)).tolist() == [[4, 7], [9, 1]]
    assert source.draw(WINDOW)[4, 7] == 5


def test_names_of_a_column_become_classes_by_themselves(tmp_path):
    path = features(tmp_path / "p.shp", [box(0, 0, 9, 9), box(20, 0, 9, 9)], land=["wood", "lake"])
    source = open_vector_labels(vector(path), REGION)
    assert [(row["code"], row["name"]) for row in source.classes] == [(1, "lake"), (2, "wood")]
    named = open_vector_labels(vector(path, classes=[WATER, MapClassRow(code=9, name="wood", color="#000000")]), REGION)
    assert set(np.unique(named.draw(WINDOW))) == {0, 9}


def test_features_are_kept_by_a_column(tmp_path):
    path = features(tmp_path / "p.gpkg", [box(0, 0, 9, 9), box(20, 0, 9, 9)], land=["a", "b"], fold=[1, 2])
    used, others = (open_vector_labels(vector(path), REGION, ("fold", ("2",), used)) for used in (True, False))
    assert set(np.unique(used.draw(WINDOW))) == {0, 2}
    assert set(np.unique(others.draw(WINDOW))) == {0, 1}
    assert used.identity != others.identity


@pytest.mark.parametrize(
    ("changes", "kept", "says"),
    [
        ({"column": "class"}, None, "has no column 'class'"),
        ({"mapping": {"sea": 1, "ice": 2}}, None, "no feature of .* has a class; its column 'land' has 'a'"),
        ({"column": "fold"}, None, "1 different values"),
        ({}, ("fold", ("7",), True), "has no '7'; it has '1'"),
    ],
)
def test_vectors_that_do_not_fit_are_told_in_one_sentence(tmp_path, changes, kept, says):
    path = features(tmp_path / "p.gpkg", [box(0, 0, 9, 9), box(20, 0, 9, 9)], land=["a", "b"], fold=[1, 1])
    with pytest.raises(UserError, match=says) as told:
        open_vector_labels(vector(path, **changes), REGION, kept)
    assert "\n" not in str(told.value)


def test_an_earlier_map_labels_where_it_is_confident(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    landcover_HW = plain()
    landcover_HW[:100] = 80
    branch, time, base = mapped(cube, landcover_HW)
    session = cube.repository.writable_session(branch)
    confidence_HW = np.full(landcover_HW.shape, 90, np.uint8)
    confidence_HW[50:200] = 60
    store.array(zarr.open_group(session.store), "confidence")[time] = confidence_HW
    session.commit("confidence")
    versions.publish(cube, branch, base, ORIGIN)
    region = SimpleNamespace(extent=Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, 512, 700)), name="here")
    areas = CubeLabels(kind="cube", region="r", cube=tmp_path / "cube", period=SUMMER[0])
    source = open_cube_labels(areas, region)
    expected_HW = np.where(confidence_HW >= 80, landcover_HW, 0)[:512, :700]
    assert [row["code"] for row in source.classes] == [10, 30, 80]
    assert (source.draw(Window(0, 0, 512, 700)) == expected_HW).all()
    json.dumps(source.identity)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"by": "blocks"}, "needs 'size'"),
        ({"by": "column", "column": "fold"}, "needs 'validation'"),
        ({"by": "checkerboard", "size": 9, "share": 0.5}, "has no 'share'"),
        ({"by": "column", "column": "fold", "validation": ["a"], "size": 5}, "has no 'size'"),
    ],
)
def test_a_split_names_what_its_kind_needs(keys, says):
    with pytest.raises(ValueError, match=says):
        Split(**keys)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "one of 'path' and 'collection'"),
        ({"path": "a.tif", "collection": "b", "asset": "map"}, "one of 'path' and 'collection'"),
        ({"collection": "b"}, "'collection' and 'asset' together"),
        ({"path": "a.tif", "period": ["2021-01-01", "2021-12-31"]}, "leave them out beside 'path'"),
    ],
)
def test_a_map_is_one_file_or_one_asset_of_a_collection(keys, says):
    with pytest.raises(ValueError, match=says):
        RasterLabels(kind="raster", region="r", maps=[keys])
