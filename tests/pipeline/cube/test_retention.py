"""Retention: what is kept stays byte-identical, what is pruned is gone, what a run has written is not touched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import zarr
from made_versions import ORIGIN, landcover_of, mapped, published

from pipeline.cube import store, tags, versions
from pipeline.cube.checksums import sums_name
from pipeline.cube.cube import Cube
from pipeline.cube.damage import Damage
from pipeline.cube.heal import heal
from pipeline.cube.retention import SAFETY, prune
from pipeline.errors import UserError

NONE = timedelta(0)


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def noise(seed):
    return np.random.default_rng(seed).choice([10, 30, 80], size=(512, 768)).astype(np.uint8)


@pytest.fixture
def five(cube):
    """Five versions of noise, each in its own commits."""
    return [published(cube, noise(n), run=str(n)) for n in range(5)]


def bytes_in(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def assert_gone(cube, version):
    with pytest.raises(UserError, match=f"no version '{version}' .any more, if it was pruned"):
        versions.resolve(cube, version)


def test_the_newest_stay_byte_identical_and_the_others_are_gone(cube, five, tmp_path):
    stored = tmp_path / "cube" / "store"
    before = bytes_in(stored)
    done = prune(cube, 2, safety=NONE)
    assert [v.snapshot for v in done.kept] == five[:2:-1]
    assert [v.snapshot for v in done.expired] == five[2::-1]
    for n in (3, 4):
        assert (landcover_of(cube, five[n])[0] == noise(n)).all()
    assert [v.snapshot for v in versions.history(cube)] == five[:2:-1]
    for version in five[:3]:
        assert_gone(cube, version)
    assert done.bytes == pytest.approx(before - bytes_in(stored), rel=0.01)
    assert done.bytes > 0.5 * before


def test_pruned_data_are_deleted_and_not_only_hidden(cube, five):
    prune(cube, 1, safety=NONE)
    for version in five[:4]:
        with pytest.raises(Exception, match="snapshot not found"):
            cube.repository.readonly_session(snapshot_id=version)


def test_a_dry_run_tells_the_same_and_changes_nothing(cube, five, tmp_path):
    before = bytes_in(tmp_path)
    told = prune(cube, 2, dry_run=True, safety=NONE)
    assert bytes_in(tmp_path) == before
    assert len(versions.history(cube)) == 5
    done = prune(cube, 2, safety=NONE)
    assert [v.snapshot for v in told.expired] == [v.snapshot for v in done.expired]
    assert [v.snapshot for v in told.kept] == [v.snapshot for v in done.kept]


def test_tagged_versions_stay(cube, five):
    tags.add(cube, "delivered", five[1])
    done = prune(cube, 1, safety=NONE)
    assert [v.snapshot for v in done.kept] == [five[4], five[1]]
    assert (landcover_of(cube, versions.resolve(cube, "delivered"))[0] == noise(1)).all()
    assert (landcover_of(cube, five[4])[0] == noise(4)).all()
    assert [(v.snapshot, v.tags, v.withdrawn) for v in versions.history(cube)] == [
        (five[4], (), False),
        (five[1], ("delivered",), False),
    ]
    assert_gone(cube, five[2])
    tags.remove(cube, "delivered")
    prune(cube, 1, safety=NONE)
    assert_gone(cube, five[1])


def test_young_versions_stay_with_older_than(cube, five):
    assert prune(cube, 1, older_than=timedelta(days=1), safety=NONE).expired == []
    assert len(prune(cube, 1, older_than=NONE, safety=NONE).expired) == 4


def test_more_are_kept_than_there_are(cube, five):
    assert prune(cube, 9, safety=NONE).expired == []
    assert [v.snapshot for v in versions.history(cube)] == five[::-1]


def test_objects_younger_than_a_day_are_left_for_a_later_pruning(cube, five, tmp_path):
    before = bytes_in(tmp_path / "cube" / "store" / "chunks")
    done = prune(cube, 1)
    assert done.bytes == 0
    assert done.collected_before <= datetime.now(UTC) - SAFETY
    assert bytes_in(tmp_path / "cube" / "store" / "chunks") == before
    assert_gone(cube, five[0])
    assert prune(cube, 1, safety=NONE).bytes > 0


def test_what_a_run_under_way_has_written_is_never_touched(cube, five):
    """Neither its commits nor what its workers have written and the driver has not committed yet."""
    branch, _, base = mapped(cube, noise(7), run="under-way")
    session = cube.repository.writable_session(branch)
    store.array(zarr.open_group(session.store), "landcover")[0] = noise(8)
    done = prune(cube, 1, safety=NONE)
    assert done.running == [branch]
    assert len(done.expired) == 4
    session.commit("after the pruning")
    last = versions.publish(cube, branch, base, replace(ORIGIN, run="under-way"))
    assert (landcover_of(cube, last)[0] == noise(8)).all()
    assert [v.snapshot for v in versions.history(cube)] == [last, five[4]]


def test_a_run_that_was_overtaken_and_left_alone_is_dropped_after_a_day(cube, five):
    branch, _, _ = mapped(cube, noise(7), run="left")
    published(cube, noise(8), run="other")
    assert prune(cube, 1).running == [branch]
    done = prune(cube, 1, safety=NONE)
    assert (done.running, done.abandoned) == ([], [branch])
    assert cube.repository.list_branches() == {"main"}


def test_withdrawn_versions_can_be_restored_until_they_are_pruned(cube, five):
    back = versions.rollback(cube, five[1])
    done = prune(cube, 3, safety=NONE)
    assert [v.snapshot for v in done.kept] == [back, five[4], five[3]]
    assert [v.withdrawn for v in versions.history(cube)] == [False, True, True]
    restored = versions.rollback(cube, five[3])
    assert (landcover_of(cube, restored)[0] == noise(3)).all()
    prune(cube, 1, safety=NONE)
    assert [v.snapshot for v in versions.history(cube)] == [restored]
    assert cube.repository.list_tags() == set()
    assert_gone(cube, five[4])


def test_a_version_that_was_healed_and_withdrawn_is_pruned_like_others(cube, five):
    healed = heal(cube, [Damage("0/confidence", (0, 1, 2), "")])
    back = versions.rollback(cube, "previous")
    assert [(v.snapshot, v.withdrawn) for v in versions.history(cube)][:2] == [(back, False), (five[4], True)]
    prune(cube, 1, safety=NONE)
    assert cube.repository.list_tags() == set()
    assert cube.files.list("checksums") == [sums_name(back)]
    with pytest.raises(Exception, match="snapshot not found"):
        cube.repository.readonly_session(snapshot_id=healed)


def test_a_tagged_version_that_was_withdrawn_is_still_told_to_be_withdrawn(cube, five):
    tags.add(cube, "odd", five[3])
    back = versions.rollback(cube, five[1])
    prune(cube, 1, safety=NONE)
    assert [(v.snapshot, v.withdrawn) for v in versions.history(cube)] == [(back, False), (five[3], True)]
    assert (landcover_of(cube, back)[0] == noise(1)).all()


def test_an_empty_cube_has_nothing_to_prune(cube):
    with pytest.raises(UserError, match="nothing is published"):
        prune(cube, 1)
