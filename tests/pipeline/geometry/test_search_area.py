"""Scenes are searched wherever the grid's window reaches."""

import pytest
import shapely

from pipeline.geometry.grid import LONLAT, transformer


def test_scenes_are_looked_for_wherever_the_grids_rectangle_reaches(region_of):
    """In EPSG:3035 far from its centre, a box of degrees lies askew in the rectangle that is mapped."""
    region = region_of("askew", bbox=[26, 60, 31, 62], grid={"resolution": 1000, "block": 256})
    extent = region.extent
    to_lonlat = transformer(extent.grid.crs, LONLAT)
    left, bottom, right, top = extent.grid.bounds(extent.window)
    corners = [to_lonlat.transform(x, y) for x in (left, right) for y in (bottom, top)]
    searched = region.searched.buffer(1e-6)
    assert all(shapely.contains_xy(searched, *corner) for corner in corners)
    assert shapely.covers(searched, region.area)
    assert not all(shapely.contains_xy(region.area, *corner) for corner in corners)


def test_a_region_across_the_antimeridian_is_looked_for_on_both_sides(region_of):
    region = region_of(
        "fiji", bbox=[179.0, -17.5, -179.5, -16.5], grid={"crs": "EPSG:3832", "resolution": 100, "block": 256}
    )
    west, _, east, _ = region.searched.bounds
    assert (west, east) == (-180, 180)
    assert region.searched.area == pytest.approx(1.5, rel=0.05)
    assert shapely.covers(region.searched.buffer(1e-6), region.area)
