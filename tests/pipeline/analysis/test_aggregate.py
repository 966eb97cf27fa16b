"""aggregate.py, `subtree.py`: counts and levels are those of the map, wherever they are made and however often."""

import os
import signal
from dataclasses import asdict
from datetime import date

import numpy as np
import pytest
from block_work import has_imported

from cluster.gather import parts_of
from pipeline.analysis import aggregate
from pipeline.analysis.aggregate import aggregate_blocks
from pipeline.analysis.halve import REDUCTIONS
from pipeline.analysis.subtree import subtrees
from pipeline.analysis.workers import dask_workers
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.errors import RunError
from pipeline.execution.run import run
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

WIDE = [11.961, 48.499, 12.039, 48.504]
"""Degrees of a region of one level: three blocks in a row, more than 512 px."""


CODES = (10, 30, 80)
CLASSES = tuple({"code": code, "name": f"class {code}", "color": "#000000"} for code in CODES)
YEAR = date(2024, 1, 1), date(2024, 12, 31)


def random_map(layout, random):
    """Patches of three classes with no data between them, confidences, and observations; (rows, columns) uint8."""
    small = tuple(side // 32 for side in layout.extent.shape)
    patches_HW = random.choice([0, *CODES], small, p=[0.25, 0.25, 0.25, 0.25]).repeat(32, 0).repeat(32, 1)
    speckles_HW = random.choice([0, *CODES], layout.extent.shape)
    landcover_HW = np.where(random.random(layout.extent.shape) < 0.2, speckles_HW, patches_HW).astype(np.uint8)
    confidence_HW = np.where(landcover_HW > 0, random.integers(1, 101, layout.extent.shape), 0).astype(np.uint8)
    observations_HW = (random.random(layout.extent.shape) < 0.9).astype(np.uint8)
    return landcover_HW, confidence_HW, observations_HW


def made_cube(folder, rows, columns):
    """A cube of so many blocks of 256 pixels, without a map; its layout, and the index of its period."""
    layout = Layout(Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, rows * 256, columns * 256)), ("red",), CLASSES)
    cube = Cube.create(folder)
    session = cube.repository.writable_session("main")
    time = add_period(session_group(session), layout, YEAR)
    session.commit("arrays")
    return cube, layout, time


def write_map(cube, layout, time, arrays, blocks_YX, branch="main"):
    """Writes a random map where `blocks_YX` says, with another fingerprint than before."""
    session = cube.repository.writable_session(branch)
    group = session_group(session)
    pixels_HW = np.repeat(np.repeat(blocks_YX, 256, 0), 256, 1)
    for name, value_HW in zip(("landcover", "confidence", "observations"), arrays, strict=True):
        target = store.array(group, name)
        target[time] = np.where(pixels_HW, value_HW, np.asarray(target[time]))
    made = store.array(group, "blocks/landcover")
    made[time] = np.asarray(made[time]) + blocks_YX
    session.commit("a map")


def check_aggregates(group, layout, time):
    """Levels are those of the whole map halved again and again, counts those of its blocks."""
    for name, reduce in REDUCTIONS.items():
        level_HW = np.asarray(store.array(group, name)[time])
        for level in range(1, layout.levels + 1):
            level_HW = reduce(level_HW)
            assert (np.asarray(store.array(group, name, level)[time]) == level_HW).all(), (name, level)
    rows, columns = layout.extent.block_range.shape
    landcover_HW, observations_HW = (
        np.asarray(store.array(group, name)[time]) for name in ("landcover", "observations")
    )
    holes_HW = (landcover_HW == 0) & (observations_HW > 0)
    for name, mask_HW in (("holes", holes_HW), *(((k), landcover_HW == code) for k, code in enumerate(CODES))):
        counts_YX = mask_HW.reshape(rows, 256, columns, 256).sum((1, 3))
        source = store.array(group, "blocks/holes" if name == "holes" else "blocks/pixels")
        kept_YX = np.asarray(source[time] if name == "holes" else source[time, :, :, name])
        made_YX = np.asarray(store.array(group, "blocks/landcover")[time]) > 0
        assert (kept_YX == np.where(made_YX, counts_YX, 0)).all(), name
    made, aggregated = (np.asarray(store.array(group, f"blocks/{name}")) for name in ("landcover", "aggregate"))
    assert (made == aggregated).all()


