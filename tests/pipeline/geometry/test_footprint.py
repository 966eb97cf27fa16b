"""The footprint of a scene in the grid's CRS, against the raster it comes from."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from made_rasters import scene
from pyproj import Transformer

from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid
from pipeline.raster.level import Raster

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
