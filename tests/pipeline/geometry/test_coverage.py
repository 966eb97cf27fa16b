"""Covered pixels, the spans of `spans.py` that they are kept in, and the same from shared edges: `borders.py`."""

import geopandas
import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyproj import CRS

from pipeline.geometry.borders import band_of, borders_of
from pipeline.geometry.coverage import coverage, edges_of
from pipeline.geometry.grid import Grid, Window
from pipeline.geometry.spans import Spans, coarsen, minus, split, union

GRID = Grid("EPSG:3035", 10, 256)
QUICK = settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])


def in_metres(shape):
    return shapely.transform(shape, lambda xy: xy * (10, -10))


def dense(spans, lines, width):
    cell_LW = np.zeros((lines, width), int)
    for line, start, stop in zip(spans.line_N, spans.start_N, spans.stop_N, strict=True):
        cell_LW[line, start:stop] += 1
    return cell_LW


def spans_of(cell_LW):
    line_N, col_N = np.nonzero(cell_LW)
    return union(Spans(line_N, col_N, col_N + 1))


def test_the_weight_of_each_border_pixel_is_that_of_exactextract():
    shape = in_metres(shapely.Point(350.3, 250.7).buffer(200.123, 7))
    cover = coverage(edges_of([shape], GRID), Window(0, 0, 512, 768))
    source = NumPyRasterSource(np.ones((512, 768)), 0, -5120, 7680, 0, srs_wkt=CRS(3035).to_wkt())
    frame = geopandas.GeoDataFrame(geometry=[shape], crs=3035)
    table = exact_extract(source, frame, ["cell_id", "coverage"], output="pandas")
    weights = dict(zip(table["cell_id"][0].astype(int), table["coverage"][0], strict=True))
    assert len(cover.weight_N) > 1000
    for row, col, weight in zip(cover.row_N, cover.col_N, cover.weight_N, strict=True):
        # exactextract rounds a weight to 24 bits
        assert weight == pytest.approx(weights.pop(row * 768 + col), abs=6e-8)
    assert set(weights.values()) == {1.0}
    assert len(weights) == (cover.whole.stop_N - cover.whole.start_N).sum()


