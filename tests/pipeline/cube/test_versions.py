import pytest
import zarr

from pipeline.cube import store, tags, versions
from pipeline.errors import RunError, UserError

ABOUT = {"run": "a", "name": "test", "blocks": 1, "degraded": 0}


@pytest.fixture
def repository(tmp_path):
    return store.repository(tmp_path / "cube", create=True)


def commit(repository, branch, value):
    session = repository.writable_session(branch)
    zarr.open_group(session.store).attrs["value"] = value
    return session.commit(f"value {value}")


def value(repository, snapshot):
    return store.reader(repository, snapshot=snapshot).attrs["value"]


def test_main_moves_only_when_a_run_is_published(repository):
    base = versions.begin(repository, "run-a")
    commit(repository, "run-a", 1)
    assert versions.head(repository) == base
    with pytest.raises(UserError, match="nothing is published"):
        versions.resolve(repository)
    published = versions.publish(repository, "run-a", base, ABOUT)
    assert versions.head(repository) == versions.resolve(repository) == published
    assert value(repository, published) == 1
    assert repository.list_branches() == {"main"}


def test_history_lists_published_versions_and_not_the_commits_between(repository):
    made = []
    for n in range(3):
        base = versions.begin(repository, f"run-{n}")
        commit(repository, f"run-{n}", n)
        commit(repository, f"run-{n}", n + 10)
        made.append(versions.publish(repository, f"run-{n}", base, ABOUT | {"run": str(n)}))
    history = versions.history(repository)
    assert [v.snapshot for v in history] == made[::-1]
    assert [v.about["run"] for v in history] == ["2", "1", "0"]
    assert [value(repository, v.snapshot) for v in history] == [12, 11, 10]


def test_an_interrupted_branch_is_kept_and_an_overtaken_one_starts_anew(repository):
    base = versions.begin(repository, "run-a")
    kept = commit(repository, "run-a", 1)
    assert versions.begin(repository, "run-a") == base
    assert repository.lookup_branch("run-a") == kept

    versions.begin(repository, "run-b")
    commit(repository, "run-b", 2)
    newer = versions.publish(repository, "run-b", base, ABOUT | {"run": "b"})
    assert versions.begin(repository, "run-a") == newer
    assert repository.lookup_branch("run-a") == newer


def test_of_two_runs_the_second_to_publish_is_told(repository):
    base = versions.begin(repository, "run-a")
    versions.begin(repository, "run-b")
    commit(repository, "run-a", 1)
    commit(repository, "run-b", 2)
    first = versions.publish(repository, "run-a", base, ABOUT)
    with pytest.raises(RunError, match="another run has published"):
        versions.publish(repository, "run-b", base, ABOUT | {"run": "b"})
    assert versions.head(repository) == first


def test_a_run_stopped_between_its_last_commit_and_publishing_makes_one_version(repository, monkeypatch):
    base = versions.begin(repository, "run-a")
    commit(repository, "run-a", 1)
    session = repository.writable_session("run-a")
    zarr.open_group(session.store).attrs["version"] = ABOUT
    closed = session.commit("publish a", metadata={"published": True, **ABOUT})
    assert versions.begin(repository, "run-a") == base
    assert versions.publish(repository, "run-a", base, ABOUT) == closed
    assert len(versions.history(repository)) == 1


def test_a_run_stopped_between_publishing_and_deleting_its_branch_makes_one_version(repository):
    base = versions.begin(repository, "run-a")
    commit(repository, "run-a", 1)
    published = versions.publish(repository, "run-a", base, ABOUT)
    repository.create_branch("run-a", published)
    assert versions.begin(repository, "run-a") == published
    assert versions.publish(repository, "run-a", published, ABOUT) == published
    assert [v.snapshot for v in versions.history(repository)] == [published]
    assert repository.list_branches() == {"main"}


@pytest.fixture
def three(repository):
    """Three published versions whose value is 1, 2 and 3."""
    made = []
    for n in (1, 2, 3):
        base = versions.begin(repository, f"run-{n}")
        commit(repository, f"run-{n}", n)
        made.append(versions.publish(repository, f"run-{n}", base, ABOUT | {"run": str(n)}))
    return made


def test_a_rollback_publishes_an_older_version_again_and_says_so(repository, three):
    made = versions.rollback(repository, three[0])
    assert versions.resolve(repository) == versions.head(repository) == made
    assert made not in three
    assert value(repository, made) == 1
    newest, *others = versions.history(repository)
    assert newest.about == ABOUT | {"run": "1", "rolled_back_to": three[0]}
    assert [(v.snapshot, v.withdrawn) for v in others] == [(three[2], True), (three[1], True), (three[0], False)]
    assert versions.resolve(repository, "previous") == three[2]
    assert repository.list_branches() == {"main"}


