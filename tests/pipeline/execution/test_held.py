"""A run that a gate held back: kept whole, opened, and published or discarded by somebody's decision.

Covers `pipeline/cube/held.py` too.
"""

import json
import shutil

import numpy as np
import pytest
import yaml
from command import answer, run_here, sentence

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.held import held_runs
from pipeline.cube.open import open_cube
from pipeline.cube.status import status
from pipeline.errors import RunHeld
from pipeline.execution.held import publish_held
from pipeline.execution.run import run


@pytest.fixture
def region(region_of, undisturbed, tmp_path):
    """A region that is mapped already, whose file now asks for another mosaic and allows no drift."""
    region = region_of(mosaic={"method": "best"}, gates={"max_drift": 0})
    shutil.rmtree(region.cube, ignore_errors=True)
    shutil.copytree(undisturbed[0].cube, region.cube)
    return region


@pytest.fixture
def held(region):
    with pytest.raises(RunHeld, match=r"drift .* 'idgbr publish CUBE run-\w+ --because REASON'"):
        run(region)
    (found,) = held_runs(Cube.open(region.cube))
    return found


def test_a_held_run_is_told_as_held_and_can_be_opened_beside_the_version_that_is_published(region, held):
    found = status(Cube.open(region.cube))
    assert list(found.held) == [held.run]
    assert "drift" in found.held[held.run]
    assert found.running == {}
    before, after = open_cube(region.cube), open_cube(region.cube, version=f"run-{held.run}")
    assert before.attrs["version_id"] == held.base
    assert (np.asarray(before.landcover) != np.asarray(after.landcover)).any()
    diff = answer("diff", region.cube, "newest", f"run-{held.run}")
    assert diff["pixels"]["changed"] > 0
    west, south, east, north = region.bbox
    place = f"{(west + east) / 2},{(south + north) / 2}"
    found = answer("query", region.cube, "--point", place, "--version", f"run-{held.run}")
    assert found["version"] == held.snapshot
    for verb in (("rollback", region.cube, f"run-{held.run}"), ("tag", region.cube, "good", f"run-{held.run}")):
        assert "the cube has no version" in sentence(run_here(*verb), 2)


def test_a_held_run_is_published_for_a_reason_that_its_version_keeps(region, held):
    wanted = np.asarray(open_cube(region.cube, version=f"run-{held.run}").landcover)
    told = sentence(run_here("publish", region.cube, held.run, "--because", " "), 2)
    assert "say why" in told
    done = answer("publish", region.cube, f"run-{held.run}", "--because", "the lake was drained")
    cube = Cube.open(region.cube)
    assert (np.asarray(open_cube(region.cube).landcover) == wanted).all()
    newest = versions.history(cube)[0]
    assert newest.snapshot == done["version"]
    assert newest.origin.because == "the lake was drained"
    assert newest.origin.gates["drift"] > 0
    assert answer("history", region.cube)[0]["because"] == "the lake was drained"
    assert status(cube).held == {}
    assert json.loads(cube.files.read(f"runs/{held.run}/report.json"))["version"] == done["version"]
    assert cube.files.exists(f"runs/{held.run}/report.html")
    (item,) = (region.cube / "stac").glob("*.json")
    assert json.loads(item.read_text())["properties"]["version"] == done["version"]
    assert "no run" in sentence(run_here("publish", region.cube, held.run, "--because", "again"), 2)
    again = run(region)
    assert not again.done_anything
    assert again.version == done["version"]


def test_a_publication_that_was_interrupted_is_finished_by_the_same_command(region, held, monkeypatch):
    cube = Cube.open(region.cube)
    move = versions.move_main
    monkeypatch.setattr(versions, "move_main", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt), cube.lease("publish", held.run) as leased:
        publish_held(leased, held.run, "right")
    assert versions.resolve(cube) == held.base
    monkeypatch.setattr(versions, "move_main", move)
    assert versions.resolve(cube) == held.base
    assert answer("publish", region.cube, held.run, "--because", "right")["version"] == versions.resolve(cube)
    assert versions.resolve(cube) != held.base


def test_a_publication_that_was_killed_before_its_report_has_it_after_the_next_run(region, held, monkeypatch):
    cube = Cube.open(region.cube)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), cube.lease("publish", held.run) as leased:
        patch.setattr("pipeline.execution.held.drop_screens", lambda cube: (_ for _ in ()).throw(KeyboardInterrupt))
        publish_held(leased, held.run, "right")
    assert not run(region).done_anything
    report = json.loads(cube.files.read(f"runs/{held.run}/report.json"))
    assert (report["version"], report["published"]) == (versions.head(cube), True)
    assert report["done"] == held.report["done"]


def test_a_discarded_run_leaves_the_published_version_as_it_was(region, held):
    assert answer("discard", region.cube, held.run) == {"discarded": held.run}
    cube = Cube.open(region.cube)
    assert versions.resolve(cube) == held.base
    assert cube.repository.list_branches() == {"main"}
    assert status(cube).held == {}


def test_a_held_run_that_is_run_again_with_another_limit_is_published_and_not_held_any_more(region, held):
    report = run(region.model_copy(update={"gates": region.gates.model_copy(update={"max_drift": 1.0})}))
    assert not report.done_anything
    assert report.version != held.base
    assert held_runs(Cube.open(region.cube)) == []


def test_the_command_ends_with_3_and_its_json_tells_the_reason(region):
    path = region.cube.parent / "region.yaml"
    assert yaml.safe_load(path.read_text())["gates"] == {"max_drift": 0}
    done = run_here("run", path, "--address", "none", "--json")
    assert done.returncode == 3
    assert "drift" in json.loads(done.stdout)["error"]
    assert done.stderr.splitlines()[-1] == f"idgbr: {json.loads(done.stdout)['error']}"
