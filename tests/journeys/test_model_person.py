"""A model person: trains, trains again, brings a network of their own, and maps with it."""

import json
import stat

import docs_folder
import pytest
import yaml
from journey import Person, printed, text_of

from catalogs.simulated import simulate

pytestmark = pytest.mark.long
NETS = """
from torch import nn


def build(bands, classes):
    return nn.Sequential(nn.Conv2d(bands, 8, 4, stride=4), nn.ReLU(), nn.Conv2d(8, classes, 1))
"""
TRAIN = [printed("docs/tutorial.md", f"idgbr train {part}") for part in ("coarse", "refiner")]


def make_trained(folder):
    """Recipes, labelled folders, and the model that the recipes make."""
    folder.mkdir()
    docs_folder.write_labelled(folder)
    for line in TRAIN:
        Person(folder).type(line)


@pytest.fixture
def person(copied) -> Person:
    return copied("journey-trained", make_trained)


def weights(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def rewrite(person, name, **keys):
    path = person.folder / name
    content = yaml.safe_load(path.read_text()) | keys
    docs_folder.write_yaml(path, {key: value for key, value in content.items() if value is not None})


def test_a_finished_recipe_stays_finished_and_says_so(person):
    before = weights(person.folder / "model")
    assert len(before) >= 2
    for line in TRAIN:
        told = person.type(line)
        assert "--again" in told.stdout + told.stderr
    assert weights(person.folder / "model") == before


def test_a_recipe_that_names_its_threads_gives_the_same_weights_on_any_machine(person, monkeypatch):
    rewrite(person, "coarse.yaml", threads=2, model="other")
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        person.type(f"{TRAIN[0]} --again")
        found.append(weights(person.folder / "other"))
    assert found[0] == found[1] != {}


def test_weights_can_be_read_by_whoever_maps_with_them(person):
    for path in (person.folder / "model").rglob("*.safetensors"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044, path


def test_areas_that_the_model_has_learned_are_no_areas_kept_out(person):
    areas = yaml.safe_load((person.folder / "coarse.yaml").read_text())["areas"]
    rewrite(person, "coarse.yaml", validation=areas)
    assert "validation" in person.type(TRAIN[0], code=2).stderr


def test_a_recipe_tells_all_that_it_lacks_at_once(person):
    rewrite(person, "coarse.yaml", title=None, license=None, areas=None, steps="many")
    told = person.type(TRAIN[0], code=2).stderr
    assert [key for key in ("title", "license", "areas", "steps") if key not in told] == []
    assert "Traceback" not in told


def test_a_shipped_model_is_named_wherever_a_model_is_asked_for(person):
    assert "mIoU" in person.type("idgbr evaluate --model simulated-s2 --data held-out").stdout
    told = text_of(person.look("idgbr predict image.tif land.tif --model simulated-s2"))
    assert "land.tif" in told


def test_a_network_of_my_own_is_trained_refined_evaluated_and_makes_a_map(person):
    (person.folder / "nets.py").write_text(NETS)
    own = {"code": "nets.py:build", "model": "own"}
    rewrite(person, "coarse.yaml", **own, model_args=None)
    rewrite(person, "refiner.yaml", **own)
    for line in TRAIN:
        person.type(line)
    evaluate = "idgbr evaluate --model own --data held-out"
    assert "a network of one's own" in person.type(evaluate, code=2).stderr
    assert "mIoU" in person.type(f"{evaluate} --code nets.py:build").stdout
    simulate(person.folder / "ground", seed=11, kilometres=6, dates=docs_folder.DATES[1:])
    person.write_region(model="own", code="nets.py:build")
    told = json.loads(person.type("idgbr run region.yaml --address none --json").stdout)
    assert told["done"]["segment"] == 1
    assert sum(told["areas_km2"].values()) > 8
