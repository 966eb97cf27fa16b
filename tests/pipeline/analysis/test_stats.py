"""Stats of zones, and what they are summed by: `question.py`, `zone_counts.py`, `bitmaps.py`, `zone_weights.py`.

Zones: `zones.py`. Files of them: `zone_tables.py`. Intervals: `area_interval.py`.
"""

import os
import signal
from dataclasses import dataclass, replace
from datetime import date

import geopandas
import made_versions as made
import numpy as np
import pytest
import shapely
from exact_reference import exact_coverage
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from pipeline.analysis import question
from pipeline.analysis.area_interval import AreaErrors
from pipeline.analysis.bitmaps import bitmaps, telling_bits
from pipeline.analysis.stats import changes, stats
from pipeline.analysis.workers import dask_workers
from pipeline.analysis.zone_counts import band_counts
from pipeline.analysis.zone_tables import check_suffix, write
from pipeline.analysis.zone_weights import band_weights, tile_sums
from pipeline.analysis.zones import zones_on
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.cube.shards import read_chunks
from pipeline.errors import RunError, UserError
from pipeline.geometry.borders import borders_of
from pipeline.geometry.coverage import edges_of
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

CODES = [row["code"] for row in made.CLASSES]
AUTUMN = date(2024, 9, 1), date(2024, 11, 30)
EXTENT = made.LAYOUT.extent
BOUNDS = 0, -5120, 7680, 0
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
    for n, (values, coverage) in enumerate(exact_coverage(patches(2), BOUNDS, 3035, shapes)):
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
    reference = exact_coverage(pair_HW, BOUNDS, 3035, shapes)
    names = {0: "no data"} | {row["code"]: row["name"] for row in made.CLASSES}
    for n, name in enumerate(zones.names):
        found = {(row.from_, row.to): row.hectares for row in answer.changes if row.zone == name}
        for pair in np.unique(pair_HW[pair_HW > 0]):
            values, coverage = reference[n]
            expected = coverage[values == pair].sum() / 100
            assert found.get((names[pair // 256], names[pair % 256]), 0) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@QUICK
@given(codes=st.sets(st.integers(1, 255), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_bitmaps_hold_the_pixels_of_each_value_whatever_the_class_table(codes, seed):
    codes = sorted(codes)
    rng = np.random.default_rng(seed)
    other = [0, 99] if seed % 2 else []
    images = rng.choice([*other, *codes[: rng.integers(1, 13)]], (2, 32, 192)).astype(np.uint8)
    table = np.full(256, len(codes))
    table[codes] = np.arange(len(codes))
    pair_HW = table[images[0]] * (len(codes) + 1) + table[images[1]]
    for maps, value_HW in ((images[:1], table[images[0]]), (images, pair_HW)):
        chunks = [[(0, 0, image_HW[:, :128]), (0, 128, image_HW[:, 128:])] for image_HW in maps]
        count_M = np.bincount(value_HW.ravel(), minlength=len(codes) + 1)
        for known_M in (None, count_M) if len(maps) == 1 else (None,):
            seen = dict(bitmaps(chunks, codes, (32, 192), known_M))
            assert set(seen) == set(np.unique(value_HW).tolist()) - ({len(codes)} if len(maps) == 1 else set())
            for value, bitmap in seen.items():
                hit_HW = value_HW == value
                bits_HW = np.unpackbits(
                    np.ascontiguousarray(bitmap.word_WH.T).view(np.uint8), axis=1, bitorder="little"
                )
                assert np.array_equal(bits_HW, hit_HW)
                assert np.array_equal(bitmap.row_H, hit_HW.sum(1))
                assert np.array_equal(bitmap.after_WH, [hit_HW[:, at:].sum(1) for at in (64, 128, 192)])


def test_classes_are_told_apart_by_few_bits_and_one_class_is_not_read():
    assert telling_bits((10, 20, 30, 40, 50, 60, 80, 90)) == (2, 4, 8, 16)
    assert telling_bits((7,)) == ()
    assert len(telling_bits(tuple(range(256)))) == 8

    def chunks():
        raise AssertionError("read")
        yield

    ((value, bitmap),) = bitmaps([chunks()], (10, 30), (4, 128), np.array([0, 9999, 0]))
    assert (value, bitmap.row_H.tolist()) == (1, [128] * 4)


def test_tiles_are_summed_by_weight():
    rng = np.random.default_rng(3)
    value_HW, weight_HW = rng.integers(0, 5, (128, 192)), rng.random((128, 192))
    expected = [
        [
            np.bincount(value_HW[y : y + 64, x : x + 64].ravel(), weight_HW[y : y + 64, x : x + 64].ravel(), 5)
            for x in range(0, 192, 64)
        ]
        for y in range(0, 128, 64)
    ]
    assert np.allclose(tile_sums(value_HW, weight_HW, 5), expected)


@QUICK
@given(shapes=st.lists(stars(), min_size=1, max_size=5), data=st.data())
def test_counting_by_borders_equals_weighing_each_pixel(cube, shapes, data):
    """Zones that share edges, nest, touch sides of blocks, and are cut by the region's side."""
    x = data.draw(st.sampled_from([0, 255.5, 256, 300.25]))
    halves = [shapely.box(x, 0, 400, 512), shapely.box(400, 0, 768, 300), shapely.box(x, 0, 768, 512)]
    zones = zones_of([in_metres(shape) for shape in [*shapes, *halves, shapely.MultiPolygon(halves[:1])]])
    extent, group = Layout.of(cube.group()).extent, cube.group()
    counted = question.Layer(((store.array(group, "landcover"), 1),), tuple(CODES))
    edges = edges_of(zones.shapes, extent.grid)
    for iy in (0, 1):
        zone_Z, (count_ZM,) = band_counts(extent, (counted,), borders_of(edges), iy)
        owner_Z, (weight_ZM,) = band_weights(extent, (counted,), False, edges, iy)
        all_ZM = np.zeros((2, len(zones.names), len(CODES)))
        all_ZM[0, zone_Z], all_ZM[1, owner_Z] = count_ZM[:, :-1], weight_ZM[:, :-1]
        assert np.allclose(all_ZM[0], all_ZM[1], rtol=1e-9, atol=1e-6)
        assert ((all_ZM[0] > 0) == (all_ZM[1] > 1e-7)).all()


@pytest.fixture(scope="module")
def chunked(tmp_path_factory):
    """A map of 2 blocks of 768 pixels, in nine chunks each, without the counts of blocks; and its codes."""
    extent = Extent(Grid("EPSG:3035", 10, 768), Window(0, 0, 768, 1536))
    cube = Cube.create(tmp_path_factory.mktemp("chunked") / "cube")
    session = cube.repository.writable_session("main")
    group = session_group(session)
    time = add_period(group, replace(made.LAYOUT, extent=extent), made.SUMMER)
    code_HW = np.kron(np.random.default_rng(8).choice([0, *CODES], (48, 96)), np.ones((16, 16))).astype(np.uint8)
    store.array(group, "landcover")[time] = code_HW
    session.commit("a map")
    return store.array(cube.group(branch="main"), "landcover"), code_HW


@QUICK
@given(
    boxes=st.lists(st.tuples(*[st.integers(-40, 1540)] * 2, *[st.integers(1, 1500)] * 2), min_size=1, max_size=4),
    known=st.booleans(),
)
def test_zones_over_blocks_of_several_chunks_equal_a_count_of_the_pixels(chunked, boxes, known):
    source, code_HW = chunked
    shapes = [shapely.box(x, y, x + width, y + height) for x, y, width, height in boxes]
    extent = Extent(Grid("EPSG:3035", 10, 768), Window(0, 0, 768, 1536))
    layer = question.Layer(((source, 0),), tuple(CODES))
    borders = borders_of(edges_of([in_metres(shape) for shape in shapes], extent.grid))
    if known:
        counts = [[(code_HW[:, x : x + 768] == code).sum() for code in CODES] for x in (0, 768)]
        layer = _Counted(layer.maps, layer.codes, counts=np.array(counts, float))
    zone_Z, (sum_ZM,) = band_counts(extent, (layer,), borders, 0)
    found = dict(zip(zone_Z.tolist(), sum_ZM[:, :-1].tolist(), strict=True))
    for n, shape in enumerate(shapes):
        x0, y0, x1, y1 = (max(int(side), 0) for side in shape.bounds)
        expected = [(code_HW[y0:y1, x0:x1] == code).sum() for code in CODES]
        assert found.get(n, [0, 0, 0]) == expected


@dataclass(frozen=True)
class _Counted(question.Layer):
    """A layer whose blocks have these counts."""

    counts: np.ndarray | None = None

    def whole_blocks(self, y, side):
        return np.ones(2, bool), np.concatenate([self.counts, side**2 - self.counts.sum(1, keepdims=True)], axis=1)


def test_of_a_block_the_chunks_that_zones_touch_are_read(chunked, monkeypatch):
    read = []

    def spy(source, time, rows, cols):
        read.append((rows.start, rows.stop, cols.start, cols.stop))
        return read_chunks(source, time, rows, cols)

    monkeypatch.setattr(question, "read_chunks", spy)
    extent = Extent(Grid("EPSG:3035", 10, 768), Window(0, 0, 768, 1536))
    layer = question.Layer(((chunked[0], 0),), tuple(CODES))
    for box, expected in (
        ((300, 20, 310, 30), {(0, 256, 256, 512)}),
        ((500, 300, 900, 600), {(256, 768, 256, 768), (256, 768, 768, 1024)}),
    ):
        read.clear()
        band_counts(extent, (layer,), borders_of(edges_of([in_metres(shapely.box(*box))], extent.grid)), 0)
        assert set(read) == expected


def test_blocks_that_a_zone_covers_whole_are_not_read(cube, monkeypatch):
    read = []

    def spy(source, time, rows, cols):
        read.append((rows.start, cols.start))
        return read_chunks(source, time, rows, cols)

    monkeypatch.setattr(question, "read_chunks", spy)
    zones = zones_of([in_metres(shapely.box(256, 0, 768, 256)), in_metres(shapely.box(0, 0, 700, 512))])
    stats(cube, zones)
    assert set(read) == {(0, 512), (256, 512)}
    read.clear()
    stats(cube, zones_of([in_metres(shapely.box(20, 20, 240, 1000)), in_metres(shapely.box(256, 0, 512, 200))]))
    assert set(read) == {(0, 0), (256, 0), (0, 256)}


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


def test_a_class_that_lies_right_of_a_zone_has_no_area_in_it_at_all(tmp_path):
    """The heights of a zone's edges, which sum to 0 but for rounding, count what lies right of it."""
    cube = Cube.create(tmp_path / "cube")
    code_HW = made.plain(10)
    code_HW[:, 200:] = 30
    made.published(cube, code_HW)
    made.published(cube, code_HW + (code_HW == 30) * np.uint8(50), run="b")
    zones = zones_of([in_metres(shapely.Point(100.3, 130.7).buffer(71.7 + n / 7, 5 + n)) for n in range(20)])
    answer = stats(cube, zones)
    assert {row.hectares > 0 for row in answer.classes if row.class_ == "Tree"} == {True}
    assert {row.hectares for row in answer.classes if row.class_ != "Tree"} == {0}
    assert {(row.from_, row.to) for row in changes(cube, zones, ("previous", None)).changes} == {("Tree", "Tree")}


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


@pytest.mark.long
def test_threads_and_three_processes_one_of_which_is_killed_on_the_way_give_the_same(tmp_path, monkeypatch):
    """Areas, confidence and changes of 40 zones over 24 rows of blocks."""
    monkeypatch.setattr(made, "LAYOUT", replace(made.LAYOUT, extent=Extent(EXTENT.grid, Window(0, 0, 24 * 256, 700))))
    cube = Cube.create(tmp_path / "cube")
    rng = np.random.default_rng(4)
    base = versions.start_branch(cube, "run-a")
    session = cube.repository.writable_session("run-a")
    group = session_group(session)
    for period in (made.SUMMER, AUTUMN):
        time = add_period(group, made.LAYOUT, period)
        for name, values in (("landcover", [0, *CODES]), ("confidence", range(1, 101))):
            small_HW = rng.choice(values, (24 * 16, 48)).astype(np.uint8)
            store.array(group, name)[time] = np.kron(small_HW, np.ones((16, 16), np.uint8))
    session.commit("two maps")
    versions.publish(cube, "run-a", base, made.ORIGIN)
    corner_N2 = rng.uniform((0, 0), (500, 5000), (40, 2))
    zones = zones_of(in_metres(shapely.Point(at).buffer(rng.uniform(20, 900))) for at in corner_N2)

    def answers(progress=None):
        return (
            stats(cube, zones, periods=[made.SUMMER[0], AUTUMN[0]], confidence=True, workers=3, progress=progress),
            changes(cube, zones, (None, made.SUMMER[0]), workers=3),
        )

    expected = answers()
    assert sum(row.hectares for row in expected[0].classes) > 10_000
    with dask_workers("processes", 3, cube) as client:
        assert answers() == expected
        numbers = client.on_every_worker(os.getpid)
        victims = list(numbers.values())[:1]

        def kill(done, total):
            if victims:
                assert done < total - 3
                os.kill(victims.pop(), signal.SIGKILL)

        assert answers(kill) == expected
        assert not victims
        assert set(client.on_every_worker(os.getpid).values()) != set(numbers.values())


def test_the_interval_of_an_area_is_that_of_the_models_errors_within_what_is_mapped():
    errors = AreaErrors({10: (-0.1, 0.2), 30: (-0.5, 0.01)}, side=128)
    assert errors.interval(10, 200.0, 750.0, 0.01) == pytest.approx((125, 350))
    assert errors.interval(30, 200.0, 750.0, 0.01) == pytest.approx((0, 207.5))
    assert errors.interval(10, 700.0, 750.0, 0.01) == pytest.approx((625, 750))
    assert errors.interval(10, 163.84, 163.84, 0.01) is not None
    assert errors.interval(10, 163.0, 163.8, 0.01) is None
