"""When finished blocks are committed, on a clock of the test's own."""

import pickle
from datetime import date
from types import SimpleNamespace

import pytest
import zarr

from pipeline.cube import store
from pipeline.cube.create import prepare
from pipeline.cube.schema import Layout
from pipeline.execution.commit import BUSY, SELDOM_SECONDS, Committer, Progress
from pipeline.execution.task import Done
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import BlockPlan

COMMIT_SECONDS = 1.0


class Clock:
    """Time that passes when it is told to, and by COMMIT_SECONDS in each commit."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def commit(self):
        self.now += COMMIT_SECONDS


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("pipeline.execution.commit.clock", clock)
    return clock


@pytest.fixture
def committer(tmp_path, clock):
    extent = Extent(Grid("EPSG:3035", 10.0, 256), Window(0, 0, 1024, 1024))
    repository = store.repository(tmp_path / "cube", create=True)
    session = repository.writable_session("main")
    layout = Layout(extent, ("red",), ({"code": 1, "name": "land", "color": "#000000"},))
    prepare(zarr.open_group(session.store), layout, (date(2024, 1, 1), date(2024, 12, 31)))
    session.commit("arrays")
    plan = SimpleNamespace(branch="main", extent=extent, region=SimpleNamespace(commit_every=2))
    made = Committer(repository, plan, 0, Progress(), clock.commit, lambda _: True, lambda *_: None)
    clock.now += 10
    return made


def mosaics(committer, count, start=0):
    """Finished mosaics of so many blocks; what is committed after each."""
    for block in list(committer.plan.extent.blocks())[start : start + count]:
        plan = BlockPlan(block, (), 1, 7, 8, True, True, "new")
        fork = pickle.loads(committer.task(plan).fork)
        committer.add("mosaic", plan, Done(block, fork, {}, 1, True, {}))
        yield committed(committer)


def committed(committer):
    group = store.reader(committer.repository, branch="main")
    return int((store.array(group, "blocks/mosaic")[0] == 7).sum())


def test_as_many_blocks_as_the_region_says_make_a_commit(committer):
    assert list(mosaics(committer, 3)) == [0, 2, 2]
    committer.commit()
    assert committed(committer) == 3


def test_where_blocks_come_faster_commits_take_no_more_than_their_share_of_the_drivers_time(committer, clock):
    assert list(mosaics(committer, 2)) == [0, 2]
    assert list(mosaics(committer, 6, start=2)) == [2] * 6
    clock.now += COMMIT_SECONDS / BUSY + 0.1
    assert list(mosaics(committer, 1, start=8)) == [9]


def test_a_finished_block_waits_a_minute_at_most_for_others(committer, clock):
    clock.now += SELDOM_SECONDS + 1
    assert list(mosaics(committer, 1)) == [1]


def test_mosaics_that_land_cover_waits_for_are_committed_early(committer):
    assert list(mosaics(committer, 1)) == [0]
    committer.hurry(idle=False)
    assert committed(committer) == 1
    assert list(mosaics(committer, 1, start=1)) == [1]
    committer.hurry(idle=False)
    assert committed(committer) == 1
    committer.hurry(idle=True)
    assert committed(committer) == 2
