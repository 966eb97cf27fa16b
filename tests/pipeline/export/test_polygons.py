from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from rasterio.transform import from_origin
from scipy import ndimage

from pipeline.export.polygons import load, merge, polygonize, save

SIDE, SIZE, CORNER = 5, 10.0, (-7, 3)

maps = arrays(np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([0, 10, 20]))


def areas_of(folder, code_HW, tolerance):
    """The areas of a map that was cut into pieces of 5 x 5 pixels."""
    files = {}
    for y in range(0, code_HW.shape[0], SIDE):
        for x in range(0, code_HW.shape[1], SIDE):
            piece = polygonize(code_HW[y : y + SIDE, x : x + SIDE], (CORNER[0] + y, CORNER[1] + x), SIZE, tolerance)
            files[y // SIDE, x // SIDE] = folder / f"{y}-{x}.npz"
            save(piece, files[y // SIDE, x // SIDE])
    return list(merge(files))


@settings(max_examples=60, deadline=None)
@given(code_HW=maps)
def test_areas_are_the_connected_pixels_of_the_whole_map_wherever_it_was_cut(tmp_path_factory, code_HW):
    areas = areas_of(tmp_path_factory.mktemp("pieces"), code_HW, 0)
    expected = [
        (code, int(size))
        for code in np.unique(code_HW).tolist()
        for size in np.bincount(ndimage.label(code_HW == code)[0].ravel())[1:]
    ]
    assert sorted((area.code, area.pixels) for area in areas) == sorted(expected)
    assert all(area.polygon.geom_type == "Polygon" and area.polygon.is_valid for area in areas)
    assert all(area.polygon.area == area.pixels * SIZE**2 for area in areas)
    transform = from_origin(CORNER[1] * SIZE, -CORNER[0] * SIZE, SIZE, SIZE)
    burnt_HW = rasterize([(area.polygon, area.code) for area in areas], code_HW.shape, 255, transform=transform)
    assert (burnt_HW == code_HW).all()


@settings(max_examples=60, deadline=None)
@given(code_HW=maps, tolerance=st.sampled_from([0.5, 1.0, 3.0]))
def test_simplified_areas_leave_no_gap_and_do_not_overlap(tmp_path_factory, code_HW, tolerance):
    areas = areas_of(tmp_path_factory.mktemp("pieces"), code_HW, tolerance)
    polygons = [area.polygon for area in areas]
    assert all(polygon.is_valid and polygon.geom_type == "Polygon" for polygon in polygons)
    whole = shapely.union_all(polygons)
    rows, cols = code_HW.shape
    left, top = CORNER[1] * SIZE, -CORNER[0] * SIZE
    region = shapely.box(left, top - rows * SIZE, left + cols * SIZE, top)
    assert whole.symmetric_difference(region).area < 1e-6
    assert abs(sum(polygon.area for polygon in polygons) - region.area) < 1e-6


def test_borders_within_a_piece_are_simplified_and_its_sides_stay():
    stairs_HW = np.where(np.add.outer(np.arange(20), np.arange(20)) < 20, 10, 20).astype(np.uint8)
    exact, simple = (shapely.from_wkb(polygonize(stairs_HW, (0, 0), 1.0, tolerance).wkb_N) for tolerance in (0, 1.5))
    assert shapely.get_num_coordinates(simple).sum() < shapely.get_num_coordinates(exact).sum() / 3
    assert shapely.union_all(simple).equals(shapely.box(0, -20, 20, 0))


def test_a_piece_is_read_as_it_was_saved(tmp_path):
    piece = polygonize(np.array([[10, 20], [20, 20]], np.uint8), (0, 0), 1.0, 0)
    save(piece, tmp_path / "piece.npz")
    again = load(tmp_path / "piece.npz")
    for name in ("code_N", "pixels_N", "wkb_N"):
        assert (getattr(again, name) == getattr(piece, name)).all()
    assert all((a == b).all() for a, b in zip(again.edges, piece.edges, strict=True))


def test_pieces_made_in_many_threads_do_not_disturb_each_other():
    code_HW = np.array([[10, 10], [30, 10]], np.uint8)
    with ThreadPoolExecutor(8) as threads:
        pieces = list(threads.map(lambda _: polygonize(code_HW, (0, 0), 10.0, 0), range(400)))
    assert all(piece.pixels_N.sum() == code_HW.size for piece in pieces)
