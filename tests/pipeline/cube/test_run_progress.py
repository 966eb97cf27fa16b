"""How far a run under way is: totals, stage, and the end that its speed lets expect."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from made_versions import plain, published

from pipeline.cube import versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.run_progress import RunProgress, write_due
from pipeline.cube.status import status
from pipeline.cube.store import array


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain(10), run="a")
    cube.repository.create_branch("run-b", versions.head(cube))
    return cube


def commit(cube, name, blocks):
    """Commits new fingerprints of the first so many blocks of an array to the run's branch."""
    session = cube.repository.writable_session("run-b")
    fingerprints = array(session_group(session), f"blocks/{name}")
    new_TYX = np.asarray(fingerprints).copy()
    new_TYX[0].ravel()[:blocks] = 7 + np.arange(blocks)
    fingerprints[:] = new_TYX
    session.commit(name)


def test_a_run_goes_from_planning_over_its_stages(cube):
    def progress():
        return status(cube).running["b"]

    with cube.lease("b", "bavaria") as held:
        assert progress() == RunProgress(stage="plan")
        write_due(held, "b", 4, 4)
        assert progress() == RunProgress(0, 0, 4, 4, "mosaic")
        commit(held, "mosaic", 4)
        assert progress().stage == "landcover"
        commit(held, "landcover", 4)
        assert progress().stage == "aggregate"
    assert progress() == RunProgress(4, 4, 4, 4, "stopped")


def test_the_end_is_expected_by_the_speed_since_it_went_on(cube):
    """Four mosaics were there before: two of four blocks that were due since then took what the other two will."""
    commit(cube, "mosaic", 4)
    with cube.lease("b", "bavaria") as held:
        write_due(held, "b", 0, 4)
        begun = datetime.now(UTC)
        time.sleep(0.2)
        commit(held, "landcover", 2)
        half = datetime.now(UTC)
        found = status(cube).running["b"]
    assert (found.of_mosaic, found.of_landcover) == (4, 4)
    assert half < found.expected_end < half + (half - begun) + timedelta(seconds=0.1)


def test_who_holds_the_cube_for_another_run_does_not_work_for_this_one(cube):
    with cube.lease("c", "bavaria"):
        assert status(cube).running["b"].stage == "stopped"


def test_an_update_that_asks_its_change_model_works_on_the_branch_where_it_asks_and_then_on_its_own(cube):
    cube.repository.create_branch("screen-c", versions.head(cube))
    assert status(cube).running["c"].stage == "stopped"
    with cube.lease("planned", "bavaria") as held:
        held.hold_for("c")
        assert status(cube).running["c"] == RunProgress(stage="plan")
        write_due(held, "c", 4, 0)
        assert status(cube).running["c"] == RunProgress(0, 0, 4, 0, "screen")
        cube.repository.create_branch("run-c", versions.head(cube))
        assert status(cube).running["c"] == RunProgress(stage="plan")
