import numpy as np
import pytest
from made_versions import ORIGIN, published

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.damage import Damage
from pipeline.cube.heal import MADE_WITH, heal
from pipeline.cube.schema import DAYS, LABELS
from pipeline.cube.sources import SOURCE
from pipeline.errors import RunError


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def noise():
    return np.random.default_rng(3).integers(1, 200, (512, 768), np.uint8)


def records(cube):
    group = cube.group(branch="main")
    return {name: np.asarray(group[f"blocks/{name}"][0]) for name in ("mosaic", "landcover", "aggregate", "pixels")}


def test_only_the_damaged_blocks_lose_the_fingerprint_of_what_is_damaged(cube):
    version = published(cube, noise())
    before = records(cube)
    snapshot = heal(cube, [Damage("0/confidence", (0, 1, 2), ""), Damage("1/landcover", (0, 0, 1), "")])
    after = records(cube)
    landcover, aggregate = before["landcover"].copy(), before["aggregate"].copy()
    landcover[1, 2] = aggregate[:, 2] = 0
    assert (after["landcover"] == landcover).all()
    assert (after["aggregate"] == aggregate).all()
    assert (after["pixels"] == before["pixels"]).all()
    assert versions.resolve(cube) == version
    assert versions.head(cube) == snapshot
    assert cube.sums(snapshot) is not None
    assert versions.runs_of(cube, snapshot) == versions.runs_of(cube, version)
    assert cube.repository.list_branches() == {"main"}


def test_a_damaged_chunk_of_records_is_written_anew(cube):
    published(cube, noise())
    heal(cube, [Damage("blocks/pixels", (0, 0, 0, 0), ""), Damage("blocks/landcover", (0, 0, 0), "")])
    after = records(cube)
    assert not any(after[name].any() for name in ("pixels", "landcover", "aggregate"))


def test_a_run_after_a_healing_publishes_although_no_map_is_due(cube):
    published(cube, noise())
    snapshot = heal(cube, [Damage("0/observations", (0, 0, 0), "")])
    assert not versions.is_published(cube, snapshot)
    assert versions.start_branch(cube, "run-a") == snapshot
    newest = versions.publish(cube, "run-a", snapshot, ORIGIN)
    assert versions.resolve(cube) == newest


def test_further_damage_is_healed_before_a_run_has_mended_the_first(cube):
    version = published(cube, noise())
    heal(cube, [Damage("0/confidence", (0, 1, 2), "")])
    heal(cube, [Damage("0/confidence", (0, 1, 2), ""), Damage("0/confidence", (0, 0, 0), "")])
    assert np.argwhere(records(cube)["landcover"] == 0).tolist() == [[0, 0], [1, 2]]
    assert versions.resolve(cube) == version
    assert cube.repository.list_branches() == {"main"}


@pytest.mark.parametrize(("name", "chunk"), [("0/x", (0,)), ("0/change", (0, 1, 2)), ("0/change_day", (0, 1, 2))])
def test_damage_that_no_run_mends_is_told_and_nothing_is_deleted(cube, name, chunk):
    version = published(cube, noise())
    with pytest.raises(RunError, match=rf"{name} of the cube at .* is damaged; no run makes it again: roll back"):
        heal(cube, [Damage("0/confidence", (0, 1, 2), ""), Damage(name, chunk, "")])
    assert versions.head(cube) == version
    assert cube.repository.list_branches() == {"main"}


def test_every_array_of_blocks_is_made_with_one_record(cube):
    published(cube, noise())
    made = [name for names in MADE_WITH.values() for name in names]
    group = cube.group(branch="main")
    records = {*(f"blocks/{name}" for name in group["blocks"]), SOURCE}
    assert sorted(made) == sorted({"mosaic", *LABELS, *DAYS, *records})
