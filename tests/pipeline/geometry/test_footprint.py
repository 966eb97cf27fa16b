"""The ground of a scene on the grid, against the raster it comes from; which pixels lie in an area."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rasters import scene
from pyproj import Transformer

from pipeline.geometry.footprint import area_mask, grid_footprint, project
from pipeline.geometry.grid import Grid, Window
from pipeline.raster.read import Raster

GRID = Grid("EPSG:3035", 10.0, 512)
TILE = Raster("EPSG:32633", 499_980.0, 5_300_040.0, 10.0, 10_980, 10_980, None)


@pytest.fixture(scope="module")
def tile():
    """A scene whose footprint is a whole MGRS tile: a square of 109.8 km in UTM, its corners joined in degrees."""
    return scene("33TWN", {}, "", TILE)


def edges(raster):
    """Points along the four edges of a raster, in its CRS."""
    side, along = raster.width * raster.resolution, np.linspace(0, raster.width * raster.resolution, 300)
    corners = [(along, 0 * along), (along, along * 0 + side), (0 * along, along), (along * 0 + side, along)]
    return np.concatenate([np.stack([raster.left + x, raster.top - y], 1) for x, y in corners])


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:6933", "EPSG:32632"])
def test_the_ground_holds_the_whole_raster_of_a_tile_though_its_edges_bow(tile, crs):
    to_grid = Transformer.from_crs(TILE.crs, crs, always_xy=True)
    edge_N = shapely.points(np.stack(to_grid.transform(*edges(TILE).T), 1))
    area = grid_footprint(tile, crs)
    assert shapely.contains(area, edge_N).all()
    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    drawn = shapely.transform(tile.footprint, lambda xy: np.stack(to_crs.transform(*xy.T), 1))
    assert shapely.distance(drawn, edge_N).max() > 10
    assert area.area < drawn.area * 1.03


def test_the_ground_across_the_antimeridian_lies_at_both_edges_of_the_world_and_nowhere_between():
    raster = Raster("EPSG:32701", 100_000.0, 8_120_000.0, 10.0, 6_000, 6_000, None)
    split = scene("01KAB", {}, "", raster)
    west, east = shapely.box(-180, -17.5, -179.5, -17.0), shapely.box(179.8, -17.5, 180, -17.0)
    area = grid_footprint(replace(split, footprint=west | east), "EPSG:6933")
    assert len(shapely.get_parts(area)) == 2
    assert all(part.bounds[2] - part.bounds[0] < 60_000 for part in shapely.get_parts(area))


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
