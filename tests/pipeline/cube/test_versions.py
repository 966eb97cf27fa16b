from dataclasses import replace

import pytest
import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError

ORIGIN = versions.Origin("a", "test", 1, 0)


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def commit(cube, branch, value):
    session = cube.repository.writable_session(branch)
    zarr.open_group(session.store).attrs["value"] = value
    return session.commit(f"value {value}")


def value(cube, snapshot):
    return cube.group(snapshot=snapshot).attrs["value"]


def test_main_moves_only_when_a_run_is_published(cube):
    base = versions.start_branch(cube, "run-a")
    commit(cube, "run-a", 1)
    assert versions.head(cube) == base
    with pytest.raises(UserError, match="nothing is published"):
        versions.resolve(cube)
    published = versions.publish(cube, "run-a", base, ORIGIN)
    assert versions.head(cube) == versions.resolve(cube) == published
    assert value(cube, published) == 1
    assert cube.repository.list_branches() == {"main"}


def test_history_lists_published_versions_and_not_the_commits_between(cube):
    made = []
    for n in range(3):
        base = versions.start_branch(cube, f"run-{n}")
        commit(cube, f"run-{n}", n)
        commit(cube, f"run-{n}", n + 10)
        made.append(versions.publish(cube, f"run-{n}", base, replace(ORIGIN, run=str(n))))
    history = versions.history(cube)
    assert [v.snapshot for v in history] == made[::-1]
    assert [v.origin.run for v in history] == ["2", "1", "0"]
    assert [value(cube, v.snapshot) for v in history] == [12, 11, 10]


def test_an_interrupted_branch_is_kept_and_an_overtaken_one_starts_anew(cube):
    base = versions.start_branch(cube, "run-a")
    kept = commit(cube, "run-a", 1)
    assert versions.start_branch(cube, "run-a") == base
    assert cube.repository.lookup_branch("run-a") == kept

    versions.start_branch(cube, "run-b")
    commit(cube, "run-b", 2)
    newer = versions.publish(cube, "run-b", base, replace(ORIGIN, run="b"))
    assert versions.start_branch(cube, "run-a") == newer
    assert cube.repository.lookup_branch("run-a") == newer


def test_of_two_runs_the_second_to_publish_is_told(cube):
    base = versions.start_branch(cube, "run-a")
    versions.start_branch(cube, "run-b")
    commit(cube, "run-a", 1)
    commit(cube, "run-b", 2)
    first = versions.publish(cube, "run-a", base, ORIGIN)
    with pytest.raises(RunError, match="another run has published"):
        versions.publish(cube, "run-b", base, replace(ORIGIN, run="b"))
    assert versions.head(cube) == first


def test_a_run_stopped_between_its_last_commit_and_publishing_makes_one_version(cube, monkeypatch):
    base = versions.start_branch(cube, "run-a")
    commit(cube, "run-a", 1)
    session = cube.repository.writable_session("run-a")
    zarr.open_group(session.store).attrs["version"] = ORIGIN.metadata()
    closed = session.commit("publish a", metadata={"published": True, **ORIGIN.metadata()})
    assert versions.start_branch(cube, "run-a") == base
    assert versions.publish(cube, "run-a", base, ORIGIN) == closed
    assert len(versions.history(cube)) == 1


def test_a_run_stopped_between_publishing_and_deleting_its_branch_makes_one_version(cube):
    base = versions.start_branch(cube, "run-a")
    commit(cube, "run-a", 1)
    published = versions.publish(cube, "run-a", base, ORIGIN)
    cube.repository.create_branch("run-a", published)
    assert versions.start_branch(cube, "run-a") == published
    assert versions.publish(cube, "run-a", published, ORIGIN) == published
    assert [v.snapshot for v in versions.history(cube)] == [published]
    assert cube.repository.list_branches() == {"main"}


