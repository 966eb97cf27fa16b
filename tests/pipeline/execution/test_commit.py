"""What a commit of finished blocks leaves in the cube, and what tasks say of it."""

import pickle
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from pipeline.cube import store
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import DEGRADED, EMPTY, MAPPED, Layout
from pipeline.errors import RunError
from pipeline.execution.commit import Committer, FinishedBlock
from pipeline.execution.task import BlockResult
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import BlockPlan
from pipeline.storage.holder import Holder
from pipeline.storage.lease import LOCK

EXTENT = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 512, 768))


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    session = cube.repository.writable_session("main")
    layout = Layout(EXTENT, ("red",), ({"code": 1, "name": "land", "color": "#000000"},))
    add_period(zarr.open_group(session.store), layout, (date(2024, 1, 1), date(2024, 12, 31)))
    session.commit("arrays")
    return cube


@pytest.fixture
def committer(cube):
    return committer_of(cube)


def committer_of(cube):
    def fingerprints(block, lost):
        return 70 + len(lost), 80 + len(lost)

    return Committer(cube, SimpleNamespace(branch="main", extent=EXTENT, fingerprints=fingerprints), 0)


def finished(committer, stage, block, value=0, **result):
    """A stage of a block whose worker wrote `value` into its first pixel."""
    plan = BlockPlan(block, (), 1, 7, 8, True, True, "new")
    fork = pickle.loads(committer.task(plan).fork)
    name, shape = ("mosaic", (1, 256, 256)) if stage == "mosaic" else ("landcover", (256, 256))
    array = store.array(zarr.open_group(fork.store), name)
    values = np.zeros(shape, array.dtype)
    values[..., 0, 0] = value
    store.write_block(zarr.open_group(fork.store), name, 0, EXTENT, block, values)
    result = {"lost": {}, "clear": 1, "observed": True, "seconds": {}} | result
    return FinishedBlock(stage, plan, BlockResult(block, fork, **result))


def record(cube, name):
    return np.asarray(store.array(cube.group(branch="main"), f"blocks/{name}"))[0]


def test_a_commit_holds_the_shards_of_its_blocks_with_their_records(cube, committer):
    blocks = [
        finished(committer, "mosaic", (0, 1), 9, clear=5),
        finished(committer, "mosaic", (0, 2), lost={"scene": "gone"}),
        finished(committer, "mosaic", (1, 0), observed=False, clear=0),
        finished(committer, "segment", (1, 2), 1),
    ]
    before = len(list(cube.repository.ancestry(branch="main")))
    committer.commit(blocks, {})
    assert len(list(cube.repository.ancestry(branch="main"))) == before + 1
    assert record(cube, "mosaic").tolist() == [[0, 7, 7], [7, 0, 0]]
    assert record(cube, "landcover").tolist() == [[0, 0, 0], [0, 0, 8]]
    assert record(cube, "clear").tolist() == [[0, 5, 1], [0, 0, 0]]
    states = record(cube, "state")
    assert (states[0, 1], states[0, 2], states[1, 0]) == (MAPPED, DEGRADED, EMPTY)
    group = cube.group(branch="main")
    assert store.array(group, "mosaic")[0, 0, 0, 256] == 9
    assert store.array(group, "landcover")[0, 256, 512] == 1


def test_nothing_is_committed_once_another_run_holds_the_cube(cube):
    before = str(cube.repository.lookup_branch("main"))
    with cube.lease("a", "bavaria") as held:
        committer = committer_of(held)
        block = finished(committer, "mosaic", (0, 0))
        cube.files.write(LOCK, Holder.here("b", "bavaria").text())
        with pytest.raises(RunError, match="is held by run b of region bavaria"):
            committer.commit([block], {})
    assert str(cube.repository.lookup_branch("main")) == before


def test_fingerprints_are_those_of_the_plan_without_the_scenes_that_were_lost(cube, committer):
    lost = {(0, 0): {"a": "gone"}, (0, 1): {"a": "gone"}}
    committer.commit([finished(committer, "mosaic", (0, 0)), finished(committer, "segment", (0, 0))], lost)
    assert record(cube, "mosaic")[0, 0] == 72
    assert record(cube, "landcover")[0, 0] == 82


def test_tasks_name_the_snapshot_that_was_committed_last(cube, committer):
    plan = BlockPlan((0, 0), ("scene",), 1, 7, 8, True, True, "new")
    assert committer.task(plan).snapshot == str(cube.repository.lookup_branch("main"))
    committer.commit([finished(committer, "mosaic", (0, 0))], {})
    task = committer.task(plan)
    assert task.snapshot == str(cube.repository.lookup_branch("main"))
    assert (task.block, task.scenes, task.time) == ((0, 0), ("scene",), 0)
