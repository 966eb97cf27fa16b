from collections import Counter

import numpy as np
import pytest
from made_rasters import exact_coordinates, raster_around
from pyproj import Transformer

from pipeline.geometry.grid import Grid, Window
from pipeline.raster import mode as mode_room
from pipeline.raster.level import pixel_metres
from pipeline.raster.mode import mode, most_frequent

GRID = Grid("EPSG:3035", 20.0, 256)


def around(lon, lat, side):
    row, col = GRID.pixel_of(lon, lat)
    return Window(row - side // 2, col - side // 2, row + side - side // 2, col + side - side // 2)


def reading(code_HW):
    return lambda part: code_HW[slice(*part.rows), slice(*part.cols)]


@pytest.mark.parametrize(("crs", "resolution"), [("EPSG:32633", 7.0), ("EPSG:4326", 0.0001), ("EPSG:32633", 55.0)])
def test_the_mode_is_that_of_points_counted_one_by_one(monkeypatch, crs, resolution):
    """Coarser and finer maps than the grid's pixels, in another projection and in degrees; in strips of a few rows."""
    monkeypatch.setattr(mode_room, "POINTS_AT_ONCE", 2000)
    raster = raster_around(crs, 13.0, 48.5, resolution, 90, 110)
    code_HW = np.random.default_rng(3).choice(np.array([0, 10, 20, 30], np.uint8), (90, 110), p=[0.1, 0.4, 0.3, 0.2])
    window = around(13.0, 48.5, 15)
    n = int(np.ceil(GRID.resolution / min(pixel_metres(raster))))
    fine = Grid(GRID.crs, GRID.resolution / n, 256)
    row_HW, col_HW = exact_coordinates(fine, Window(*(side * n for side in vars(window).values())), raster)
    expected_HW = np.zeros(window.shape, np.uint8)
    sure_HW = np.ones(window.shape, bool)
    for y, x in np.ndindex(window.shape):
        rows, cols = (at[y * n : y * n + n, x * n : x * n + n].ravel() for at in (row_HW, col_HW))
        held = Counter(
            int(code_HW[r, c]) if 0 <= r < 90 and 0 <= c < 110 else 0
            for r, c in zip(np.floor(rows + 0.5).astype(int), np.floor(cols + 0.5).astype(int), strict=True)
        )
        expected_HW[y, x] = min(held, key=lambda code: (-held[code], code))
        sure_HW[y, x] = all(abs(at + 0.5 - round(at + 0.5)) > 1e-3 for at in (*rows, *cols))
    found_HW = mode(GRID, window, raster, reading(code_HW))
    assert sure_HW.mean() > 0.8
    assert (found_HW == expected_HW)[sure_HW].all()
    assert len(np.unique(expected_HW)) > 2


def test_a_map_on_the_very_pixels_of_the_grid_stays_as_it_is():
    code_HW = np.random.default_rng(0).integers(0, 5, (30, 40)).astype(np.uint8)
    window = Window(-150_030, 220_000, -150_000, 220_040)
    left, _, _, top = GRID.bounds(window)
    raster = raster_around("EPSG:3035", 13.0, 48.5, 20.0, 30, 40)
    raster = type(raster)(GRID.crs, left, top, 20.0, 30, 40, None)
    assert (mode(GRID, window, raster, reading(code_HW)) == code_HW).all()


def test_what_lies_beside_the_map_has_no_class():
    raster = raster_around("EPSG:32633", 13.0, 48.5, 10.0, 50, 50)
    everywhere = np.full((50, 50), 7, np.uint8)
    x, y = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(14.0, 48.5)
    assert np.isfinite([x, y]).all()
    assert not mode(GRID, around(14.0, 48.5, 8), raster, reading(everywhere)).any()


def test_of_codes_as_frequent_no_class_comes_first_and_then_the_smaller():
    code_HW = np.array([[0, 9, 3, 8], [9, 0, 8, 3]], np.uint8)
    assert most_frequent(code_HW, 2).tolist() == [[0, 3]]
