"""New acquisitions: only the blocks that they touch are mapped again, and the result is a fresh run's."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import shapely
from acquisitions import LATER
from command import answer, run_here, sentence
from cube_bytes import ARRAYS, assert_same, bytes_of
from pyproj import Transformer

from catalogs.simulated import Overpass, acquire
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.execution.run import run
from pipeline.planning.plan import plan
from pipeline.segment.block import reach


@pytest.mark.parametrize(
    ("tiles", "neighbours_see_it"),
    [
        pytest.param(["32UQU", "32UQV"], False, id="western third", marks=pytest.mark.long),
        pytest.param(["32UQU"], True, id="south-west"),
    ],
)
def test_two_later_dates_map_only_the_blocks_they_touch(growing, region_of, strip, tiles, neighbours_see_it):
    region, world = growing
    before = bytes_of(region)
    new = acquire(world, LATER, tiles=tiles)
    assert len(new) == len(LATER) * len(tiles)

    report = run(region, refresh=True)

    extent = region.extent
    planned = plan(region)
    halo = reach(planned.model.settings.window, planned.model.settings.boundary_radius)
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True)
    swaths = shapely.union_all(
        [
            shapely.transform(scene.footprint, lambda xy: np.stack(to_grid.transform(*xy.T), 1))
            for scene in planned.scenes
            if scene.id in new
        ]
    )

    def touched(pad):
        windows = {block: extent.covered(block).pad(pad) & extent.window for block in extent.blocks()}
        return {block for block, w in windows.items() if swaths.intersects(shapely.box(*extent.grid.bounds(w)))}

    seen, mapped = touched(0), touched(halo)
    assert asdict(report.done) == {"mosaic": len(seen), "segment": len(mapped)}
    assert asdict(report.blocks) == {"new": 0, "changed": len(mapped), "same": len(list(extent.blocks())) - len(mapped)}
    assert 0 < len(seen) <= len(mapped) < len(list(extent.blocks()))
    assert (len(seen) < len(mapped)) == neighbours_see_it

    after = bytes_of(region)
    origin = extent.window.y0, extent.window.x0
    for block in set(extent.blocks()) - mapped:
        inside = extent.covered(block).slices(origin)
        for name in ARRAYS:
            assert before[name][..., *inside].tobytes() == after[name][..., *inside].tobytes()
    assert before["landcover"].tobytes() != after["landcover"].tobytes()

    fresh = region_of("fresh", catalog=str(world / "catalog.json"), bbox=strip)
    run(fresh)
    assert_same(after, bytes_of(fresh))


def test_the_version_before_an_update_stays_readable(growing):
    region, world = growing
    before = bytes_of(region)
    first = versions.resolve(Cube.open(region.cube))
    acquire(world, LATER[:1], tiles=["32UQU"])
    second = run(region, refresh=True).version
    assert [v.snapshot for v in versions.history(Cube.open(region.cube))] == [second, first]
    assert_same(bytes_of(region, first), before)
    assert open_cube(region.cube).attrs["version_id"] == second


def test_an_update_without_new_scenes_has_nothing_to_do_and_exits_with_0(growing):
    region, _ = growing
    command = "update", region.cube.parent / "region.yaml", "--address", "none"
    assert answer(*command)["done"] == {"mosaic": 0, "segment": 0}
    told = run_here(*command)
    assert told.returncode == 0
    assert "nothing to do" in told.stdout


def test_run_keeps_to_its_scene_list_until_an_update_refreshes_it(growing):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU"])
    assert not run(region).done_anything
    assert run(region, refresh=True).done_anything


def test_a_catalog_that_lost_scenes_does_not_shrink_the_map(growing):
    region, world = growing
    catalog = world / "sentinel-2-l2a" / "collection.json"
    content = json.loads(catalog.read_text())
    items = [link for link in content["links"] if link["rel"] == "item"]
    content["links"] = [link for link in content["links"] if link not in items[: len(items) // 2]]
    catalog.write_text(json.dumps(content))
    assert not run(region, refresh=True).done_anything


def test_a_run_is_repeated_from_its_scene_list_with_the_catalog_gone(growing):
    region, world = growing
    (world / "catalog.json").unlink()
    assert not run(region).done_anything


def folder_of(cube):
    return {path.relative_to(cube): path.read_bytes() for path in cube.rglob("*") if path.is_file()}


def test_a_dry_run_tells_the_scenes_and_blocks_that_an_update_would_do_and_writes_nothing(growing):
    region, world = growing
    new = acquire(world, LATER[:1], tiles=["32UQU"])
    before = folder_of(region.cube)
    command = "update", region.cube.parent / "region.yaml"
    told = answer(*command, "--dry-run")
    assert folder_of(region.cube) == before
    assert told["news"] == {"new": new, "reprocessed": [], "withdrawn": []}
    done = answer(*command, "--address", "none")
    assert done["news"] == told["news"]
    assert done["done"] == {"mosaic": told["to_mosaic"], "segment": told["to_segment"]}
    assert answer(*command, "--dry-run")["news"]["new"] == []


def test_an_update_tells_reprocessed_and_withdrawn_scenes_apart_from_new_ones(growing):
    region, world = growing
    again = acquire(world, [Overpass("2024-07-19", "sentinel-2a", "05.12", sequence=1)], tiles=["32UQU"])
    catalog = world / "sentinel-2-l2a" / "collection.json"
    content = json.loads(catalog.read_text())
    gone = [link for link in content["links"] if "32UQV_20240513" in link["href"]]
    content["links"] = [link for link in content["links"] if link not in gone]
    catalog.write_text(json.dumps(content))
    news = run(region, refresh=True).news
    assert news.new == []
    assert news.reprocessed == again
    assert news.withdrawn == ["S2A_32UQV_20240513_0_L2A"]


def test_an_update_while_another_run_holds_the_cube_exits_with_75_and_changes_nothing(growing):
    region, world = growing
    acquire(world, LATER[:1], tiles=["32UQU"])
    command = "update", region.cube.parent / "region.yaml", "--address", "none"
    with Cube.open(region.cube).lease("run", "elsewhere"):
        told = sentence(run_here(*command), 75)
    assert "is held by run run of region elsewhere" in told
    assert answer(*command)["done"]["segment"] > 0
