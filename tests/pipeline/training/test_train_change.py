"""Change models from recipes, and their scores. Covers change_recipe, change_set, evaluate_change and train_change."""

import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from change_files import write_change_set, write_raster
from change_toys import BANDS, TINY, tiny_change_model, two_dates
from command import run_here, sentence
from json_schemas import check_json

import idgbr.training
from idgbr.change import ChangePipeline, SiameseUNet
from idgbr.metrics.change import ChangeCounts
from pipeline.errors import UserError
from pipeline.training import evaluate_change as evaluate_change_module
from pipeline.training.change_recipe import load_change
from pipeline.training.change_set import change_set, in_memory
from pipeline.training.evaluate_change import evaluate_change
from pipeline.training.train_change import train_change

QUIET = {"report": lambda *step: None}
CLASSES = [{"code": 1, "name": "ground", "color": "#e8d9a0"}, {"code": 7, "name": "house", "color": "#8c2d04"}]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of the size of the pairs, for tests that are not about the scores."""
    monkeypatch.setattr(evaluate_change_module, "TILE", 64)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_change_set(tmp_path_factory.mktemp("pairs"), (0, 1))


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A labelled folder of single images whose houses are brighter; 0 is no label."""
    folder = tmp_path_factory.mktemp("houses")
    _, after_CHW, label_HW = two_dates(5, 48)
    write_raster(folder / "images" / "a.tif", after_CHW)
    write_raster(folder / "labels" / "a.tif", np.where(label_HW, np.uint8(7), np.uint8(1))[None])
    (folder / "classes.json").write_text(json.dumps({"classes": CLASSES, "bands": list(BANDS)}))
    return folder


