import pytest
import zarr

from pipeline import store, versions
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
