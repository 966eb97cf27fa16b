"""Which pixels lie in an area, against shapely's answer for each pixel centre."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.footprint import project
from pipeline.geometry.grid import Grid, Window

GRID = Grid("EPSG:3035", 10.0, 512)


def area_of(*lonlat):
    return project(shapely.Polygon(lonlat), GRID.crs)


AREA = area_of((15.0, 47.0), (15.03, 47.01), (15.05, 46.99), (15.04, 46.97), (15.02, 46.99), (15.01, 46.97))


def window_around(area, pixels):
    left, bottom, right, top = area.bounds
    return Window(int(-top / 10), int(left / 10), int(-bottom / 10) + 1, int(right / 10) + 1).pad(pixels)


def by_point(area, window):
    """Each pixel's centre by itself."""
    rows, cols = np.mgrid[window.y0 : window.y1, window.x0 : window.x1] + 0.5
    return shapely.contains_xy(area, cols * GRID.resolution, -rows * GRID.resolution)


def test_pixels_are_inside_whose_centres_are():
    window = window_around(AREA, 150)
    inside_HW = area_mask(AREA, GRID, window)
    assert (inside_HW == by_point(AREA, window)).all()
    assert 0.1 < inside_HW.mean() < 0.9
    assert abs(inside_HW.sum() * 100 / AREA.area - 1) < 0.01


@settings(max_examples=60, deadline=None)
@given(st.integers(-40, 400), st.integers(-40, 400), st.integers(1, 200), st.integers(1, 200))
def test_a_pixel_is_inside_whatever_the_window(y, x, height, width):
    whole = window_around(AREA, 0)
    cut = Window(whole.y0 + y, whole.x0 + x, whole.y0 + y + height, whole.x0 + x + width)
    assert (area_mask(AREA, GRID, cut) == by_point(AREA, cut)).all()


def test_a_window_of_no_pixels_has_none_inside():
    assert area_mask(AREA, GRID, Window(5, 7, 5, 20)).shape == (0, 13)


def test_threads_may_ask_about_one_area_at_once():
    area = area_of(*[(15 + 0.05 * np.cos(a), 47 + 0.03 * np.sin(a)) for a in np.linspace(0, 6.28, 2_000)])
    window = window_around(area, 10)
    rows = [Window(y, window.x0, y + 40, window.x1) for y in range(window.y0, window.y1, 40)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda row: area_mask(area, GRID, row), rows))
    for row, inside_HW in zip(rows, found, strict=True):
        assert (inside_HW == by_point(area, row)).all()
