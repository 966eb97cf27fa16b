"""The coverage that a plan expects of its blocks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import shapely
from pyproj import Transformer

import catalogs
from pipeline.geometry.extent import Extent
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.plan import plan
from pipeline.scenes.coverage import coverage
from pipeline.scenes.passes import Pass

GRID = Grid("EPSG:3035", 10.0, 256)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def scene(world):
    always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    return catalogs.search(catalogs.Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, *always))[0]


def over(scene, left, bottom, right, top, cloud):
    """The scene with a footprint whose ground on the grid is very nearly this box, and this cloud cover."""
    to_lonlat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    ring = shapely.segmentize(shapely.box(left, bottom, right, top), 500)
    corners = [to_lonlat.transform(*corner) for corner in shapely.get_coordinates(ring)]
    return replace(scene, footprint=shapely.Polygon(corners), cloud_cover=cloud)


def test_coverage_is_the_union_of_footprints_and_clear_views_count_passes(scene):
    window = Window(-280_000, 440_000, -280_000 + 256, 440_000 + 256)
    extent = Extent(GRID, window)
    block = next(iter(extent.blocks()))
    left, bottom, right, top = GRID.bounds(extent.covered(block))
    middle = (left + right) / 2
    west, east = over(scene, left, bottom, middle, top, 50), over(scene, middle, bottom, right, top, 0)
    far = over(scene, right + 50_000, bottom, right + 60_000, top, 0)
    found = coverage(extent, block, [Pass(NOW, (west,)), Pass(NOW, (west, east)), Pass(NOW, (far,))])
    assert found.share == pytest.approx(1.0, abs=0.01)
    assert found.clear == pytest.approx(0.25 + 0.75, abs=0.02)
    assert coverage(extent, block, [Pass(NOW, (west,))]).share == pytest.approx(0.5, abs=0.01)
    assert coverage(extent, block, [Pass(NOW, (far,))]) == coverage(extent, block, [])
    assert grid_footprint(west, GRID.crs).area == pytest.approx((middle - left) * (top - bottom), rel=0.02)


def test_a_plan_tells_coverage_and_clear_views_of_every_block(region_of):
    planned = plan(region_of("covered"))
    for block in planned.blocks():
        told = planned.coverage(block.block)
        assert told.share == pytest.approx(1.0)
        assert 1 < told.clear <= 3


def test_a_plan_counts_the_passes_that_the_orbits_let_expect(region_of):
    planned = plan(region_of("passes"))
    for known in planned.passes:
        assert known.expected == known.found + len(known.missing)
        assert known.found >= 1
    assert {known.platform for known in planned.passes} == {"sentinel-2a", "sentinel-2b"}
