import json

import numpy as np
import pytest
import yaml

from idgbr import IDGBRPipeline
from pipeline import labelled
from pipeline.errors import UserError
from pipeline.train import load, prepared, train


@pytest.fixture
def recipe(tmp_path):
    def write(**changes):
        content = {
            "title": "a test",
            "licence": "apache-2.0",
            "model": "model",
            "data": "data",
            "areas": {"kind": "simulated", "seeds": [7], "kilometres": 2},
            "check": {"kind": "simulated", "seeds": [9], "kilometres": 2},
            "steps": 2,
            "crop": 64,
            "batch": 2,
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return load(path)

    return write


def test_both_networks_are_trained_from_simulated_areas_into_one_model_folder(recipe):
    told = []
    folder = recipe().model
    assert set(train(recipe(), "coarse", lambda *step: told.append(step))) == {"coarse"}
    assert IDGBRPipeline.from_pretrained(folder).refiner is None
    other = recipe(areas={"kind": "simulated", "seeds": [8], "kilometres": 2})
    assert set(train(other, "refiner", lambda *step: told.append(step))) == {"coarse", "refined"}
    model = IDGBRPipeline.from_pretrained(folder)
    assert model.refiner is not None
    assert model.settings.codes == (10, 30, 40, 50, 60, 80)
    assert model.settings.bands == ("blue", "green", "red", "nir")
    assert any("loss" in note for _, _, note in told)
    card = (folder / "README.md").read_text()
    assert "apache-2.0" in card
    assert "seeds 7" in card
    assert "seeds 8" in card


def test_a_labelled_folder_is_read_back_as_it_was_written(recipe):
    made = recipe()
    ((image_BHW, label_HW),), about = prepared(made.areas, made.data, lambda *step: None)
    assert image_BHW.dtype == np.uint16
    assert image_BHW.shape == (4, *label_HW.shape)
    assert set(np.unique(label_HW)) <= {10, 30, 40, 50, 60, 80}
    assert about["bands"] == ("blue", "green", "red", "nir")
    again, _ = prepared(recipe(areas={"kind": "folder", "path": str(made.data)}).areas, made.data, lambda *step: None)
    assert (again[0][0] == image_BHW).all()
    assert (again[0][1] == label_HW).all()


def test_a_refiner_without_its_coarse_network_is_refused_before_any_training(recipe):
    with pytest.raises(UserError, match="idgbr train coarse"):
        train(recipe(), "refiner", lambda *step: pytest.fail("it has begun to train"))


def test_areas_of_other_classes_do_not_join_a_folder(recipe):
    made = recipe()
    prepared(made.areas, made.data, lambda *step: None)
    (made.data / "classes.json").write_text('{"classes": [], "bands": []}')
    with pytest.raises(UserError, match="other classes or bands"):
        prepared(
            recipe(check={"kind": "simulated", "seeds": [10], "kilometres": 2}).check, made.data, lambda *step: None
        )


def test_an_image_without_a_label_is_named(recipe):
    made = recipe()
    prepared(made.areas, made.data, lambda *step: None)
    next((made.data / "labels").iterdir()).unlink()
    with pytest.raises(UserError, match=r"world-7-2km.tif has no label"):
        labelled.read_folder(made.data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"areas": {"kind": "dreams"}}, "areas"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_sentence(recipe, change, says):
    with pytest.raises(UserError, match=says) as told:
        recipe(**change)
    assert "\n" not in str(told.value)


def test_the_shipped_model_has_a_card_that_says_what_it_is_made_of():
    from pipeline.config import SHIPPED_MODELS

    folder = SHIPPED_MODELS / "simulated-s2"
    card = (folder / "README.md").read_text()
    for word in ("apache-2.0", "simulated", "steps", "mIoU", "boundary IoU"):
        assert word in card
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 20e6
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} <= {".json", ".safetensors", ".md"}
    model = IDGBRPipeline.from_pretrained(folder)
    networks = [model.coarse, model.refiner]
    assert sum(p.numel() for network in networks for p in network.parameters()) <= 4_000_000
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "IDGBRPipeline"
