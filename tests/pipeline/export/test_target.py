"""Targets of exports: what is refused, what is left after an interruption; with `source.py`."""

import fcntl
import os
import re
from datetime import date
from pathlib import Path

import pytest
from command import run_here, sentence

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
