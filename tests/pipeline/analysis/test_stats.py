"""Stats of zones, and the sums of `zones.py` that they are made of; files of them: `zone_tables.py`."""

from dataclasses import replace
from datetime import date

import geopandas
import made_versions as made
import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from pipeline.analysis import zones as zones_module
from pipeline.analysis.stats import changes, stats, zones_on
from pipeline.analysis.zone_tables import check_suffix, write
from pipeline.analysis.zones import tile_sums
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

CODES = [row["code"] for row in made.CLASSES]
AUTUMN = date(2024, 9, 1), date(2024, 11, 30)
EXTENT = made.LAYOUT.extent
QUICK = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])


def patches(seed):
    """A map of patches of 16 pixels, some without a class."""
    rng = np.random.default_rng(seed)
    small_HW = rng.choice([0, *CODES], (32, 44), p=[0.1, 0.5, 0.3, 0.1]).astype(np.uint8)
    code_HW = made.plain(0)
    code_HW[:512, :700] = np.kron(small_HW, np.ones((16, 16), np.uint8))[:512, :700]
    code_HW[:256, 256:512] = 10
    return code_HW


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """Two versions; the newer has two periods. Confidence is written for the second."""
    cube = Cube.create(tmp_path_factory.mktemp("zones") / "cube")
    made.published(cube, patches(1))
    branch, time, base = made.mapped(cube, patches(2), AUTUMN, "b")
    session = cube.repository.writable_session(branch)
    confidence_HW = np.random.default_rng(5).integers(1, 101, EXTENT.shape).astype(np.uint8)
    store.array(session_group(session), "confidence")[time] = confidence_HW
    session.commit("confidence")
    versions.publish(cube, branch, base, replace(made.ORIGIN, run="b"))
    return cube


def in_metres(shape):
    """From pixels (column, row) to EPSG:3035."""
    return shapely.transform(shape, lambda xy: xy * (10, -10))


def zones_of(shapes, crs="EPSG:3035", extent=EXTENT):
    frame = geopandas.GeoDataFrame(geometry=list(shapes), crs=crs)
    return zones_on(frame, [f"zone {n}" for n in range(len(frame))], extent)


def areas(answer, names):
    return np.array([[row.hectares for row in answer.classes if row.zone == name] for name in names])


def rectangles():
    side = st.integers(-40, 800)
    return st.tuples(side, side, st.integers(1, 600), st.integers(1, 600)).map(
        lambda box: shapely.box(box[0], box[1], box[0] + box[2], box[1] + box[3])
    )


def stars():
    """Simple polygons of any place and size, some with a hole."""

    def star(values):
        x, y, size, radii, holed = values
        angle = np.linspace(0, 2 * np.pi, len(radii) + 1)[:-1]
        points = np.stack([x + size * np.array(radii) * np.cos(angle), y + size * np.array(radii) * np.sin(angle)], 1)
        outer = shapely.Polygon(points)
        return shapely.Polygon(points, [points.mean(0) * 0.8 + points * 0.2]) if holed and len(radii) > 5 else outer

    number = st.floats(-50, 800, allow_nan=False)
    radii = st.lists(st.floats(0.2, 1), min_size=3, max_size=12)
    return st.tuples(number, number, st.floats(1, 500), radii, st.booleans()).map(star).filter(lambda s: s.is_valid)