@pytest.fixture
def recipe(tmp_path, pairs, small_tiles):
    def write(**changes):
        content = {
            "title": "a test",
            "license": "apache-2.0",
            "model": "model",
            "data": "data",
            "areas": {"kind": "pairs", "path": str(pairs), "bands": list(BANDS), "include": ["pair-0"]},
            "validation": {"kind": "pairs", "path": str(pairs), "bands": list(BANDS), "include": ["pair-1"]},
            "steps": 2,
            "crop_size": 32,
            "batch_size": 1,
            "model_args": {"channels": list(TINY["channels"])},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


def spn(houses, **changes):
    return {"areas": {"kind": "folder", "path": str(houses)}, "foreground": [7], "steps": 2} | changes


def test_all_stages_are_trained_from_one_recipe_and_their_model_has_a_card(recipe, houses, tmp_path):
    done = run_here("train", "change", recipe(spn=spn(houses)))
    assert done.returncode == 0, done.stderr
    assert "F1" in done.stdout
    model = ChangePipeline.from_pretrained(tmp_path / "model")
    assert (model.bands, model.settings.window) == (BANDS, 32)
    card = (tmp_path / "model" / "README.md").read_text()
    assert model.digest in card
    assert "- spn: 2 steps\n- scn: 2 steps" in card
    assert model.scout is None
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert (record["spn"]["foreground"], record["scn"]["areas"]["include"]) == ([7], ["pair-0"])
    assert str(tmp_path) not in json.dumps(record)
    assert not list((tmp_path / "model").glob("*.training.safetensors"))
    (prior,) = (tmp_path / "data").iterdir()
    assert json.loads((prior / "config.json").read_text())["streams"] == 1


def test_a_siamese_u_net_is_trained_by_its_preset(recipe, tmp_path):
    changes = {"preset": "siamese", "model_args": {"widths": [8, 8, 8]}, "scout": {"steps": 2}, "window_size": 64}
    train_change(load_change(recipe(**changes, steps=60, batch_size=4, learning_rate=0.01)), **QUIET)
    model = ChangePipeline.from_pretrained(tmp_path / "model")
    assert isinstance(model.network, SiameseUNet) and model.network.config["widths"] == [8, 8, 8]
    assert model.scout is not None
    assert (model.settings.window, model.settings.overlap) == (64, 8)
    assert json.loads((tmp_path / "model" / "training.json").read_text())["siamese"]["window_size"] == 64
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Network: SiameseUNet" in card and "- siamese: 60 steps\n- scout: 2 steps" in card


@pytest.mark.parametrize(
    ("areas", "validation", "says"),
    [
        ({"years": [1]}, {"seeds": [1]}, "areas and validation share the worlds of seeds 1; give one of them others"),
        ({"seeds": [1]}, {}, "simulated pairs name no world; list some under seeds or years"),
    ],
)
def test_simulated_pairs_are_of_some_worlds_and_scored_on_others(recipe, areas, validation, says):
    parts = {"areas": areas, "validation": validation}
    written = recipe(**{name: {"kind": "simulated-pairs", **part} for name, part in parts.items()})
    with pytest.raises(UserError, match=says):
        load_change(written)


def test_a_finished_recipe_is_kept_unless_it_is_asked_for_again_or_its_pairs_change(recipe, pairs, tmp_path):
    own = shutil.copytree(pairs, tmp_path / "pairs")
    sets = {name: {"kind": "pairs", "path": str(own), "bands": list(BANDS)} for name in ("areas", "validation")}
    written = recipe(**{name: part | {"include": [f"pair-{n}"]} for n, (name, part) in enumerate(sets.items())})
    first = run_here("train", "change", written)
    weights = tmp_path / "model" / "network" / "diffusion_pytorch_model.safetensors"
    made = weights.stat()
    second = run_here("train", "change", written)
    assert second.returncode == 0
    assert "has finished this recipe on the same data, and is kept; --again trains it anew" in second.stderr
    assert "steps/s" not in second.stderr
    assert (second.stdout, weights.stat()) == (first.stdout, made)

    third = run_here("train", "change", written, "--again")
    assert "is kept" not in third.stderr
    assert (third.stdout, weights.stat().st_mtime_ns > made.st_mtime_ns) == (first.stdout, True)
    shutil.copy(own / "A" / "pair-0.tif", own / "A" / "pair-1.tif")
    assert "is kept" not in run_here("train", "change", written).stderr


def test_the_prior_is_trained_anew_where_its_images_have_changed_or_it_is_asked_for(
    recipe, houses, tmp_path, monkeypatch
):
    own, begun = shutil.copytree(houses, tmp_path / "houses"), []
    made, real = load_change(recipe(spn=spn(own))), idgbr.training.train_prior
    monkeypatch.setattr(idgbr.training, "train_prior", lambda *args: begun.append(args[1]) or real(*args))
    kept = {"on_kept": lambda: begun.append("kept")}
    for again in (False, True, False):
        train_change(made, **QUIET, **kept, again=again)
    prior = begun[0]
    assert begun == [prior, prior, "kept"]
    _, after_CHW, _ = two_dates(6, 48)
    write_raster(own / "images" / "a.tif", after_CHW)
    train_change(made, **QUIET, **kept)
    assert begun[3:] != ["kept"]
    assert prior != begun[3], "recipes with the images of before have theirs"


@pytest.mark.parametrize("stage", ["spn", pytest.param("scn", marks=pytest.mark.long)])
def test_the_same_call_continues_what_was_interrupted(recipe, houses, tmp_path, monkeypatch, stage):
    made = load_change(recipe(spn=spn(houses)))
    whole = made.model_copy(update={"model": tmp_path / "whole", "data": tmp_path / "other"})
    train_change(whole, **QUIET)

    class Stop(Exception):
        pass

    def stop(step, steps, note):
        if note.startswith(stage):
            raise Stop

    with pytest.raises(Stop):
        train_change(made, stop)
    assert not (tmp_path / "model" / "model_index.json").exists()
    train_change(made, **QUIET)
    assert ChangePipeline.from_pretrained(tmp_path / "model").digest == (
        ChangePipeline.from_pretrained(tmp_path / "whole").digest
    )


@pytest.mark.long
def test_recipes_that_begin_alike_share_their_prior(recipe, houses, monkeypatch):
    begun = []
    real = idgbr.training.train_prior
    monkeypatch.setattr(idgbr.training, "train_prior", lambda *args: begun.append(args[1]) or real(*args))
    train_change(load_change(recipe(spn=spn(houses))), **QUIET)
    train_change(load_change(recipe(spn=spn(houses), steps=1)), **QUIET)
    assert len(begun) == 1
    monkeypatch.setattr(idgbr.training, "train_prior", lambda *args: pytest.fail("it is trained"))
    with pytest.raises(pytest.fail.Exception, match="it is trained"):
        train_change(load_change(recipe(spn=spn(houses), seed=3)), **QUIET)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spn": {"foreground": [9]}}, r"foreground of spn names \[9\], but its areas have the classes \[1, 7\]"),
        ({"validation": {"bands": ["red", "green", "blue"]}}, "but the validation red, green, blue; name the same"),
        ({"areas": {"bands": ["r", "g", "b"]}, "validation": {"bands": ["r", "g", "b"]}}, "of spn have the bands red"),
        ({"areas": {"include": ["none*"]}}, "no image whose stem fits 'include': none"),
        ({"areas": {"bands": ["r", "g"]}, "validation": {"bands": ["r", "g"]}}, "has 3 bands, but the model takes 2"),
        ({"crop_size": 40}, "crop_size"),
        (
            {"crop_size": 96, "model_args": {"shrink": 3}},
            "tiles of 64 px, but the network takes multiples of 48",
        ),
        ({"areas": {"kind": "pears"}}, "kind"),
        ({"preset": "siamese"}, "a siamese U-Net starts from no prior network; take the stage spn out"),
        ({"window_size": 64}, "window_size is of a siamese U-Net"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_sentence(recipe, houses, pairs, change, says):
    plain = yaml.safe_load(recipe(spn=spn(houses)).read_text())
    merged = {key: plain[key] | value if isinstance(value, dict) else value for key, value in change.items()}
    with pytest.raises(UserError, match=says):
        train_change(load_change(recipe(**({"spn": plain["spn"]} | merged))), **QUIET)


def test_labels_that_are_not_0_mean_change_and_ignored_ones_nothing(tmp_path):
    folder = write_change_set(tmp_path, [0])
    _, _, label_HW = two_dates(0, 64)
    grey_HW = np.where(label_HW, np.uint8(17), np.uint8(0))
    grey_HW[0] = 99
    write_raster(folder / "label" / "pair-0.tif", grey_HW[None])
    (_, (_, _, read_HW)) = next(iter(change_set(folder, BANDS, ignore=[99])))
    assert np.array_equal(read_HW[1:], label_HW[1:])
    assert (read_HW[0] == 255).all()


def test_a_label_whose_nodata_tag_is_0_is_refused_for_all_its_ground_would_be_unknown(tmp_path):
    folder = write_change_set(tmp_path, [0])
    write_raster(folder / "label" / "pair-0.tif", np.ones((1, 64, 64), np.uint8), nodata=0)
    with pytest.raises(UserError, match="has the nodata tag 0, which says that pixels without change are not known"):
        in_memory(change_set(folder, BANDS))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "B" / "pair-0.tif").unlink(), "A/pair-0.tif has no file of the same stem in B/"),
        (lambda folder: (folder / "label" / "pair-0.tif").unlink(), "no file of the same stem in label/"),
        (
            lambda folder: (folder / "label").rename(folder / "labels"),
            "has no label; a labelled change set is a folder",
        ),
        (lambda folder: write_raster(folder / "B" / "pair-0.tif", np.ones((3, 9, 9), np.uint8)), "one size"),
        (lambda folder: write_raster(folder / "B" / "pair-0.tif", np.ones((3, 64, 64), np.uint8), left=0), "begins at"),
        (lambda folder: (folder / "A" / "pair-0.tif").write_text("no image"), "cannot be read"),
    ],
)
def test_a_folder_that_is_no_change_set_is_told_in_one_sentence(tmp_path, damage, says):
    folder = write_change_set(tmp_path, [0])
    damage(folder)
    with pytest.raises(UserError, match=says):
        in_memory(change_set(folder, BANDS))


