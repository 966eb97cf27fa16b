import json
from datetime import date

import pytest
from command import answer, run_here, sentence
from regional_cubes import SUMMER, layout_of, publish_region

from pipeline.cube.cube import Cube

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