@pytest.mark.parametrize(
    ("shape", "steps", "group"), [((1, 1), (2, 4), 64), ((2, 5), (2, 4), 64), ((5, 6), (1, 2), 4), ((3, 5), (1,), 2)]
)
def test_levels_and_counts_are_those_of_the_map_also_where_a_few_blocks_are_made_anew(
    tmp_path, monkeypatch, shape, steps, group
):
    monkeypatch.setattr(aggregate, "STEPS", steps)
    monkeypatch.setattr(aggregate, "GROUP", group)
    random = np.random.default_rng(sum(shape))
    cube, layout, time = made_cube(tmp_path / "cube", *shape)
    for share in (0.7, 0.15, 0.0):
        blocks_YX = random.random(shape) < share
        blocks_YX.flat[0] = share > 0
        write_map(cube, layout, time, random_map(layout, random), blocks_YX)
        told: list = []
        aggregate_blocks(cube, "main", layout, time, 2, lambda *counts, told=told: told.append(counts))
        check_aggregates(cube.group(branch="main"), layout, time)
        assert told[-1:] == ([(blocks_YX.sum(), blocks_YX.sum())] if share else [])
        assert told == sorted(told)


@pytest.mark.parametrize("threads", [1, 16, 1000])
def test_the_tasks_of_a_continent_stay_under_100_000(threads):
    """One group of GROUP x GROUP blocks, all due, times the groups of a million blocks."""
    blocks = [(y, x) for y in range(aggregate.GROUP) for x in range(aggregate.GROUP)]
    tasks = 0
    for base, top in aggregate.steps(10):
        changed = {(y >> base, x >> base) for y, x in blocks}
        tasks += len(parts_of(len(list(subtrees(base, top, list(changed)))), threads))
    assert aggregate.steps(10) == [(0, 2), (2, 4), (4, 10)]
    assert 0 < tasks * 1_000_000 / len(blocks) < 100_000


@pytest.mark.long
def test_threads_and_three_processes_one_of_which_is_killed_on_the_way_give_the_same(tmp_path):
    random = np.random.default_rng(7)
    cube, layout, time = made_cube(tmp_path / "cube", 8, 8)
    write_map(cube, layout, time, random_map(layout, random), np.ones((8, 8), bool))
    for branch in ("threads", "processes", "killed"):
        cube.repository.create_branch(branch, cube.repository.lookup_branch("main"))
    aggregate_blocks(cube, "threads", layout, time, 2)
    check_aggregates(cube.group(branch="threads"), layout, time)
    with dask_workers("processes", 3, cube) as client:
        aggregate_blocks(cube, "processes", layout, time, 3)
        numbers = client.on_every_worker(os.getpid)
        assert len(set(numbers.values())) == 3
        victims = list(numbers.values())[:1]

        def kill(done, total):
            if victims:
                os.kill(victims.pop(), signal.SIGKILL)

        aggregate_blocks(cube, "killed", layout, time, 3, kill)
        assert not victims
        assert set(client.on_every_worker(os.getpid)) != set(numbers)
        assert set(client.on_every_worker(has_imported, "pipeline.analysis.subtree").values()) >= {True}
        assert set(client.on_every_worker(has_imported, "torch").values()) == {False}
    for branch in ("processes", "killed"):
        check_aggregates(cube.group(branch=branch), layout, time)


@pytest.fixture(scope="module")
def wide(tmp_path_factory, region_in):
    """A run of WIDE and its report."""
    region = region_in(tmp_path_factory.mktemp("wide"), bbox=WIDE)
    return region, run(region)


def test_levels_and_counts_are_those_of_the_published_map(wide):
    region, _ = wide
    cube = Cube.open(region.cube)
    group = cube.group(snapshot=versions.resolve(cube))
    layout = Layout.of(group)
    assert layout.levels == 1
    for name, reduce in REDUCTIONS.items():
        level_HW = np.asarray(store.array(group, name)[0])
        assert level_HW.any()
        for level in range(1, layout.levels + 1):
            level_HW = reduce(level_HW)
            assert (np.asarray(store.array(group, name, level)[0]) == level_HW).all()
    pixels = np.asarray(store.array(group, "blocks/pixels")[0])
    landcover = np.asarray(store.array(group, "landcover")[0])
    for k, row in enumerate(layout.classes):
        assert pixels[..., k].sum() == (landcover == row["code"]).sum()
    assert (
        np.asarray(store.array(group, "blocks/aggregate")) == np.asarray(store.array(group, "blocks/landcover"))
    ).all()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_stopped_while_aggregating_aggregates_it_all_when_it_goes_on(region_of, wide, monkeypatch, when):
    region, (of, whole) = region_of(bbox=WIDE), wide
    gather = aggregate.gather

    def stop(*arguments, **options):
        if when == "after":
            gather(*arguments, **options)
        raise RunError("stopped while aggregating")

    monkeypatch.setattr(aggregate, "gather", stop)
    with pytest.raises(RunError, match="stopped while aggregating"):
        run(region)
    monkeypatch.undo()
    report = run(region)
    assert asdict(report.done) == {"mosaic": 0, "segment": 0}
    assert report.areas_km2 == whole.areas_km2
    level = [np.asarray(store.array(newest(each), "landcover", 1)) for each in (region, of)]
    assert (level[0] == level[1]).all()


def newest(region):
    return Cube.open(region.cube).group(branch=versions.MAIN)