def test_scores_come_from_one_confusion_matrix_over_tiles_of_256_px(pairs):
    model, chosen = tiny_change_model(threshold=0.45), change_set(pairs, BANDS)
    report = evaluate_change(model, chosen, len(chosen), **QUIET)
    tiled = tiny_change_model(threshold=0.45, window=256, overlap=0)
    counts = [
        ChangeCounts.of(label_HW, tiled(before_BHW, after_BHW).probability_HW, 0.45)
        for _, (before_BHW, after_BHW, label_HW) in chosen
    ]
    assert report.images == {f"pair-{number}": each.scores() for number, each in enumerate(counts)}
    total = (counts[0] + counts[1]).scores()
    assert (report.f1, report.precision, report.recall, report.iou) == (
        total.f1,
        total.precision,
        total.recall,
        total.iou,
    )
    assert report.threshold == 0.45


@pytest.mark.long
def test_evaluate_takes_change_models_and_change_sets(pairs, tmp_path, small_tiles):
    tiny_change_model().save_pretrained(tmp_path / "model")
    arguments = ("evaluate", "--model", tmp_path / "model", "--data", pairs)
    done = run_here(*arguments)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("F1", "precision", "pair-0", "pair-1", "threshold 0.5"))
    assert run_here(*arguments, "--json", tmp_path / "scores.json").returncode == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    check_json(["evaluate", "CHANGE-MODEL"], scores)
    assert set(scores["images"]) == {"pair-0", "pair-1"}
    assert scores["pixels"] == 2 * 64 * 64
    assert "has no A; a labelled change set" in sentence(
        run_here("evaluate", "--model", tmp_path / "model", "--data", tmp_path), 2
    )
