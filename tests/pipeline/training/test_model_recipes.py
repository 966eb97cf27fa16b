"""`idgbr train model FOLDER` (`model_recipes.py`): both networks of a model from a folder of two recipes."""

import pytest
import yaml
from command import run_here, sentence

from pipeline.training.model_recipes import load_model

RECIPE = {
    "title": "a test",
    "license": "other",
    "model": "model",
    "data": "data",
    "areas": {"kind": "simulated", "seeds": [7], "kilometres": 2},
    "validation": {"kind": "simulated", "seeds": [9], "kilometres": 2},
    "steps": 2,
}


@pytest.fixture
def folder(tmp_path):
    def write(coarse, refiner):
        for name, changes in (("coarse", coarse), ("refiner", refiner)):
            if changes is not None:
                (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(RECIPE | changes))
        return tmp_path

    return write


def test_the_recipes_of_a_model_are_those_of_its_networks(folder):
    coarse, refiner = load_model(folder({"network": "CoarseUNet"}, {"preset": "tiny", "steps": 3}))
    assert (coarse.network, refiner.preset, refiner.steps) == ("CoarseUNet", "tiny", 3)


@pytest.mark.parametrize(
    ("coarse", "refiner", "said"),
    [
        ({}, {"model": "other"}, "name one folder in both"),
        ({"preset": "tiny"}, {}, "'preset', which is not of the coarse network"),
        ({}, {"network": "CoarseUNet"}, "'network', which is not of the refiner network"),
        ({}, {"steps": 0}, "steps"),
        ({}, None, "refiner.yaml"),
        (None, {}, "coarse.yaml"),
    ],
)
def test_what_is_wrong_in_either_is_told_before_any_training(folder, coarse, refiner, said):
    path = folder(coarse, refiner)
    assert said in sentence(run_here("train", "model", path), 2)
    assert not (path / "model").exists()
    assert not (path / "data").exists()
