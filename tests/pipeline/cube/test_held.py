"""What is kept of a run that a gate held back; its publication is tested in `execution/test_held.py`."""

from datetime import UTC, datetime

import pytest
import zarr
from made_versions import mapped, plain, published

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.held import Held, accept, discard, held_run, held_runs, hold
from pipeline.cube.schema import DEGRADED, EMPTY
from pipeline.cube.store import array
from pipeline.cube.versions import Origin
from pipeline.errors import RunError, UserError


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    published(cube, plain())
    return cube


def held_back(cube, run="a", code=30):
    branch, _, _ = mapped(cube, plain(code), run=run)
    tip = str(cube.repository.lookup_branch(branch))
    origin = Origin(run, "bavaria", 6, 0, gates={"drift": 1.0})
    held = Held(run, "drift", datetime(2024, 9, 1, tzinfo=UTC), versions.head(cube), tip, origin, {"run": run})
    hold(cube, held)
    return held


def test_a_held_run_is_read_as_it_was_kept(cube):
    held = held_back(cube)
    assert held_runs(cube) == [held]
    assert held_run(cube, "a") == held_run(cube, "run-a") == held


def test_a_branch_that_has_gone_on_is_not_held_any_more(cube):
    held = held_back(cube)
    for state in (DEGRADED, EMPTY):
        session = cube.repository.writable_session("run-a")
        array(zarr.open_group(session.store), "blocks/state")[0, 0, 0] = state
        session.commit("a block")
    assert held_runs(cube) == []
    with pytest.raises(UserError, match=f"no run '{held.run}' is held back in this cube; held are: none"):
        held_run(cube, held.run)


def test_an_accepted_run_is_the_newest_version_and_records_why(cube):
    version = accept(cube, held_back(cube), "a dam was built")
    origin = versions.origin_of(cube, versions.resolve(cube))
    assert versions.resolve(cube) == version
    assert (origin.because, origin.gates) == ("a dam was built", {"drift": 1.0})


def test_a_run_that_another_has_overtaken_is_not_accepted(cube):
    held = held_back(cube)
    newest = published(cube, plain(80), run="b")
    with pytest.raises(RunError, match="another run has published"):
        accept(cube, held, "right")
    assert versions.resolve(cube) == newest


def test_a_discarded_run_has_no_branch(cube):
    discard(cube, held_back(cube))
    assert cube.repository.list_branches() == {"main"}
    assert held_runs(cube) == []
