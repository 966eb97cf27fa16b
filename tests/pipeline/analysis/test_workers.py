"""Dask workers read a cube only if they have this process's packages and see its folder."""

import pickle
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import made_versions as made
import pytest
from icechunk import IcechunkError

from pipeline.analysis import workers
from pipeline.analysis.workers import dask_workers
from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError


class Worker:
    """A worker that answers as this process would, but for its packages and its view of folders."""

    def __init__(self, packages=None, seen=lambda location: location):
        self.packages, self.seen = packages or {}, seen

    def on_every_worker(self, function, *arguments):
        try:
            if function is version:
                answer = self.packages.get(arguments[0], version(arguments[0]))
            else:
                answer = function(self.seen(arguments[0]), *arguments[1:])
        except (RunError, UserError, IcechunkError) as error:
            return {"tcp://elsewhere:1": error}
        if answer == "missing":
            return {"tcp://elsewhere:1": PackageNotFoundError(arguments[0])}
        return {"tcp://elsewhere:1": answer}


@pytest.fixture
def cube(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    made.published(cube, made.plain())
    return cube


@pytest.fixture
def with_worker(monkeypatch):
    """Replaces the cluster that a `dask_client` connects to by one worker."""

    def make(worker):
        @contextmanager
        def connected(address, workers):
            yield worker

        monkeypatch.setattr(workers, "dask_client", connected)

    return make


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ({"icechunk": "missing"}, r"the Dask worker at tcp://elsewhere:1 has no icechunk; install icechunk \d"),
        ({"zarr": "2.18"}, r"has zarr 2\.18, this process \d.*; install the same version"),
    ],
)
def test_workers_without_the_packages_that_are_here_are_refused(with_worker, packages, words):
    with_worker(Worker(packages))
    with pytest.raises(RunError, match=words), dask_workers("tcp://elsewhere:1", 1):
        pass


def test_workers_that_lack_the_folder_are_refused(with_worker, cube, tmp_path):
    with_worker(Worker(seen=lambda location: tmp_path / "nowhere"))
    with pytest.raises(RunError, match=r"does not see the cube at .*there is no cube"), dask_workers("", 1, cube):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_workers_that_find_another_cube_there_are_refused(with_worker, cube, tmp_path):
    other = Cube.create(tmp_path / "other")
    made.published(other, made.plain())
    with_worker(Worker(seen=lambda location: other.location))
    with pytest.raises(RunError, match=r"does not see the cube at .*not found"), dask_workers("", 1, cube):
        pass


def test_workers_that_see_the_cube_are_used(with_worker, cube):
    with_worker(Worker())
    with dask_workers("", 1, cube):
        pass


def test_a_cube_opened_by_a_relative_path_is_the_same_one_in_another_working_folder(cube, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(Cube.open("cube"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    there = pickle.loads(sent)
    assert there.repository.lookup_branch("main") == cube.repository.lookup_branch("main")
    assert there.location == cube.location