def test_an_open_reader_of_a_withdrawn_version_goes_on_reading_it(repository, three):
    reader = store.reader(repository, snapshot=three[2])
    versions.rollback(repository, three[1])
    assert reader.attrs["value"] == 3
    assert value(repository, versions.resolve(repository, three[2])) == 3


def test_a_withdrawn_version_is_restored_by_another_rollback(repository, three):
    back = versions.rollback(repository, three[0])
    restored = versions.rollback(repository, three[2])
    assert value(repository, versions.resolve(repository)) == 3
    withdrawn = {v.snapshot: v.withdrawn for v in versions.history(repository)}
    assert withdrawn == {restored: False, back: True, three[2]: False, three[1]: False, three[0]: False}


def test_rolling_back_to_the_newest_or_to_nothing_known_is_refused(repository, three):
    with pytest.raises(UserError, match="is the newest version already"):
        versions.rollback(repository, three[2])
    with pytest.raises(UserError, match="no version 'nothing'"):
        versions.rollback(repository, "nothing")
    assert versions.head(repository) == three[2]
    assert repository.list_tags() == set()


def test_a_rollback_that_a_run_overtakes_is_told_and_changes_nothing(repository, three, monkeypatch):
    keep, newer = versions.keep_withdrawn, []

    def overtaken(repository, snapshot):
        keep(repository, snapshot)
        base = versions.begin(repository, "run-4")
        commit(repository, "run-4", 4)
        newer.append(versions.publish(repository, "run-4", base, ABOUT | {"run": "4"}))

    monkeypatch.setattr(versions, "keep_withdrawn", overtaken)
    with pytest.raises(RunError, match="another run has published"):
        versions.rollback(repository, three[0])
    assert versions.resolve(repository) == newer[0]
    assert not any(v.withdrawn for v in versions.history(repository))


def test_a_rollback_stopped_before_it_moved_main_is_done_by_the_same_command(repository, three, monkeypatch):
    def stop(*arguments):
        raise RunError("stopped")

    monkeypatch.setattr(versions, "_move_main", stop)
    with pytest.raises(RunError, match="stopped"):
        versions.rollback(repository, three[0])
    assert versions.resolve(repository) == three[2]
    assert not any(v.withdrawn for v in versions.history(repository))
    monkeypatch.undo()
    assert value(repository, versions.rollback(repository, three[0])) == 1
    assert repository.list_branches() == {"main"}
    assert len(repository.list_tags()) == 1


def test_a_run_begun_before_a_rollback_starts_anew_from_what_is_published_then(repository, three):
    versions.begin(repository, "run-4")
    commit(repository, "run-4", 4)
    back = versions.rollback(repository, three[0])
    assert versions.begin(repository, "run-4") == back
    assert value(repository, repository.lookup_branch("run-4")) == 1


def test_a_tag_names_a_version_wherever_one_is_asked_for(repository, three):
    assert tags.add(repository, "delivered", three[1]) == three[1]
    assert tags.add(repository, "latest") == three[2]
    assert versions.resolve(repository, "delivered") == three[1]
    assert [v.tags for v in versions.history(repository)] == [("latest",), ("delivered",), ()]
    assert value(repository, versions.rollback(repository, "delivered")) == 2


@pytest.mark.parametrize(
    "name", ["newest", "previous", "main", "withdrawn-a", "Upper", "a b", "", "-a", "a/b", "a" * 64]
)
def test_a_name_that_cannot_be_a_tag_is_refused(repository, three, name):
    with pytest.raises(UserError, match="a tag cannot be named"):
        tags.add(repository, name)
    assert repository.list_tags() == set()


def test_a_tag_neither_moves_nor_comes_back(repository, three):
    tags.add(repository, "delivered", three[1])
    with pytest.raises(UserError, match=f"already names version {three[1]}"):
        tags.add(repository, "delivered", three[2])
    assert tags.remove(repository, "delivered") == three[1]
    with pytest.raises(UserError, match="a deleted tag cannot be made again"):
        tags.add(repository, "delivered", three[1])
    with pytest.raises(UserError, match="no tag 'delivered'; its tags: none"):
        tags.remove(repository, "delivered")
    assert [v.tags for v in versions.history(repository)] == [(), (), ()]


def test_a_first_version_has_none_before_it(repository):
    base = versions.begin(repository, "run-a")
    commit(repository, "run-a", 1)
    versions.publish(repository, "run-a", base, ABOUT)
    with pytest.raises(UserError, match="no version before"):
        versions.resolve(repository, "previous")


def test_facts_of_a_version_tell_when_it_was_published(repository, three):
    first = versions.facts(versions.history(repository)[-1])
    assert first["version"] == three[0]
    assert first["published"].startswith("20")
    assert first["blocks"] == 1
