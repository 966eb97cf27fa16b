"""Targets of exports: what is refused, what is left after an interruption; with `source.py`."""

import fcntl
import json
import os
import re
import shutil
import signal
from datetime import date
from pathlib import Path

import pytest
from command import answer, run_here, sentence
from killed_at import run_killed_at

from cluster.dask import use
from pipeline.errors import RunError, UserError
from pipeline.export.source import open_source
from pipeline.export.target import Exported, resumable

REQUEST = {"kind": "cog", "version": "A"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("map.png", r"ends in .png; this export is named with .tif"),
        ("nowhere/map.tif", "there is no folder"),
        ("s3:/maps/map.tif", "is no local path"),
        ("there.tif", "exists already, and exports replace nothing"),
        ("cube/map.tif", "lies inside the cube"),
        ("link/map.tif", "lies inside the cube"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_a_sentence(cube, tmp_path, monkeypatch, target, said):
    monkeypatch.chdir(tmp_path)
    Path("there.tif").touch()
    Path("link").symlink_to(cube.location)
    target = cube.location / "map.tif" if target.startswith("cube/") else Path(target)
    with (
        pytest.raises(UserError, match=said),
        resumable(target, cube, REQUEST, (".tif", ".tiff")),
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there.tif"]


def test_an_unfinished_export_stays_beside_its_target_for_the_same_request_alone(cube, tmp_path):
    target = tmp_path / "map.tif"
    with pytest.raises(ZeroDivisionError), resumable(target, cube, REQUEST, (".tif",)) as folder:
        (folder / "part").touch()
        raise ZeroDivisionError
    assert folder == tmp_path / "map.tif.partial"
    with (
        pytest.raises(UserError, match="holds an interrupted export of something else; delete it"),
        resumable(target, cube, {**REQUEST, "version": "B"}, (".tif",)),
    ):
        pass
    with resumable(target, cube, REQUEST, (".tif",)) as again:
        assert (again / "part").exists()
        (again / "map.tif").write_text("map")
        (again / "map.tif.aux.xml").write_text("names")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "map.tif": "map",
        "map.tif.aux.xml": "names",
    }


def test_two_exports_at_once_do_not_write_into_each_other(cube, tmp_path):
    folder = tmp_path / "map.tif.partial"
    folder.mkdir()
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with (
        pytest.raises(RunError, match="another export is writing"),
        resumable(tmp_path / "map.tif", cube, REQUEST, (".tif",)),
    ):
        pass
    os.close(other)


def contents(folder):
    """The bytes of each file below a folder, by its path."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


EXPORTS = {
    "cog": ("--cog", "map.tif"),
    "tiles": ("--cog", "map", "--tile", 1),
    "zarr": ("--zarr", "map.zarr"),
    "polygons": ("--vector", "map.gpkg"),
    "stac": ("--stac", "map"),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_killed_at_any_moment_has_no_half_target_and_the_same_command_ends_with_the_same_bytes(
    cube, request, tmp_path, kind
):
    option, name, *more = EXPORTS[kind]
    location = request.getfixturevalue("undisturbed")[0].cube if kind == "stac" else cube.location
    folder = tmp_path / "killed"
    command = ("export", location, option, folder / name, "--workers", 1, *more)
    folder.mkdir()
    code, changes = run_killed_at(-1, folder, *command)
    assert code == 0
    whole, into_place, end = contents(folder), changes.index(f"os.rename {folder / name}"), len(changes)
    for change in (1, end // 3, into_place, into_place + 1, end - 2, end - 1):
        shutil.rmtree(folder)
        folder.mkdir()
        code, made = run_killed_at(change, folder, *command)
        assert (code, len(made)) == (-signal.SIGKILL, change)
        if (folder / name).exists():
            there = contents(folder)
            assert {file: there[file] for file in whole} == whole
        done = run_here(*command)
        assert (done.returncode, contents(folder)) == (0, whole), (change, done.stderr)
        assert {path.name.removesuffix(".aux.xml") for path in folder.iterdir()} == {name}


@pytest.fixture(scope="module")
def scheduler():
    """The address of a Dask scheduler with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        yield cluster.scheduler_address


@pytest.mark.long
@pytest.mark.parametrize("kind", EXPORTS)
def test_dask_workers_export_what_threads_export(cube, request, scheduler, tmp_path, kind):
    option, name, *more = EXPORTS[kind]
    location = request.getfixturevalue("undisturbed")[0].cube if kind == "stac" else cube.location
    for dask in ("threads", scheduler):
        (tmp_path / dask[:3]).mkdir()
        answer("export", location, option, tmp_path / dask[:3] / name, "--dask", dask, *more)
    assert contents(tmp_path / "tcp") == contents(tmp_path / "thr")


def test_a_target_that_was_put_into_place_is_told_from_one_that_came_there_otherwise(cube, tmp_path):
    """Killed after the target was renamed, and after another's file has come where a target shall be."""
    target = tmp_path / "map.tif"
    with resumable(target, cube, REQUEST, (".tif",)) as folder:
        (folder / "map.tif").write_text("map")
    whole = tmp_path / "map.tif.partial.whole"
    whole.write_text(json.dumps(REQUEST, sort_keys=True))
    with resumable(target, cube, REQUEST, (".tif",)) as again:
        assert (again / "map.tif").read_text() == "map"
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]
    with pytest.raises(UserError, match="exists already"), resumable(target, cube, REQUEST, (".tif",)):
        pass
    whole.write_text(json.dumps({**REQUEST, "version": "B"}, sort_keys=True))
    with pytest.raises(UserError, match="exists already"), resumable(target, cube, REQUEST, (".tif",)):
        pass
    assert target.read_text() == "map"


def test_unfinished_files_of_a_killed_process_do_not_come_into_the_target(cube, tmp_path):
    target = tmp_path / "map"
    with resumable(target, cube, REQUEST, ("",)) as folder:
        (folder / "map").mkdir()
        for name in ("12-345.map", ".12-345.map", f"0.{'a' * 32}.partial", "0.partial"):
            (folder / "map" / name).touch()
    assert {path.name for path in target.iterdir()} == {"12-345.map", "0.partial"}


class Workers:
    """A Dask client whose workers see nothing of this machine's folders."""

    def on_every_worker(self, function, *arguments):
        return {"tcp://elsewhere:1": None}


def test_dask_workers_that_do_not_see_the_folder_are_named(cube, tmp_path):
    with (
        use(Workers()),
        pytest.raises(
            RunError, match=r"the Dask worker at tcp://elsewhere:1 does not see the folder .*map.tif.partial"
        ),
        resumable(tmp_path / "map.tif", cube, REQUEST, (".tif",)),
    ):
        pass


def test_what_was_written_is_one_line():
    done = Exported("cog", Path("map.tif"), "V1", [date(2024, 5, 1)], ["landcover"], 1, 2_345_678, 1234.56)
    assert done.line() == "cog: landcover of 2024-05-01, version V1, to map.tif: 1 file, 2.3 MB, 1,234.6 s"


def test_the_period_is_the_newest_by_default_and_one_that_is_not_there_is_named(cube):
    source = open_source(cube)
    assert source.period == (date(2024, 5, 1), date(2024, 8, 31))
    assert source.request()["version"] == source.version
    with pytest.raises(UserError, match=r"has no period from 2023-05-01; give one of 2024-05-01"):
        open_source(cube, start=date(2023, 5, 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cog", "map.tif", "--array", "trees"), r"no array 'trees'; give one of mosaic, landcover"),
        (("--cog", "map.tif", "--version", "nonsense"), r"no version 'nonsense'"),
        (("--cog", "map.tif", "--period", "May"), r"--period is 'May'; give the first day"),
        (("--cog", "map.tif", "--period", "2020-01-01"), r"no period from 2020-01-01"),
        (("--cog", "map.tif", "--array", "coarse", "--array", "mosaic"), r"holds one array, not coarse, mosaic"),
        (("--cog", "map"), r"map ends in no suffix; this export is named with .tif or .tiff"),
        (("--cog", "map.tif", "--tile", "2"), r"map.tif ends in .tif; this export is named with no suffix"),
    ],
)
def test_wrong_use_of_the_verb_is_one_sentence(cube, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert re.search(said, sentence(run_here("export", cube.location, *arguments), 2))
    assert list(tmp_path.iterdir()) == []