@QUICK
@given(boxes=st.lists(rectangles(), min_size=1, max_size=6))
def test_zones_of_whole_pixels_equal_a_count_of_the_pixels(cube, boxes):
    boxes = [*boxes, shapely.box(0, 0, 700, 512)]
    zones = zones_of(map(in_metres, boxes))
    answer = stats(cube, zones, periods=[made.SUMMER[0], AUTUMN[0]])
    expected = []
    for box in boxes:
        x0, y0, x1, y1 = (int(side) for side in box.bounds)
        for seed in (1, 2):
            part = patches(seed)[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
            expected.append([(part == code).sum() for code in CODES])
    assert np.array_equal(np.round(areas(answer, zones.names).reshape(-1, 3) * 100, 9), expected)


@QUICK
@given(shapes=st.lists(stars(), min_size=1, max_size=6))
def test_zones_equal_exactextract_on_pixels_of_their_border(cube, shapes):
    shapes = [*(in_metres(shape) for shape in shapes), in_metres(shapely.box(0, 0, 700, 512))]
    zones = zones_of(shapes)
    answer = areas(stats(cube, zones, confidence=True), zones.names)
    code_HW = patches(2)
    source = NumPyRasterSource(code_HW, 0, -5120, 7680, 0, srs_wkt=CRS(3035).to_wkt())
    frame = geopandas.GeoDataFrame(geometry=shapes, crs=3035)
    table = exact_extract(source, frame, ["values", "coverage"], output="pandas")
    for n, (values, coverage) in enumerate(zip(table["values"], table["coverage"], strict=True)):
        expected = [coverage[values == code].sum() / 100 for code in CODES]
        # exactextract rounds each weight to 24 bits
        assert np.allclose(answer[n], expected, rtol=1e-9, atol=6e-10 * len(shapely.get_coordinates(shapes[n])) + 1e-8)


@QUICK
@given(shapes=st.lists(stars(), min_size=1, max_size=3))
def test_the_change_matrix_of_zones_equals_a_count_of_pairs(cube, shapes):
    shapes = [*map(in_metres, shapes), in_metres(shapely.box(100, 0, 600, 512))]
    zones = zones_of(shapes)
    answer = changes(cube, zones, (None, made.SUMMER[0]))
    pair_HW = patches(1).astype(np.uint16) * 256 + patches(2)
    source = NumPyRasterSource(pair_HW, 0, -5120, 7680, 0, srs_wkt=CRS(3035).to_wkt())
    table = exact_extract(
        source, geopandas.GeoDataFrame(geometry=shapes, crs=3035), ["values", "coverage"], output="pandas"
    )
    names = {0: "no data"} | {row["code"]: row["name"] for row in made.CLASSES}
    for n, name in enumerate(zones.names):
        found = {(row.from_, row.to): row.hectares for row in answer.changes if row.zone == name}
        for pair in np.unique(pair_HW[pair_HW > 0]):
            expected = table["coverage"][n][table["values"][n] == pair].sum() / 100
            assert found.get((names[pair // 256], names[pair % 256]), 0) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@QUICK
@given(codes=st.sets(st.integers(1, 255), min_size=1, max_size=40), seed=st.integers(0, 99))
def test_tiles_are_summed_the_same_whatever_the_class_table(codes, seed):
    values = len(codes) + 1
    image_HW = np.random.default_rng(seed).choice([0, *codes], (128, 192)).astype(np.uint8)
    table = np.full(256, len(codes), np.uint8)
    table[sorted(codes)] = np.arange(len(codes))
    expected = [
        [np.bincount(table[image_HW[y : y + 64, x : x + 64]].ravel(), minlength=values) for x in range(0, 192, 64)]
        for y in range(0, 128, 64)
    ]
    assert np.array_equal(tile_sums(image_HW, table, values), expected)
    weighted = tile_sums(image_HW, table, values, np.full((128, 192), 0.5))
    assert np.allclose(weighted, np.array(expected) / 2)


def test_blocks_that_a_zone_covers_whole_are_not_read(cube, monkeypatch):
    read = []
    image = zones_module.Layer.image
    monkeypatch.setattr(
        zones_module.Layer, "image", lambda layer, rows, cols: read.append((rows, cols)) or image(layer, rows, cols)
    )
    zones = zones_of([in_metres(shapely.box(256, 0, 768, 256)), in_metres(shapely.box(0, 0, 700, 512))])
    stats(cube, zones)
    assert {(rows.start, cols.start) for rows, cols in read} == {(0, 512), (256, 512)}
    read.clear()
    stats(cube, zones, confidence=True)
    assert len(read) > 6


def test_confidence_is_the_mean_over_the_covered_area(cube):
    zone = in_metres(shapely.box(200.5, 100.25, 400.75, 300))
    zones = zones_of([zone])
    rows = stats(cube, zones, confidence=True).classes
    confidence_HW = np.asarray(store.array(cube.group(), "confidence")[1])
    weight_HW = np.zeros(EXTENT.shape)
    weight_HW[100:300, 200:401] = 1
    weight_HW[100] *= 0.75
    weight_HW[:, 200] *= 0.5
    weight_HW[:, 400] *= 0.75
    for row in rows:
        of_class_HW = weight_HW * (patches(2) == row.code)
        assert row.hectares == pytest.approx(of_class_HW.sum() / 100)
        assert row.confidence_percent == pytest.approx((of_class_HW * confidence_HW).sum() / of_class_HW.sum())
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert all(row.confidence_percent is None for row in stats(cube, zones).classes)


def test_overlaps_count_in_both_and_empty_or_outside_zones_have_nothing(cube):
    square = in_metres(shapely.box(10, 10, 300, 300))
    zones = zones_of([square, square, shapely.Polygon(), in_metres(shapely.box(2000, 0, 2001, 1))])
    answer = stats(cube, zones)
    found = areas(answer, zones.names)
    assert np.array_equal(found[0], found[1])
    assert found[0].sum() > 0
    assert not found[2:].any()
    assert answer.outside == ["zone 2", "zone 3"]
    assert [round(zone.hectares, 5) for zone in answer.zones] == [841, 841, 0, 0.01]
    with pytest.raises(UserError, match="none of the 1 zones touches the cube's region"):
        zones_of([in_metres(shapely.box(2000, 0, 2001, 1))])


def test_the_same_zones_in_degrees_give_the_same_areas(cube):
    square = in_metres(shapely.box(10, 10, 300, 300))
    degrees = geopandas.GeoSeries([shapely.segmentize(square, 5)], crs=3035).to_crs(4326)
    a = areas(stats(cube, zones_of([square])), ["zone 0"])
    b = areas(stats(cube, zones_of(degrees, 4326)), ["zone 0"])
    assert np.allclose(a, b, rtol=1e-6)


def test_a_version_and_a_period_that_are_not_there_are_told(cube):
    zones = zones_of([in_metres(shapely.box(10, 10, 300, 300))])
    with pytest.raises(UserError, match="no version 'nonsense'"):
        stats(cube, zones, "nonsense")
    with pytest.raises(UserError, match="no period from 2020-01-01; give one of 2024-05-01, 2024-09-01"):
        stats(cube, zones, periods=[date(2020, 1, 1)])


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:3832"])
def test_hectares_are_true_on_a_grid_that_is_not_equal_area(tmp_path, monkeypatch, crs):
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(17.9, 60)
    row, col = int(-y // 10 // 256) * 256, int(x // 10 // 256) * 256
    extent = Extent(Grid(crs, 10, 256), Window(row, col, row + 512, col + 700))
    monkeypatch.setattr(made, "LAYOUT", replace(made.LAYOUT, extent=extent))
    cube = Cube.create(tmp_path / "cube")
    made.published(cube, made.plain(10))
    left, bottom, right, top = extent.grid.bounds(extent.window)
    zones = zones_of([shapely.box(left + 3, bottom + 7, right - 1000, top - 5)], crs, extent)
    (zone,) = stats(cube, zones).zones
    assert zone.mapped_hectares[0] == pytest.approx(zone.hectares, rel=1e-6)
    assert abs(zone.hectares / (shapely.area(zones.shapes[0]) / 1e4) - 1) > 1e-4


def test_a_table_is_written_whole_or_not_at_all(cube, tmp_path):
    zones = zones_of([in_metres(shapely.box(10, 10, 300, 300))])
    answer = stats(cube, zones)
    write(answer, zones, tmp_path / "areas.csv")
    assert len((tmp_path / "areas.csv").read_text().splitlines()) == 4
    with pytest.raises(RunError, match="cannot be written"):
        write(answer, zones, tmp_path / "nowhere" / "areas.csv")
    with pytest.raises(UserError, match=r"ends in .csv or .parquet"):
        check_suffix(tmp_path / "areas.shp")
    assert [file.name for file in tmp_path.iterdir()] == ["areas.csv"]
