"""The ground of a scene on the grid, against the raster it comes from."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from pyproj import Transformer

import catalogs
from pipeline.footprint import ground, on_ground
from pipeline.grid import Grid, Window

GRID = Grid("EPSG:3035", 10.0, 512)


@pytest.fixture(scope="module")
def scene(world):
    always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    return catalogs.search(catalogs.Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, *always))[0]


def full_tile(scene):
    """The scene with the footprint of an MGRS tile: a square of 109.8 km in UTM, its corners joined in degrees."""
    to_lonlat = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    corners = [(499_980, 5_300_040), (609_780, 5_300_040), (609_780, 5_190_240), (499_980, 5_190_240)]
    return replace(scene, footprint=shapely.Polygon([to_lonlat.transform(*corner) for corner in corners]))


def test_the_ground_holds_the_whole_raster_of_a_tile_though_its_edges_bow(scene):
    tile = full_tile(scene)
    to_grid = Transformer.from_crs("EPSG:32633", GRID.crs, always_xy=True)
    along = np.linspace(499_980, 609_780, 500)
    edge = shapely.points(np.stack(to_grid.transform(along, np.full(500, 5_190_240.0)), 1))
    assert shapely.contains(ground(tile, GRID.crs), edge).all()
    drawn = shapely.transform(
        tile.footprint, lambda xy: np.stack(Transformer.from_crs(4326, 3035, always_xy=True).transform(*xy.T), 1)
    )
    assert shapely.distance(drawn, edge).max() > 10


def test_pixels_on_the_ground_are_those_whose_centres_lie_in_it_whatever_the_window(scene):
    area = ground(scene, GRID.crs)
    left, bottom, right, top = area.bounds
    window = Window(int(-top / 10) - 20, int(left / 10) - 20, int(-bottom / 10) + 20, int(right / 10) + 20)
    whole = on_ground(scene, GRID, window)
    assert whole.any()
    assert not whole.all()
    assert abs(whole.sum() * 100 / area.area - 1) < 0.01
    cut = Window(window.y0 + 7, window.x0 + 11, window.y0 + 190, window.x0 + 201)
    assert (on_ground(scene, GRID, cut) == whole[cut.slices((window.y0, window.x0))]).all()
