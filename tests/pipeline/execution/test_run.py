"""The write path end to end: independent of the cut, of the pool and of crashes; no silent hole."""

import json
import os
import shutil
import signal
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import shapely
import zarr
from command import answer, idgbr
from cube_bytes import ARRAYS, assert_same, bytes_of

from catalogs.simulated import simulate
from cluster import PoolError
from cluster.ray_session import connect
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.cube.status import RunProgress, status
from pipeline.demo.ground import inner_bounds
from pipeline.errors import RunError
from pipeline.execution.commit import Committer
from pipeline.execution.run import run
from pipeline.execution.worker import Worker
from pipeline.planning.plan import plan


def test_a_run_maps_every_block_and_publishes(undisturbed):
    region, report = undisturbed
    blocks = len(list(region.extent.blocks()))
    assert asdict(report.blocks) == {"new": blocks, "changed": 0, "same": 0}
    assert asdict(report.done) == {"mosaic": blocks, "segment": blocks}
    assert report.degraded == []
    cube = open_cube(region.cube)
    seen = cube.observations.values > 0
    assert ((cube.landcover.values > 0) == seen).all()
    assert seen.mean() > 0.97
    assert json.loads((region.cube / "runs" / report.run / "report.json").read_text())["version"] == report.version


def test_the_same_command_again_has_nothing_to_do(undisturbed):
    region, report = undisturbed
    again = run(region)
    assert not again.done_anything
    assert again.version == report.version
    assert len(versions.history(Cube.open(region.cube))) == 1


def test_what_is_no_address_of_workers_is_refused_where_nothing_is_due_too(undisturbed):
    region, _ = undisturbed
    with pytest.raises(PoolError, match="address is 'foo', but it must be none, local, auto"):
        run(region, address="foo")


@pytest.mark.long
@pytest.mark.ray
def test_the_map_does_not_depend_on_how_it_was_cut_or_who_worked(tmp_path_factory, region_of):
    """(serial, block 512), (Ray 1 worker, block 1024), (Ray 2 workers, block 2048) on one region of 9 x 9 km."""
    world = simulate(tmp_path_factory.mktemp("wide") / "world", seed=21, kilometres=9)
    made = []
    with connect("local", workers=2):
        for name, block, address, workers in (("a", 512, "none", 1), ("b", 1024, "local", 1), ("c", 2048, "local", 2)):
            region = region_of(
                name,
                catalog=str(world.catalog),
                bbox=list(inner_bounds(world)),
                grid={"crs": "europe", "resolution": 10, "block": block},
            )
            report = run(region, address=address, workers=workers)
            made.append((report.done.segment, bytes_of(region)))
    counts = [count for count, _ in made]
    assert counts[0] > counts[1] >= counts[2] >= 1
    assert_same(made[0][1], made[1][1])
    assert_same(made[0][1], made[2][1])


def command(region):
    return "run", region.cube.parent / "region.yaml", "--address", "none"


def _wait_until(enough, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if enough():
            return
        time.sleep(0.02)
    raise TimeoutError("the driver did not get that far")


@pytest.mark.long
@pytest.mark.parametrize("stage", ["mosaic", "landcover"])
def test_a_killed_driver_continues_where_it_was_and_ends_with_the_same_bytes(region_of, whole, stage):
    region = region_of(f"killed-{stage}", commit_every=2, bbox=whole[0].bbox)

    def finished():
        cube = Cube.find(region.cube)
        running = status(cube).running.values() if cube else []
        return asdict(next(iter(running), RunProgress()))

    driver = idgbr(*command(region))
    _wait_until(lambda: finished()[stage] >= 2 or driver.poll() is not None)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert driver.returncode == -signal.SIGKILL
    kept = finished()
    assert kept[stage] >= 2

    done = answer(*command(region))["done"]
    blocks = len(list(region.extent.blocks()))
    assert done == {"mosaic": blocks - kept["mosaic"], "segment": blocks - kept["landcover"]}
    assert done["mosaic"] < blocks
    assert_same(bytes_of(region), bytes_of(whole[0]))
    assert status(Cube.open(region.cube)).running == {}


def test_readers_see_nothing_before_the_first_version_is_published(region_of, monkeypatch):
    region = region_of("unpublished")

    def stop(*arguments):
        raise RunError("stopped before publishing")

    monkeypatch.setattr(versions, "publish", stop)
    with pytest.raises(RunError, match="stopped"):
        run(region)
    with pytest.raises(ValueError, match="nothing is published"):
        open_cube(region.cube)
    monkeypatch.undo()
    report = run(region)
    assert asdict(report.done) == {"mosaic": 0, "segment": 0}
    assert open_cube(region.cube).landcover.values.any()


def test_a_lost_scene_makes_its_blocks_degraded_and_keeps_them_from_being_published(region_of, world, undisturbed):
    copy = shutil.copytree(world.folder, region_of("lost").cube.parent / "world")
    region = region_of("lost", catalog=str(copy / "catalog.json"))
    plan(region)
    scene = plan(region).scenes[0]
    hidden = list(copy.rglob(f"{scene.id}/*.tif"))
    for path in hidden:
        path.rename(path.with_suffix(".hidden"))
    with pytest.raises(RunError, match="not published") as told:
        run(region)
    assert "max_degraded" in str(told.value)

    tolerant = region.model_copy(update={"max_degraded": 1.0})
    report = run(tolerant)
    touched = [b.block for b in plan(tolerant).blocks() if scene.id in b.scenes]
    assert sorted(report.degraded) == sorted(touched)
    assert 0 < len(touched) < report.blocks.new
    assert list(report.lost) == [scene.id]

    for path in hidden:
        path.with_suffix(".hidden").rename(path)
    repaired = run(region)
    assert repaired.done.mosaic == len(touched)
    assert repaired.degraded == []
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))


