"""The blocks of a region, with and without an area."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.geometry.extent import Extent, extent_of
from pipeline.geometry.footprint import project
from pipeline.geometry.grid import Grid, Window

windows = st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000), st.integers(1, 3000), st.integers(1, 3000)).map(
    lambda t: Window(t[0], t[1], t[0] + t[2], t[1] + t[3])
)


@given(windows, st.sampled_from([256, 512, 1024]))
def test_blocks_cover_a_region_once_and_lie_in_its_arrays(window, block):
    extent = Extent(Grid("EPSG:3035", 10.0, block), window)
    covered = np.zeros(extent.shape, np.uint8)
    for b in extent.blocks():
        covered[extent.covered(b).slices(extent.origin)] += 1
    expected = np.zeros(extent.shape, np.uint8)
    expected[window.slices(extent.origin)] = 1
    assert (covered == expected).all()
    assert all(side % block == 0 for side in (*extent.shape, *extent.origin))


def test_an_area_leaves_out_the_blocks_that_it_does_not_touch():
    area = shapely.Polygon([(4_400_000, 2_800_000), (4_420_000, 2_800_000), (4_400_000, 2_820_000)])
    grid = Grid("EPSG:3035", 10.0, 256)
    window = grid.window_around(area.bounds, "it")
    whole, cut = Extent(grid, window), Extent(grid, window, area)
    assert set(cut.blocks()) < set(whole.blocks())
    for block in whole.blocks():
        touched = shapely.intersects(area, shapely.box(*grid.bounds(whole.covered(block))))
        assert (block in set(cut.blocks())) == touched
    assert (cut.shape, cut.origin) == (whole.shape, whole.origin)


def test_the_extent_of_bounds_is_their_window_and_that_of_a_polygon_has_its_area():
    bounds = 15.0, 47.0, 15.1, 47.1
    box = shapely.box(*bounds)
    grid = Grid("EPSG:3035", 10.0, 256)
    assert extent_of(grid, bounds, box) == Extent(grid, grid.window_of(bounds))
    found = extent_of(grid, None, box)
    assert found.area is not None and found.area.equals(project(box, grid.crs))
    left, bottom, right, top = found.area.bounds
    assert found.window == grid.window_around((left, bottom, right, top), "it")


def test_a_polygon_without_the_centre_of_a_pixel_is_refused():
    corner = 15.0, 47.0
    ring = shapely.Polygon([corner, (corner[0] + 1e-6, corner[1]), (corner[0], corner[1] + 1e-6)])
    with pytest.raises(UserError, match=r"holds the centre of no pixel of 10 m; give a larger one"):
        extent_of(Grid("EPSG:3035", 10.0, 256), None, ring)


def test_a_block_that_an_area_touches_may_have_no_pixel():
    extent = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 256, 257), shapely.box(0, -2560, 2564, 0))
    assert {block: extent.has_pixels(block) for block in extent.blocks()} == {(0, 0): True, (0, 1): False}
    assert replace(extent, area=None).has_pixels((0, 1))


def test_a_polygon_around_the_world_is_refused_where_the_grid_is_cut():
    band = shapely.MultiPolygon([shapely.box(-180, -17, -179, -16), shapely.box(179, -17, 180, -16)])
    with pytest.raises(UserError, match="crosses the antimeridian"):
        extent_of(Grid("EPSG:6933", 100.0, 256), None, band)


def test_a_block_row_leaves_an_empty_box_where_it_misses_the_window():
    extent = Extent(Grid("EPSG:3035", 10.0, 256), Window(-300, 0, -10, 700))
    near, far = extent.boxes(-1, np.array([0, 9]))
    assert near.bounds == (0.0, 100.0, 2560.0, 2560.0)
    assert far.is_empty
    assert extent.boxes(-1, np.array([0]), pad=10)[0].bounds == (0.0, 100.0, 2660.0, 2660.0)
    assert extent.slot((-2, 1)) == (0, 1)