@pytest.fixture
def three(cube):
    """Three published versions whose value is 1, 2 and 3."""
    made = []
    for n in (1, 2, 3):
        base = versions.start_branch(cube, f"run-{n}")
        commit(cube, f"run-{n}", n)
        made.append(versions.publish(cube, f"run-{n}", base, replace(ORIGIN, run=str(n))))
    return made


def test_a_rollback_publishes_an_older_version_again_and_says_so(cube, three):
    made = versions.rollback(cube, three[0])
    assert versions.resolve(cube) == versions.head(cube) == made
    assert made not in three
    assert value(cube, made) == 1
    newest, *others = versions.history(cube)
    assert newest.origin == replace(ORIGIN, run="1", rolled_back_to=three[0])
    assert [(v.snapshot, v.withdrawn) for v in others] == [(three[2], True), (three[1], True), (three[0], False)]
    assert versions.resolve(cube, "previous") == three[2]
    assert cube.repository.list_branches() == {"main"}


def test_an_open_reader_of_a_withdrawn_version_goes_on_reading_it(cube, three):
    reader = cube.group(snapshot=three[2])
    versions.rollback(cube, three[1])
    assert reader.attrs["value"] == 3
    assert value(cube, versions.resolve(cube, three[2])) == 3


def test_a_withdrawn_version_is_restored_by_another_rollback(cube, three):
    back = versions.rollback(cube, three[0])
    restored = versions.rollback(cube, three[2])
    assert value(cube, versions.resolve(cube)) == 3
    withdrawn = {v.snapshot: v.withdrawn for v in versions.history(cube)}
    assert withdrawn == {restored: False, back: True, three[2]: False, three[1]: False, three[0]: False}


def test_rolling_back_to_the_newest_or_to_nothing_known_is_refused(cube, three):
    with pytest.raises(UserError, match="is the newest version already"):
        versions.rollback(cube, three[2])
    with pytest.raises(UserError, match="no version 'nothing'"):
        versions.rollback(cube, "nothing")
    assert versions.head(cube) == three[2]
    assert cube.repository.list_tags() == set()


def test_a_rollback_that_a_run_overtakes_is_told_and_changes_nothing(cube, three, monkeypatch):
    keep, newer = versions.tag_withdrawn, []

    def overtaken(cube, snapshot):
        keep(cube, snapshot)
        base = versions.start_branch(cube, "run-4")
        commit(cube, "run-4", 4)
        newer.append(versions.publish(cube, "run-4", base, replace(ORIGIN, run="4")))

    monkeypatch.setattr(versions, "tag_withdrawn", overtaken)
    with pytest.raises(RunError, match="another run has published"):
        versions.rollback(cube, three[0])
    assert versions.resolve(cube) == newer[0]
    assert not any(v.withdrawn for v in versions.history(cube))


def test_a_rollback_stopped_before_it_moved_main_is_done_by_the_same_command(cube, three, monkeypatch):
    def stop(*arguments):
        raise RunError("stopped")

    monkeypatch.setattr(versions, "move_main", stop)
    with pytest.raises(RunError, match="stopped"):
        versions.rollback(cube, three[0])
    assert versions.resolve(cube) == three[2]
    assert not any(v.withdrawn for v in versions.history(cube))
    monkeypatch.undo()
    assert value(cube, versions.rollback(cube, three[0])) == 1
    assert cube.repository.list_branches() == {"main"}
    assert len(cube.repository.list_tags()) == 1


def test_a_run_begun_before_a_rollback_starts_anew_from_what_is_published_then(cube, three):
    versions.start_branch(cube, "run-4")
    commit(cube, "run-4", 4)
    back = versions.rollback(cube, three[0])
    assert versions.start_branch(cube, "run-4") == back
    assert value(cube, cube.repository.lookup_branch("run-4")) == 1


def test_a_first_version_has_none_before_it(cube):
    base = versions.start_branch(cube, "run-a")
    commit(cube, "run-a", 1)
    versions.publish(cube, "run-a", base, ORIGIN)
    with pytest.raises(UserError, match="no version before"):
        versions.resolve(cube, "previous")
