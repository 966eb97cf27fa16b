"""The second act on a small world, and `news.py`."""

import json
import shlex

import pytest
from command import run_here
from json_schemas import check_json

from catalogs.simulated import DEFAULT_DATES, open_world, simulate
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.demo import first_act, ground, news
from pipeline.demo.second_act import FIRST_ACT, run_second_act
from pipeline.errors import UserError

ARRAYS = "mosaic", "coarse", "landcover"


def arrays_of(cube, version=None):
    opened = open_cube(cube, version)
    return {name: opened[name].values.tobytes() for name in ARRAYS}


def test_a_second_act_before_the_first_is_over_is_refused_and_lets_nothing_change(tmp_path):
    world = simulate(tmp_path / "world", 3, kilometres=1, dates=DEFAULT_DATES[:1])
    ground.write_region(tmp_path, world, "http://127.0.0.1:1")
    with pytest.raises(UserError, match="holds a demonstration without a map: finish it with"):
        run_second_act(tmp_path, None)
    assert open_world(world.folder).history is None


@pytest.mark.long
@pytest.mark.ray
def test_the_second_act_finds_the_change_of_the_land_once(tmp_path, monkeypatch, capsys):
    """3 x 3 km with the shipped models, land that changes in a quarter of them."""
    monkeypatch.setattr(ground, "KILOMETRES", 3.0)
    monkeypatch.setattr(news, "CHANGED_PART", (0.5, 0.5))
    folder, scores = tmp_path / "demo", tmp_path / "act.json"
    first_act.run_demo(folder, 1, None)
    assert f"demo {folder} --second-act" in capsys.readouterr().out
    cube = folder / "cube"
    before = arrays_of(cube)

    run_second_act(folder, scores)
    act = json.loads(scores.read_text())
    check_json(["demo --second-act"], act)
    assert act["new_scenes"] == 7
    assert act["asked"] == act["screened_out"] + act["mapped"] > 0
    found = act["found"]
    assert found["places_found"] > found["places"] / 2 > 0
    assert found["share_found"] > 0.5
    assert found["share_true"] > 0.5
    assert arrays_of(cube, FIRST_ACT) == before != arrays_of(cube)
    assert (folder / "second-act.png").read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    assert "nothing to do" not in told
    commands = [line for line in told.splitlines() if f" {cube}" in line and not line.startswith("look")]
    assert [shlex.split(line)[1] for line in commands] == ["diff", "query", "history"]
    for line in commands:
        done = run_here(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
        assert " query " not in line or "%, seen on 2024-08-" in done.stdout
    history = versions.history(Cube.open(cube))

    run_second_act(folder, scores)
    again = json.loads(scores.read_text())
    assert "nothing to do" in capsys.readouterr().out
    assert {key: again[key] for key in ("new_scenes", "asked", "mapped")} == dict.fromkeys(
        ("new_scenes", "asked", "mapped"), 0
    )
    assert {key: again[key] for key in ("changes", "found")} == {key: act[key] for key in ("changes", "found")}
    assert versions.history(Cube.open(cube)) == history

    first_act.run_demo(folder, 1, scores)
    assert json.loads(scores.read_text())["refined"]["overall_accuracy"] > 70
