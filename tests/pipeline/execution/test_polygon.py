"""Regions given as a polygon: mapped inside it alone, with the pixels that a map of its bounds would have."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

from pipeline.cube.open import open_cube
from pipeline.errors import RunError
from pipeline.execution.run import run
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.grid import LONLAT, transformer
from pipeline.planning.plan import plan


@pytest.fixture
def triangle(undisturbed, tmp_path):
    """The south-western half of the undisturbed region."""
    west, south, east, north = undisturbed[0].bbox
    ring = [[west, south], [east, south], [west, north], [west, south]]
    path = tmp_path / "triangle.geojson"
    path.write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    return path


def test_a_polygon_is_mapped_inside_and_nowhere_else(region_of, undisturbed, triangle):
    region = region_of("triangle", bbox=None, polygon=str(triangle))
    report = run(region)
    extent = region.extent
    assert report.blocks.new == len(list(extent.blocks())) < np.prod(extent.block_range.shape)
    within_HW = area_mask(extent.area, extent.grid, extent.window)
    assert 0.4 < within_HW.mean() < 0.6
    cube = open_cube(region.cube)
    assert (cube.observations.values[0][~within_HW] == 0).all()
    assert (cube.landcover.values[0][~within_HW] == 0).all()
    assert (cube.observations.values[0][within_HW] > 0).mean() > 0.9

    whole = open_cube(undisturbed[0].cube)
    window = undisturbed[0].extent.window & extent.window
    part, same = (window.slices((w.y0, w.x0)) for w in (extent.window, undisturbed[0].extent.window))
    mine, theirs = cube.mosaic.values[0][:, *part], whole.mosaic.values[0][:, *same]
    assert (mine == np.where(within_HW[part], theirs, 0)).all()


def test_a_changed_polygon_needs_a_cube_of_its_own(region_of, triangle):
    region = region_of("changed", bbox=None, polygon=str(triangle))
    run(region)
    shape = shapely.from_wkt(region.polygon).buffer(-0.0001)
    back = shapely.union(shape, shapely.Point(*shapely.get_coordinates(shape)[0]).buffer(1e-6))
    with pytest.raises(ValueError, match="the cube was made for"):
        run(region.model_copy(update={"polygon": back.wkt}))


def test_a_polygon_and_its_blocks_are_planned_alike(region_of, triangle):
    region = region_of("planned", bbox=None, polygon=str(triangle))
    planned = plan(region)
    to_grid = transformer(LONLAT, region.extent.grid.crs)
    corners = [to_grid.transform(*corner) for corner in shapely.get_coordinates(region.area)]
    area = shapely.Polygon(corners).buffer(30)
    for block in planned.blocks():
        assert shapely.intersects(area, shapely.box(*region.extent.grid.bounds(region.extent.covered(block.block))))
        assert 0 < planned.coverage(block.block).share <= 1


def test_the_tolerance_for_degraded_blocks_counts_blocks_of_the_polygon_alone(region_of, world, triangle):
    copy = shutil.copytree(world.folder, region_of("lossy").cube.parent / "world")
    region = region_of("lossy", bbox=None, polygon=str(triangle), catalog=str(copy / "catalog.json"))
    planned = plan(region)
    blocks = list(planned.blocks())
    seen = Counter(name for block in blocks for name in block.scenes)
    lost = next(scene for scene in planned.scenes if scene.doubt is None and 0 < seen[scene.id] < len(blocks))
    Path(lost.band("red").href).unlink()
    share = seen[lost.id] / len(blocks)
    slots = np.prod(region.extent.block_range.shape)
    assert seen[lost.id] / slots < share - 0.01
    with pytest.raises(RunError, match=f"{seen[lost.id]} of {len(blocks)} blocks lack a scene"):
        run(region.model_copy(update={"max_degraded": share - 0.01}))
    assert len(run(region.model_copy(update={"max_degraded": share})).degraded) == seen[lost.id]
