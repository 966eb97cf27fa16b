from dataclasses import asdict

import numpy as np
import pytest
import zarr
from made_versions import mapped, plain, published

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.run_progress import RunProgress
from pipeline.cube.schema import DEGRADED
from pipeline.cube.status import Status, status
from pipeline.cube.store import array


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def test_an_empty_cube(cube):
    assert status(cube) == Status(published=None, versions=0, blocks={}, held_by=None, running={}, held={})


def test_a_published_cube_tells_its_version_and_its_blocks_by_state(cube):
    published(cube, plain(10), run="a")
    branch, _, base = mapped(cube, plain(30), run="b")
    session = cube.repository.writable_session(branch)
    array(zarr.open_group(session.store), "blocks/state")[0, 0, :2] = DEGRADED
    session.commit("two blocks lack a scene")
    newest = versions.publish(cube, branch, base, versions.Origin("b", "test", 6, 2))
    blocks = {"not_processed": 0, "mapped": 4, "degraded": 2, "no_observation": 0}
    assert status(cube) == Status(newest, 2, blocks, None, {}, {})


def test_a_run_under_way_tells_the_blocks_that_differ_from_the_newest_version(cube):
    published(cube, plain(10), run="a")
    landcover_HW = plain(10)
    landcover_HW[:256, :512] = 30
    branch, *_ = mapped(cube, landcover_HW, run="b")
    session = cube.repository.writable_session(branch)
    array(zarr.open_group(session.store), "blocks/mosaic")[0, :, 0] = np.array([7, 8])
    session.commit("two mosaics")
    assert status(cube).running == {"b": RunProgress(mosaic=2, landcover=2)}
    cube.repository.create_branch("run-c", versions.head(cube))
    assert status(cube).running["c"] == RunProgress(0, 0)


def test_a_cube_that_is_held_tells_by_whom(cube):
    with cube.lease("a", "bavaria"):
        assert status(cube).held_by.startswith("run a of region bavaria on host")
    assert status(cube).held_by is None


def test_the_json_of_a_status_is_its_fields(cube):
    mapped(cube, plain(10), run="a")
    assert asdict(status(cube)) == {
        "published": None,
        "versions": 0,
        "blocks": {},
        "held_by": None,
        "running": {
            "a": {
                "mosaic": 0,
                "landcover": 6,
                "of_mosaic": None,
                "of_landcover": None,
                "stage": "stopped",
                "expected_end": None,
            }
        },
        "held": {},
    }