@QUICK
@given(
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
    width=st.floats(1e-300, 500),
    height=st.floats(1e-9, 500),
    angle=st.floats(0, 90),
    hole=st.floats(0, 0.9),
)
def test_what_is_covered_of_a_window_is_the_area_of_the_intersection(x, y, width, height, angle, hole):
    box = shapely.box(x, y, x + width, y + height)
    outer = shapely.affinity.rotate(box, angle)
    inner = shapely.affinity.scale(outer, hole, hole)
    shape = shapely.Polygon(outer.exterior, [inner.exterior]) if hole > 0.01 else outer
    if not shape.is_valid:
        return
    whole = 0.0
    for x0 in (0, 64):
        window = Window(-20, x0, 108, x0 + 64)
        cover = coverage(edges_of([in_metres(shape)], GRID), window)
        expected = shape.intersection(shapely.box(x0, -20, x0 + 64, 108)).area
        covered = cover.weight_N.sum() + (cover.whole.stop_N - cover.whole.start_N).sum()
        assert covered == pytest.approx(expected, rel=1e-9, abs=1e-6)
        assert ((cover.weight_N > 0) & (cover.weight_N < 1)).all()
        whole += covered
    assert whole == pytest.approx(shape.intersection(shapely.box(0, -20, 128, 108)).area, rel=1e-9, abs=2e-6)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_zone_in_several_parts_covers_the_area_of_all_of_them(turn):
    holed = shapely.box(3.2, 5.5, 40, 50.7).difference(shapely.box(10, 10, 20.5, 20))
    parts = shapely.MultiPolygon([holed, shapely.box(70.3, 12, 90, 80.1)])
    zones = [shapely.box(0, 0, 9, 9), shapely.orient_polygons(parts, exterior_cw=turn < 0), shapely.MultiPolygon()]
    cover = coverage(edges_of([in_metres(zone) for zone in zones], GRID), Window(0, 0, 128, 128))
    assert cover.owners_Z.tolist() == [0, 1]
    covered_Z = np.bincount(cover.owner_N, cover.weight_N, 2)
    covered_Z += np.bincount(cover.whole.line_N // 128, cover.whole.stop_N - cover.whole.start_N, 2)
    assert covered_Z == pytest.approx([81, parts.area])


def test_an_edge_that_polygons_share_is_kept_once_with_a_sign_for_each():
    left, right = shapely.box(0, 0, 10, 20), shapely.box(10, 0, 30, 20)
    borders = borders_of(edges_of([in_metres(shape) for shape in (left, right, left)], GRID))
    assert sorted(borders.edges.from_N2[:, 0].tolist()) == [0, 10, 30]
    count_E = np.diff(borders.first_E)
    assert dict(zip(borders.edges.from_N2[:, 0].tolist(), count_E.tolist(), strict=True)) == {0: 2, 10: 3, 30: 1}
    shared = slice(*borders.first_E[np.flatnonzero(count_E == 3)[0] :][:2])
    signs = dict(zip(borders.polygon_P[shared].tolist(), borders.sign_P[shared].tolist(), strict=True))
    assert signs == {0: -1, 1: 1, 2: -1}


@QUICK
@given(
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
    size=st.floats(1e-3, 600),
    angle=st.floats(0, 90),
    sides=st.sampled_from([3, 4, 9]),
)
def test_pieces_of_all_blocks_of_a_row_add_up_to_the_polygon(x, y, size, angle, sides):
    circle = np.linspace(0, 2 * np.pi, sides + 1)[:-1] + np.radians(angle)
    shape = shapely.Polygon(np.stack([x + size * np.cos(circle), y + size * np.sin(circle)], axis=1))
    band = band_of(borders_of(edges_of([in_metres(shape)], GRID)), Window(-20, 64, 44, 192))
    covered = 0.0
    for block in (-1, 0, 1):
        pieces = band.pieces(block)
        length_S = np.diff(pieces.first_S, append=len(pieces.row_N))
        assert pieces.edge_P.tolist() == list(range(len(length_S)))
        inside_N = pieces.col_N < 64
        right_N = 128 - (block * 64 + np.where(inside_N, pieces.col_N + 1, 64))
        held_N = np.where(inside_N, pieces.area_N, 0) + pieces.height_N * right_N
        covered += (np.repeat(pieces.sign_P, length_S) * held_N).sum()
    expected = shape.intersection(shapely.box(64, -20, 192, 44)).area
    assert covered == pytest.approx(expected, rel=1e-9, abs=1e-6)


@QUICK
@given(seed=st.integers(0, 1000), share=st.floats(0.5, 1))
def test_spans_are_cut_into_whole_coarser_cells_and_the_rest(seed, share):
    rng = np.random.default_rng(seed)
    small = rng.random((6, 5)) < share
    cell_LW = np.kron(small, np.ones((8, 8), bool)) | (rng.random((48, 40)) < 0.3)
    spans = spans_of(cell_LW)
    assert np.array_equal(dense(spans, 48, 40), cell_LW)
    coarse = coarsen(spans, 8)
    expected = cell_LW.reshape(6, 8, 5, 8).all((1, 3))
    assert np.array_equal(dense(coarse, 6, 5), expected)
    rest = minus(spans, coarse, 8)
    assert np.array_equal(dense(rest, 48, 40), cell_LW & ~np.kron(expected, np.ones((8, 8), bool)))
    pieces = split(rest, 16)
    assert np.array_equal(dense(pieces, 48, 40), dense(rest, 48, 40))
    assert (pieces.start_N // 16 == (pieces.stop_N - 1) // 16).all()