def test_a_run_overtaken_by_another_says_so_and_publishes_nothing(region_of, monkeypatch):
    region = region_of("overtaken")
    publish = versions.publish

    def overtaken(cube, branch, base, about):
        session = cube.repository.writable_session("main")
        zarr.open_group(session.store).attrs["other"] = "run"
        session.commit("another run", metadata={"published": True, "run": "other", "blocks": 0, "degraded": 0})
        return publish(cube, branch, base, about)

    monkeypatch.setattr(versions, "publish", overtaken)
    with pytest.raises(RunError, match="another run has published"):
        run(region)


def test_another_grid_in_the_same_cube_is_refused(undisturbed):
    region, _ = undisturbed
    other = region.model_copy(update={"grid": region.grid.model_copy(update={"block": 512})})
    with pytest.raises(ValueError, match="the cube was made for grid"):
        run(other)


def test_a_second_period_is_added_beside_the_first(undisturbed, region_of):
    region = region_of("periods", period=["2024-05-01", "2024-05-31"], gates={"max_lost_coverage": 0.2})
    run(region)
    first = bytes_of(region)
    later = region.model_copy(
        update={"period": (region.period[1].replace(month=7, day=1), region.period[1].replace(month=7))}
    )
    report = run(later)
    cube = open_cube(region.cube)
    assert [str(t)[:10] for t in cube.time.values] == ["2024-05-01", "2024-07-01"]
    assert report.blocks.new == len(list(region.extent.blocks()))
    for name in ARRAYS:
        assert cube[name].values[:1].tobytes() == first[name].tobytes()
    assert not np.array_equal(cube.mosaic.values[0], cube.mosaic.values[1])


@pytest.mark.long
def test_a_run_that_another_model_overtook_maps_its_own_pixels(region_of, undisturbed, model, monkeypatch):
    """Interrupted with model A, then run with model B to the end, then A again: the map is A's everywhere."""
    region = region_of("overtaken-by-a-model", commit_every=1)
    commit, commits = Committer.commit, []

    def stop_after_three(committer, blocks, lost):
        commits.append(any(block.stage == "segment" for block in blocks))
        if sum(commits) > 2:
            raise RunError("stopped half-way")
        commit(committer, blocks, lost)

    monkeypatch.setattr(Committer, "commit", stop_after_three)
    with pytest.raises(RunError, match="half-way"):
        run(region)
    monkeypatch.undo()

    other = shutil.copytree(model, region.cube.parent / "other-model")
    index = json.loads((other / "model_index.json").read_text())
    (other / "model_index.json").write_text(json.dumps(index | {"seed": 7}))
    run(region.model_copy(update={"model": other}))
    report = run(region)
    assert report.done.segment == len(list(region.extent.blocks()))
    assert_same(bytes_of(region), bytes_of(undisturbed[0]))


@pytest.mark.long
def test_scenes_count_on_their_footprint_alone_so_that_no_cut_shows(region_of, world):
    """Footprints smaller than the rasters: a block that they miss must not differ from a larger block's same pixels."""
    copy = shutil.copytree(world.folder, region_of("narrow").cube.parent / "world")
    for path in copy.glob("sentinel-2-l2a/*/*.json"):
        item = json.loads(path.read_text())
        item["geometry"] = shapely.geometry.mapping(shapely.geometry.shape(item["geometry"]).buffer(-0.008))
        path.write_text(json.dumps(item))
    made = []
    for block in (256, 1024):
        region = region_of(f"narrow-{block}", catalog=str(copy / "catalog.json"), grid={"block": block})
        run(region)
        made.append(bytes_of(region))
    assert (made[0]["observations"] == 0).mean() > 0.02
    assert_same(*made)


def test_an_empty_store_folder_does_not_stop_the_first_run(region_of):
    region = region_of("empty")
    (region.cube / "store").mkdir(parents=True)
    assert run(region).done_anything


def test_counts_follow_the_map_when_a_scene_is_lost_in_one_block_only(region_of, world, monkeypatch):
    """A scene read well by one block and lost by its neighbour: areas and levels are those of the map nevertheless."""
    wide = region_of("partly", max_degraded=1.0)
    scene = plan(wide).scenes[-1].id
    first = next(b.block for b in plan(wide).blocks() if scene in b.scenes)
    mosaic = Worker.mosaic

    def lose(worker, task):
        if task.block == first:
            task = replace(task, scenes=tuple(name for name in task.scenes if name != scene))
            return replace(mosaic(worker, task), lost={scene: "not to be read"})
        return mosaic(worker, task)

    monkeypatch.setattr(Worker, "mosaic", lose)
    report = run(wide)
    assert report.degraded == [first]
    landcover = open_cube(wide.cube).landcover.values
    assert report.areas_km2["Tree cover"] == pytest.approx((landcover == 10).sum() * 1e-4)
    monkeypatch.undo()
    repaired = run(wide)
    assert repaired.done.mosaic == 1
    assert repaired.degraded == []
    landcover = open_cube(wide.cube).landcover.values
    assert repaired.areas_km2["Tree cover"] == pytest.approx((landcover == 10).sum() * 1e-4)
