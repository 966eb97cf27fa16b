"""Trainings through `train`, with the areas that they read and the folders that they write.

Covers train, prepare, areas, folds and card of pipeline.training.
"""

import json
import os
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import torch
import yaml
from made_rasters import HERE, scene, write
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from sd15_folder import write_folder

import idgbr.training
import pipeline
from idgbr import IDGBRPipeline
from idgbr.errors import InputError
from idgbr.training import refiner as refiner_training
from pipeline.errors import UserError
from pipeline.geometry.grid import Grid, Window
from pipeline.training import areas
from pipeline.training import evaluate as evaluation
from pipeline.training.area_kinds import Simulated
from pipeline.training.change_recipe import load_change
from pipeline.training.ddpm_recipe import load_ddpm
from pipeline.training.prepare import DatasetSpec, load_areas
from pipeline.training.train import load, train

QUIET = {"report": lambda *step: None}
SMALL = {"widths": [8, 8, 16, 16]}
ROADS = [{"code": 0, "name": "no road", "color": "#000000"}, {"code": 1, "name": "road", "color": "#ffffff"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A data folder with one simulated area, which stands for those of other seeds too."""
    folder = tmp_path_factory.mktemp("world")
    areas = Simulated(kind="simulated", seeds=[7], kilometres=2)
    load_areas(areas, folder, **QUIET)
    for part in ("images", "labels"):
        for seed in (8, 9):
            shutil.copy(folder / part / "world-7-2km.tif", folder / part / f"world-{seed}-2km.tif")
    return folder


@pytest.fixture
def recipe(tmp_path, world):
    def write(**changes):
        content = {
            "title": "a test",
            "license": "apache-2.0",
            "model": "model",
            "data": "data",
            "areas": {"kind": "simulated", "seeds": [7], "kilometres": 2},
            "validation": {"kind": "simulated", "seeds": [9], "kilometres": 2},
            "steps": 2,
            "crop_size": 64,
            "batch_size": 2,
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        shutil.copytree(world, tmp_path / "data", dirs_exist_ok=True)
        return load(path)

    return write


def test_both_networks_are_trained_from_simulated_areas_into_one_model_folder(recipe):
    told = []
    folder = recipe().model
    assert train(recipe(model_args=SMALL), "coarse", lambda *step: told.append(step)).refined is None
    assert IDGBRPipeline.from_pretrained(folder).refiner is None
    other = recipe(areas={"kind": "simulated", "seeds": [8], "kilometres": 2}, model_args=SMALL)
    assert train(other, "refiner", lambda *step: told.append(step)).refined is not None
    model = IDGBRPipeline.from_pretrained(folder)
    assert model.refiner is not None
    assert model.settings.codes == (10, 30, 40, 50, 60, 80)
    assert model.settings.bands == ("blue", "green", "red", "nir")
    assert any("loss" in note and "steps/s" in note for _, _, note in told)
    assert not list(folder.glob("*.training.safetensors"))
    card = (folder / "README.md").read_text()
    assert "apache-2.0" in card
    assert "seeds 7" in card
    assert "seeds 8" in card


def test_a_recipe_may_have_the_confidence_calibrated_on_what_is_kept_out(recipe):
    folder = recipe().model
    plain = train(recipe(model_args=SMALL), "coarse", **QUIET)
    weights = (folder / "coarse" / "diffusion_pytorch_model.safetensors").read_bytes()
    assert IDGBRPipeline.from_pretrained(folder).settings.temperature == 1
    assert "temperature" not in (folder / "README.md").read_text()

    calibrated = train(recipe(model_args=SMALL, calibrate=True), "coarse", **QUIET)
    temperature = IDGBRPipeline.from_pretrained(folder).settings.temperature
    assert calibrated.coarse.nll < plain.coarse.nll
    assert calibrated.coarse.mean_iou == plain.coarse.mean_iou
    assert f"temperature of the probabilities: {temperature:g}" in (folder / "README.md").read_text()
    assert (folder / "coarse" / "diffusion_pytorch_model.safetensors").read_bytes() == weights
    assert train(recipe(model_args=SMALL, calibrate=True), "coarse", **QUIET).coarse == calibrated.coarse

    train(recipe(areas={"kind": "simulated", "seeds": [8], "kilometres": 2}, model_args=SMALL), "refiner", **QUIET)
    assert IDGBRPipeline.from_pretrained(folder).settings.temperature == 1


def test_a_labelled_folder_is_read_back_as_it_was_written(recipe):
    made = recipe()
    ((image_BHW, label_HW),), spec = load_areas(made.areas, made.data, lambda *step: None)
    assert image_BHW.dtype == np.uint16
    assert image_BHW.shape == (4, *label_HW.shape)
    assert set(np.unique(label_HW)) <= {10, 30, 40, 50, 60, 80}
    assert spec.bands == ("blue", "green", "red", "nir")
    assert (spec.no_label, spec.blank, spec.grey) == (0, 0.0, None)
    again, _ = load_areas(recipe(areas={"kind": "folder", "path": str(made.data)}).areas, made.data, lambda *step: None)
    assert (again[0][0] == image_BHW).all()
    assert (again[0][1] == label_HW).all()


def test_a_refiner_without_its_coarse_network_is_refused_before_any_training(recipe):
    with pytest.raises(UserError, match="idgbr train coarse"):
        train(recipe(), "refiner", lambda *step: pytest.fail("it has begun to train"))


def test_areas_of_other_classes_do_not_join_a_folder(recipe):
    folder = recipe().data
    area = areas.Area(
        np.ones((1, 8, 8), np.uint16), np.ones((8, 8), np.uint8), Grid("EPSG:3035", 10.0, 2048), Window(0, 0, 8, 8)
    )
    with pytest.raises(UserError, match="other classes or bands"):
        areas.write(folder, "other", area, ROADS, ["red"])
    assert not list(folder.rglob("other*"))


def test_an_image_without_a_label_is_named(recipe):
    made = recipe()
    load_areas(made.areas, made.data, lambda *step: None)
    next((made.data / "labels").iterdir()).unlink()
    with pytest.raises(UserError, match=r"world-7-2km.tif has no label"):
        areas.read_folder(made.data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"areas": {"kind": "dreams"}}, "areas"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_sentence(recipe, change, says):
    with pytest.raises(UserError, match=says) as told:
        recipe(**change)
    assert "\n" not in str(told.value)


@pytest.fixture
def photos(tmp_path):
    """Grey road labels, of which 7 means nothing, and photos whose red tells the road."""
    folder = tmp_path / "photos"
    random = np.random.default_rng(0)
    for stem in ("a1", "a2", "b1"):
        road = random.random((6, 6)).repeat(16, 0).repeat(16, 1) < 0.5
        image = np.stack([np.where(road, 200, 40), *np.full((2, 96, 96), 90)]) + random.integers(-9, 9, (3, 96, 96))
        grey = np.where(road, 128 + random.integers(0, 128, road.shape), random.integers(8, 128, road.shape))
        grey[:4] = 7
        for part, array in (("images", image), ("labels", grey[None])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(
                    folder / part / f"{stem}.png", "w", "PNG", 96, 96, len(array), dtype="uint8"
                ) as target:
                    target.write(array.astype(np.uint8))
    return folder


def photo_areas(folder, *only, **changes):
    bands = ["red", "green", "blue"]
    whole = {"kind": "folder", "path": str(folder), "include": list(only) or ["*"], "classes": ROADS, "bands": bands}
    return whole | {"mask_threshold": 127, "ignore": [7], "nodata": None} | changes


def test_a_folder_of_photos_with_grey_labels_trains_any_network(recipe, photos):
    made = recipe(
        areas=photo_areas(photos, "a*"),
        validation=photo_areas(photos, "b*"),
        network="SegFormer",
        model_args={"widths": [8, 8, 16, 16], "heads": [1, 2, 2, 2], "depths": [1, 1, 1, 1], "decoder": 16},
        precision="bf16",
        steps=30,
        crop_size=64,
        learning_rate=0.01,
    )
    scores = train(made, "coarse", **QUIET)
    assert scores.coarse.overall_accuracy > 80
    model = IDGBRPipeline.from_pretrained(made.model)
    settings = model.settings
    assert type(model.coarse).__name__ == "SegFormer"
    assert (settings.codes, settings.bands, settings.no_label) == ((0, 1), ("red", "green", "blue"), 7)
    assert (settings.blank, settings.grey) == (None, 127)
    ((image_BHW, label_HW),) = load_areas(made.validation, made.data, **QUIET)[0]
    right_HW = model(image_BHW[None])[0][0] == label_HW
    assert scores.coarse.overall_accuracy == pytest.approx(100 * right_HW[label_HW != 7].mean(), abs=0.01)
    card = (made.model / "README.md").read_text()
    assert "of it a*" in card
    assert "of it b*" in card
    kept = json.loads((made.model / "training.json").read_text())["coarse"]
    assert (kept["network"], kept["precision"]) == ("SegFormer", "bf16")


def test_only_the_photos_asked_for_are_read_and_ignored_values_have_no_label(recipe, photos):
    pairs, spec = load_areas(recipe(areas=photo_areas(photos, "a1", "b*")).areas, photos, **QUIET)
    assert len(pairs) == 2
    image_BHW, label_HW = pairs[0]
    assert image_BHW.shape == (3, 96, 96)
    assert np.array_equal(label_HW[4:] == 1, image_BHW[0, 4:] > 120)
    assert (label_HW[:4] == 7).all()
    assert spec == DatasetSpec(tuple(ROADS), ("red", "green", "blue"), 7, None, 127)


@pytest.mark.parametrize(("ignore", "first", "no_label"), [([5, 6], 0, 5), ([], 0, 255), ([], 1, 0), ([6], 1, 6)])
def test_no_label_is_a_value_that_is_no_class(recipe, photos, ignore, first, no_label):
    classes = [{**row, "code": row["code"] + first} for row in ROADS]
    areas = recipe(areas=photo_areas(photos, "a1", classes=classes, ignore=ignore)).areas
    assert load_areas(areas, photos, **QUIET)[1].no_label == no_label


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"include": ["z*"]}, r"no image whose stem fits 'include': z\*"),
        ({"classes": None}, "name 'classes' and 'bands'"),
        ({"bands": None}, "name 'classes' and 'bands'"),
        ({"mask_threshold": None}, "the classes are 0, 1"),
    ],
)
def test_a_folder_that_does_not_fit_its_recipe_is_told_in_one_sentence(recipe, photos, change, says):
    with pytest.raises(UserError, match=says):
        load_areas(recipe(areas=photo_areas(photos, "a*") | change).areas, photos, **QUIET)


@pytest.mark.parametrize(
    ("network", "changes", "says"),
    [
        ("refiner", {"network": "HRNet"}, "'network', which is not of the refiner network"),
        ("coarse", {"preset": "base"}, "'preset', which is not of the coarse network"),
        ("coarse", {"folds": 2}, "'folds', which is not of the coarse network"),
        ("coarse", {"true_states": 0.5}, "'true_states', which is not of the coarse network"),
        ("coarse", {"inference": {"overlap": 32}}, "'inference', which is not of the coarse network"),
        ("coarse", {"stable_diffusion": "sd"}, "'stable_diffusion', which is not of the coarse network"),
        (
            "refiner",
            {"inference": {"sigma": 0}, "model_args": {"process": "diffusion"}},
            "inference.sigma, which is of a bridge, not of a diffusion",
        ),
        ("refiner", {"preset": "base", "stable_diffusion": "sd"}, "has both 'preset' and 'stable_diffusion'"),
    ],
)
def test_what_is_of_the_other_network_is_refused(recipe, network, changes, says):
    with pytest.raises(UserError, match=says):
        train(recipe(**changes), network, **QUIET)


@pytest.mark.parametrize("kind", ["base", "stable_diffusion"])
def test_a_refiner_is_made_of_a_preset_or_of_stable_diffusion(recipe, photos, tmp_path, kind):
    areas = {"areas": photo_areas(photos, "a1"), "validation": photo_areas(photos, "b*"), "steps": 1}
    train(recipe(**areas, model_args=SMALL), "coarse", **QUIET)
    changes = {"preset": "base", "model_args": SMALL}
    if kind == "stable_diffusion":
        write_folder(tmp_path / "sd")
        changes = {"stable_diffusion": "sd", "model_args": {"attention": False}}
    made = recipe(**areas, **changes)
    train(made, "refiner", **QUIET)
    refiner = IDGBRPipeline.from_pretrained(made.model).refiner
    assert type(refiner).__name__ == {"base": "Refiner", "stable_diffusion": "SD15Refiner"}[kind]
    if kind == "base":
        assert (refiner.config["attention"], refiner.config["full"]) == (True, 32)


def test_true_states_of_a_recipe_reach_the_training_and_its_record(recipe, photos, monkeypatch):
    areas = {"areas": photo_areas(photos, "a1"), "validation": photo_areas(photos, "b*"), "steps": 1}
    train(recipe(**areas, model_args=SMALL), "coarse", **QUIET)
    shares = []
    own_loss = refiner_training.refiner_loss
    monkeypatch.setattr(
        refiner_training, "refiner_loss", lambda *of: shares.append(of[-1].true_states) or own_loss(*of)
    )
    records = []
    for changes in ({}, {"true_states": 0.25}):
        made = recipe(**areas, model_args=SMALL, **changes)
        train(made, "refiner", **QUIET)
        records.append(json.loads((made.model / "training.json").read_text())["refiner"])
    assert shares == [None, 0.25]
    assert "true_states" not in records[0]
    assert records[1] == records[0] | {"true_states": 0.25}


def test_a_model_maps_as_inference_says_with_the_weights_of_its_training(recipe, photos):
    areas = {"areas": photo_areas(photos, "a1"), "validation": photo_areas(photos, "b*"), "steps": 1}
    train(recipe(**areas, model_args=SMALL), "coarse", **QUIET)
    noisy = {**SMALL, "sigma": 0.5}
    made = recipe(**areas, model_args=noisy)
    train(made, "refiner", **QUIET)
    as_trained = IDGBRPipeline.from_pretrained(made.model)
    inference = {"overlap": 32, "num_inference_steps": 1, "sigma": 0.0}
    train(recipe(**areas, model_args=noisy, inference=inference), "refiner", **QUIET)
    model = IDGBRPipeline.from_pretrained(made.model)
    assert model.settings == replace(as_trained.settings, overlap=32, num_inference_steps=1)
    assert (as_trained.refiner.config["sigma"], model.refiner.config["sigma"]) == (0.5, 0)
    weights = as_trained.refiner.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.refiner.state_dict().items())
    assert json.loads((made.model / "training.json").read_text())["refiner"]["inference"] == inference
    with pytest.raises(InputError, match=r"overlap must be a whole number in 0\.\.128"):
        train(recipe(**areas, model_args=SMALL, inference={"overlap": 200}), "refiner", **QUIET)
    assert IDGBRPipeline.from_pretrained(made.model).digest == model.digest
    train(made, "refiner", **QUIET)
    assert IDGBRPipeline.from_pretrained(made.model).settings == as_trained.settings


def test_a_recipe_can_be_the_published_one(recipe, photos):
    areas = {"areas": photo_areas(photos, "a1"), "validation": photo_areas(photos, "b*"), "steps": 1}
    train(recipe(**areas, model_args=SMALL), "coarse", **QUIET)
    walk = {"num_inference_steps": 2, "init": "noise", "guidance_scale": 3.0}
    published = SMALL | {"process": "diffusion", "prediction": "epsilon"}
    without = recipe(**areas, model_args=published, inference=walk)
    with pytest.raises(InputError, match="guidance_scale 3 needs a refiner that has learned"):
        train(without, "refiner", **QUIET)
    made = recipe(**areas, model_args=published, inference=walk, condition_dropout=0.1)
    train(made, "refiner", **QUIET)
    model = IDGBRPipeline.from_pretrained(made.model)
    assert {key: getattr(model.settings, key) for key in walk} == walk
    assert model.refiner.config["condition_dropout"] == 0.1
    assert json.loads((made.model / "training.json").read_text())["refiner"]["condition_dropout"] == 0.1


def test_the_same_call_continues_what_was_interrupted(recipe, photos, monkeypatch):
    def made(model):
        areas = {"areas": photo_areas(photos, "a*"), "validation": photo_areas(photos, "b*")}
        return recipe(**areas, steps=4, model_args=SMALL, model=model)

    def interrupt(done, total, note):
        if done == 3:
            raise KeyboardInterrupt

    train(made("whole"), "coarse", **QUIET)
    monkeypatch.setattr("pipeline.training.train.SAVE_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        train(made("parts"), "coarse", interrupt)
    told = []
    train(made("parts"), "coarse", lambda done, *rest: told.append(done))
    assert told == [3, 4, 1]  # the last one: areas scored
    assert not list(made("parts").model.glob("*.training.safetensors"))
    whole, parts = (IDGBRPipeline.from_pretrained(made(name).model).digest for name in ("whole", "parts"))
    assert whole == parts


def test_a_refiner_learns_from_the_areas_of_its_coarse_network_by_folds(recipe, photos, monkeypatch):
    """Masks of networks like the coarse one that lack the photo's place, and those of the coarse network itself."""
    areas = {"areas": photo_areas(photos, group="[ab]"), "validation": photo_areas(photos, "b*"), "model_args": SMALL}
    train(recipe(**areas, steps=3, learning_rate=0.01, seed=5), "coarse", **QUIET)
    seen, told = [], []
    whole = idgbr.training.train_refiner
    monkeypatch.setattr(
        idgbr.training, "train_refiner", lambda *given, **named: (seen.append(given), whole(*given, **named))[1]
    )
    made = recipe(**areas, steps=2, folds=2)
    train(made, "refiner", lambda *step: told.append(step))
    ((pairs, _, _, masks),) = seen
    assert len(pairs) == len(masks) == 6
    (kept,) = made.data.glob("folds-*")
    folds = [IDGBRPipeline.from_pretrained(kept / f"fold-{fold}") for fold in (0, 1)]
    own = IDGBRPipeline.from_pretrained(made.model)
    assert all(network.coarse.config["widths"] == SMALL["widths"] for network in folds)
    for (image_BHW, _), mask_KHW, network in zip(
        pairs, masks, [folds[0], folds[0], folds[1], own, own, own], strict=True
    ):
        assert np.allclose(mask_KHW, network.coarse_probabilities(image_BHW[None])[0], atol=1e-3)
    assert [(done, total) for done, total, note in told if "fold" in note] == [(step, 6) for step in range(1, 7)]
    assert json.loads((made.model / "training.json").read_text())["refiner"]["folds"] == 2
    before = len(told)
    train(made, "refiner", lambda *step: told.append(step))
    assert not [note for _, _, note in told[before:] if "fold" in note], "the folds are kept"


@pytest.mark.parametrize(
    ("areas", "folds", "says"),
    [
        ({"group": "[ab]"}, 3, r"folds is 3, but the areas show 2 place\(s\): a, b"),
        ({"group": "a"}, 2, "group is 'a', which the stem b1 does not begin with"),
        ({"group": "("}, 2, r"group is '\(', which is no regular expression"),
        ({"include": ["a1"]}, 2, "folds is 2, but the areas show 1 place"),
    ],
)
def test_folds_that_the_places_do_not_allow_are_told_in_one_sentence(recipe, photos, areas, folds, says):
    made = {"areas": photo_areas(photos), "validation": photo_areas(photos, "b*"), "model_args": SMALL, "steps": 1}
    train(recipe(**made), "coarse", **QUIET)
    with pytest.raises(UserError, match=says):
        train(recipe(**made | {"areas": photo_areas(photos) | areas, "folds": folds}), "refiner", **QUIET)


def test_folds_begin_with_the_backbone_that_the_coarse_network_began_with(recipe, photos):
    made = {"areas": photo_areas(photos), "validation": photo_areas(photos, "b*"), "model_args": SMALL, "steps": 1}
    model = recipe(**made).model
    train(recipe(**made), "coarse", **QUIET)
    kept = json.loads((model / "training.json").read_text())
    with pytest.raises(UserError, match="'backbone' is other, but the coarse network began with none"):
        train(recipe(**made, folds=2, backbone="other"), "refiner", **QUIET)
    (model / "training.json").write_text(json.dumps(kept | {"coarse": kept["coarse"] | {"backbone": "mit_b0"}}))
    with pytest.raises(UserError, match="'backbone' is not named, but the coarse network began with mit_b0"):
        train(recipe(**made, folds=2), "refiner", **QUIET)


@pytest.mark.long
@pytest.mark.ray
def test_two_workers_train_one_network(recipe, photos):
    areas = {"areas": photo_areas(photos, "a*"), "validation": photo_areas(photos, "b*")}
    made = recipe(**areas, workers=2, model_args=SMALL, device="cpu", steps=30, learning_rate=0.01)
    told = []
    scores = train(made, "coarse", lambda *step: told.append(step))
    assert scores.coarse.overall_accuracy > 80
    assert [done for done, total, _ in told if total == 30] == list(range(1, 31))
    assert json.loads((made.model / "training.json").read_text())["coarse"]["workers"] == 2
    assert not list(made.model.glob("*.training.safetensors"))


def test_every_recipe_in_the_package_can_be_read(monkeypatch, tmp_path):
    for name in ("IDGBR_WORK", "IDGBR_DATA"):
        monkeypatch.setenv(name, str(tmp_path))
    recipes = sorted((Path(pipeline.__file__).parent / "recipes").glob("*.yaml"))
    assert len(recipes) >= 5
    of_kind = {"change": load_change, "ddpm": load_ddpm}
    loads = [of_kind.get(path.stem.rpartition("-")[2], load) for path in recipes]
    assert all(read(path).steps >= 1 for read, path in zip(loads, recipes, strict=True))


@pytest.mark.realdata
def test_the_recipe_for_aerial_photos_trains_on_them(tmp_path, monkeypatch):
    if not (Path(os.environ.get("IDGBR_DATA", "")) / "dubai_aerial").is_dir():
        pytest.skip("IDGBR_DATA holds no dubai_aerial")
    monkeypatch.setenv("IDGBR_WORK", str(tmp_path))
    made = load(Path(pipeline.__file__).parent / "recipes" / "aerial-coarse.yaml")
    areas = made.areas.model_copy(update={"include": ["tile1_part00[12]"]})
    validation = made.validation.model_copy(update={"include": ["tile5_part001"]})
    change = {"areas": areas, "validation": validation, "steps": 2, "batch_size": 2, "device": "cpu"}
    scores = train(made.model_copy(update=change), "coarse", **QUIET)
    assert 0 <= scores.coarse.mean_iou <= 100
    settings = IDGBRPipeline.from_pretrained(made.model).settings
    assert (settings.codes, settings.no_label, settings.blank) == ((0, 1, 2, 3, 4), 5, None)


def test_the_shipped_model_has_a_card_that_says_what_it_is_made_of():
    from idgbr.shipped import SHIPPED_MODELS

    folder = SHIPPED_MODELS / "simulated-s2"
    card = (folder / "README.md").read_text()
    for word in ("apache-2.0", "simulated", "steps", "mIoU", "boundary IoU"):
        assert word in card
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 20e6
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} <= {".json", ".safetensors", ".md"}
    model = IDGBRPipeline.from_pretrained(folder)
    assert model.digest in card
    networks = [model.coarse, model.refiner]
    for network in networks:
        assert f"{type(network).__name__} ({sum(p.numel() for p in network.parameters()):,} parameters)" in card
    assert sum(p.numel() for network in networks for p in network.parameters()) <= 4_000_000
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "IDGBRPipeline"


def test_labels_of_scene_classes_are_codes_of_full_resolution_on_coarse_grids(tmp_path):
    """Averages of 3 and 9 are classes that no pixel has."""
    raster = replace(HERE, resolution=20.0, height=512, width=512)
    code_HW = np.random.default_rng(0).choice(np.array([3, 9], np.uint8), (512, 512))
    plain = write(tmp_path / "scl.tif", code_HW, raster, tiled=True, blockxsize=128, blockysize=128)
    averaged, jp2 = str(tmp_path / "averaged.tif"), str(tmp_path / "scl.jp2")
    rasterio.shutil.copy(plain, averaged, driver="GTiff", tiled=True)
    with rasterio.open(averaged, "r+") as target:
        target.build_overviews([2, 4], Resampling.average)
    rasterio.shutil.copy(plain, jp2, driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES", YCBCR420="NO")
    grid = Grid("EPSG:32633", 60.0, 256)
    window = grid.window_around(raster.bounds, "raster")
    of_plain, *others = (
        areas.scene_classes(grid, window, [scene("a", {}, mask, raster)], [3, 5, 6, 9])
        for mask in (plain, averaged, jp2)
    )
    assert set(np.unique(of_plain)) == {0, 3, 9}
    assert all((other == of_plain).all() for other in others)


TINY = {"model_args": SMALL, "threads": 1}


class Steps(list):
    """Notes of the steps of a training and of its scoring."""

    def __call__(self, done, total, note):
        if not note.startswith("area"):
            self.append(note)


def weights(folder: Path) -> bytes:
    return next(folder.glob("coarse/*.safetensors")).read_bytes()


def test_a_finished_recipe_is_kept_unless_it_is_asked_for_again_or_is_another(recipe):
    kept, first, second, third, fourth = [], Steps(), Steps(), Steps(), Steps()
    scores = train(recipe(**TINY), "coarse", first)
    before = weights(recipe(**TINY).model)
    again = train(recipe(**TINY), "coarse", second, on_kept=lambda: kept.append(1))
    assert (second, kept) == ([], [1])
    assert (again.coarse, again.refined) == (scores.coarse, scores.refined)
    assert weights(recipe(**TINY).model) == before
    train(recipe(**TINY), "coarse", third, again=True)
    assert [note[:4] for note in third] == ["loss", "loss", "scor"]
    assert weights(recipe(**TINY).model) == before
    train(recipe(**TINY, steps=3), "coarse", fourth, on_kept=lambda: pytest.fail("it is another recipe"))
    assert len(fourth) == 4


def test_an_interrupt_in_the_scoring_loses_no_step(recipe, monkeypatch):
    """The record is there, so a refiner can be trained; the same command scores without a further step."""
    whole = evaluation.evaluate

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(**TINY), "coarse", Steps())
    made = recipe(**TINY).model
    before = weights(made)
    assert json.loads((made / "training.json").read_text())["coarse"]["steps"] == 2
    assert not (made / "README.md").exists()
    monkeypatch.setattr(evaluation, "evaluate", whole)
    told = Steps()
    train(recipe(**TINY), "coarse", told)
    assert told == ["scored"]
    assert weights(made) == before
    assert (made / "README.md").is_file()
    assert not list(made.glob("*.training.safetensors"))


@pytest.mark.parametrize(
    ("validation", "says"),
    [
        ({"kind": "simulated", "seeds": [7], "kilometres": 2}, "validation is equal to areas"),
        ({"kind": "simulated", "seeds": [9, 7], "kilometres": 2}, "share the worlds of seeds 7"),
    ],
)
def test_areas_to_train_on_are_not_scored_on(recipe, validation, says):
    with pytest.raises(UserError, match=says):
        recipe(validation=validation)
