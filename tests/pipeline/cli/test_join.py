import json
import shutil
from datetime import date

import pytest
from command import answer, run_here, sentence
from regional_cubes import SUMMER, degrees, layout_of, publish_region

from pipeline.cube.cube import Cube
from pipeline.geometry.grid import Window

WEST, EAST = layout_of((0, 0, 256, 300)), layout_of((0, 200, 256, 500))


@pytest.fixture
def regions(tmp_path):
    publish_region(tmp_path / "west", WEST)
    publish_region(tmp_path / "east", EAST)
    return [tmp_path / "west", tmp_path / "east"]


@pytest.fixture
def continent(tmp_path):
    return tmp_path / "continent"


def test_bad_input_ends_in_one_sentence(tmp_path, regions, continent):
    west, east = regions
    publish_region(tmp_path / "long", WEST, period=(SUMMER[0], date(2024, 9, 30)))
    Cube.create(tmp_path / "empty")

    def says(code, *arguments):
        return sentence(run_here("join", *arguments), code)

    assert "there is no cube at" in says(2, continent, west, tmp_path / "nowhere")
    assert "nothing is published" in says(2, continent, tmp_path / "empty")
    assert "is the continent itself" in says(2, continent, continent)
    assert "named twice" in says(2, continent, west, west / ".." / "west")
    assert "has a period from 2024-05-01 to 2024-09-30, but" in says(2, continent, west, tmp_path / "long")
    assert "prefer is 'oldest'; give one of newest, most-observed" in says(2, continent, west, "--prefer", "oldest")
    assert "--bbox is '1,2,3'" in says(2, continent, west, "--bbox", "1,2,3")
    assert not continent.exists()
    assert run_here("join", continent).returncode == 2
    assert run_here("join", continent, *regions).returncode == 0
    with Cube.open(continent).lease("run", "elsewhere"):
        assert "is held by run run of region elsewhere" in says(75, continent, west, east)
    assert "was made for another window" in says(2, continent, west, east, "--bbox", "5,45,6,46")


def test_the_command_prints_and_gives_the_report_as_json(regions, continent):
    done = run_here("join", continent, *regions)
    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout
    assert "blocks copied" in done.stdout
    assert "100.00%" in done.stdout
    found = answer("join", continent, *regions)
    assert (found["published"], found["copied"], found["kept"]) == (False, 0, 2)
    (version,) = answer("history", continent)
    assert found["version"] == version["version"]
    kept = json.loads((continent / "runs" / version["run"] / "report.json").read_text())
    assert kept["copied"] == 2


def test_a_point_of_a_joined_cube_names_the_cube_version_and_run_that_its_block_was_copied_from(regions, continent):
    assert run_here("join", continent, *regions).returncode == 0
    for name, column in (("west", 10), ("east", 490)):
        west, south, east, north = degrees(Window(100, column, 101, column + 1))
        place = f"{(west + east) / 2},{(south + north) / 2}"
        (period,) = answer("query", continent, "--point", place)["periods"]
        (version,) = answer("history", continent.with_name(name))
        source = {"cube": str(continent.with_name(name)), "version": version["version"], "runs": version["runs"]}
        assert (period["source"], period["run"]) == (source, version["run"])
        screen = run_here("query", continent, "--point", place).stdout
        assert version["version"] in screen
        (own,) = answer("query", continent.with_name(name), "--point", place)["periods"]
        assert {**own, "source": source} == period
    shutil.rmtree(continent.with_name("west"))
    west, south, east, north = degrees(Window(100, 10, 101, 11))
    assert answer("query", continent, "--point", f"{(west + east) / 2},{(south + north) / 2}")["periods"]
