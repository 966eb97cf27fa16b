"""Numbers in recipes, those of `area_kinds.py`, `change_recipe.py` and `ddpm_recipe.py` too."""

import pytest

from pipeline.errors import UserError
from pipeline.training.change_recipe import load_change
from pipeline.training.ddpm_recipe import load_ddpm
from pipeline.training.recipe import load

ANY = "title: a title\nlicense: cc0-1.0\nmodel: model\ndata: data\n"
COARSE = ANY + "steps: 1\nareas: {kind: simulated, seeds: [1]}\nsplit: {by: blocks, size: 1000, seed: 1}\nseed: 2\n"
PAIRS = (
    ANY + "steps: 1\nareas: {kind: simulated-pairs, seeds: [1], years: [3]}\n"
    "validation: {kind: simulated-pairs, seeds: [2]}\n"
)
DDPM = ANY + "steps: 1\nareas: {kind: cube, path: cube, seed: 1}\nvalidation: {kind: images, path: p, bands: [red]}\n"


@pytest.mark.parametrize("number", ["0", "1000000001", "99999999999999999999999"])
@pytest.mark.parametrize(("load", "text"), [(load, COARSE), (load_change, PAIRS), (load_ddpm, DDPM)])
def test_there_are_as_many_steps_as_a_training_can_count(tmp_path, load, text, number):
    path = tmp_path / "recipe.yaml"
    path.write_text(text.replace("steps: 1", f"steps: {number}"))
    with pytest.raises(UserError, match=f"recipe.yaml:5: steps is {number}: Input should be "):
        load(path)


@pytest.mark.parametrize("number", ["-1", "4294967296"])
@pytest.mark.parametrize(
    ("load", "text", "old", "key"),
    [
        (load, COARSE, "seeds: [1]", "areas.seeds.0"),
        (load, COARSE, "seed: 1", "split.seed"),
        (load, COARSE, "seed: 2", "seed"),
        (load_change, PAIRS, "seeds: [1]", "areas.seeds.0"),
        (load_change, PAIRS, "years: [3]", "areas.years.0"),
        (load_ddpm, DDPM, "seed: 1", "areas.seed"),
    ],
)
def test_a_seed_is_a_number_from_0_on(tmp_path, load, text, old, key, number):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    load(path)
    path.write_text(text.replace(old, old.replace(old.strip("sedyar: []"), number)))
    with pytest.raises(UserError, match=f"recipe.yaml:[5-8]: {key} is {number}: Input should be "):
        load(path)


@pytest.mark.parametrize(
    ("areas", "key"),
    [
        ("{kind: cube, region: r.yaml, cube: c, period: 0}", "areas.period is 0"),
        ("{kind: cube, region: r.yaml, cube: 7}", "areas.cube is 7"),
        (
            "[{kind: simulated, seeds: [1]}, {kind: cube, region: r.yaml, cube: c, period: soon}]",
            "areas.1.period is 'soon'",
        ),
        ("{kind: cube, region: r.yaml}", "lacks the key 'areas.cube'"),
    ],
)
def test_the_key_that_is_wrong_is_named_beside_a_key_that_is_called_as_a_kind(tmp_path, areas, key):
    path = tmp_path / "recipe.yaml"
    path.write_text(COARSE.replace("{kind: simulated, seeds: [1]}", areas))
    with pytest.raises(UserError, match=key):
        load(path)
