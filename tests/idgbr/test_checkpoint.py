"""Model folders and what they hold. Covers idgbr.checkpoint, idgbr.settings and idgbr.layers.network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape, small_model

import idgbr
from idgbr import CheckpointError, CoarseUNet, IDGBRPipeline, Refiner
from idgbr.coarse import Wrapped
from idgbr.errors import InputError
from idgbr.processes import diffusion
from idgbr.settings import RENAMED, Settings

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_saved_model_comes_back_with_its_answers_and_digest(model, folder):
    loaded = IDGBRPipeline.from_pretrained(folder)
    image = landscape(0, 64)[0][None]
    assert loaded.settings == model.settings
    assert loaded.digest == model.digest
    for ours, theirs in zip(model(image), loaded(image), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_model_without_refiner_comes_back_without(tmp_path):
    small_model(refiner=False).save_pretrained(tmp_path)
    assert IDGBRPipeline.from_pretrained(tmp_path).refiner is None


def test_networks_load_alone_by_the_library_s_own_method(model, folder):
    coarse = CoarseUNet.from_pretrained(folder / "coarse", use_safetensors=True, local_files_only=True)
    assert torch.equal(coarse.head[1].weight, model.coarse.head[1].weight)


def test_the_digest_tells_weights_settings_and_parts_apart():
    changed = small_model()
    with torch.no_grad():
        changed.refiner.stem.bias[0] += 1e-6
    models = [small_model(), small_model(num_inference_steps=3), small_model(refiner=False), changed]
    assert len({model.digest for model in models}) == 4
    assert small_model().digest == small_model().digest


BREAKAGES = {
    "no model folder": lambda folder: folder.rename(folder.with_name("gone")),
    "has no model_index.json": lambda folder: (folder / "model_index.json").unlink(),
    "not valid JSON": lambda folder: (folder / "model_index.json").write_text("{"),
    "describes a StableDiffusion": lambda folder: edit(folder / "model_index.json", _class_name="StableDiffusion"),
    "wrong settings: .*colour": lambda folder: edit(folder / "model_index.json", colour=1),
    "wrong settings: .*std": lambda folder: edit(folder / "model_index.json", std=[1, 0, 1]),
    "3 bands and 3 classes, but .* 4 classes": lambda folder: edit(
        folder / "model_index.json", classes=[*CLASSES, {"code": 50, "name": "more", "color": "#000000"}]
    ),
    "no model folder .*coarse": lambda folder: (folder / "coarse").rename(folder / "elsewhere"),
    "no model folder .*refiner": lambda folder: (folder / "refiner").rename(folder / "elsewhere"),
    f"has no {WEIGHTS}": lambda folder: (folder / "coarse" / WEIGHTS).unlink(),
    "truncated": lambda folder: (folder / "refiner" / WEIGHTS).write_bytes(
        (folder / "refiner" / WEIGHTS).read_bytes()[:-100]
    ),
    "describes a Refiner, but a CoarseUNet or ": lambda folder: edit(
        folder / "coarse/config.json", _class_name="Refiner"
    ),
    "describes no network: .*process of a flow": lambda folder: edit(folder / "refiner/config.json", process="flow"),
    "describes no network: .*expected 4, got 2": lambda folder: edit(folder / "refiner/config.json", widths=[8, 8]),
    "does not fit": lambda folder: edit(folder / "coarse/config.json", widths=[8, 8, 16, 32]),
}


@pytest.mark.parametrize("message", BREAKAGES)
def test_a_broken_folder_is_told_in_one_sentence(folder, message):
    BREAKAGES[message](folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        IDGBRPipeline.from_pretrained(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": (CLASSES[0],)}, "at least 2 different codes"),
        (
            {"classes": (CLASSES[0], {"code": 0, "name": "none", "color": "#000000"})},
            "without 0, which stands for no label",
        ),
        ({"mean": (1.0,)}, "need one mean and one std each"),
        ({"window": 100}, "multiple of 16 px, not 100"),
        ({"overlap": 256}, "overlap must be in 0..128"),
        ({"num_inference_steps": 0}, "at least 1"),
        ({"uncertainty_threshold": 2.0}, "uncertainty_threshold in 0..1"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    good = {"classes": CLASSES, "bands": ("red", "nir"), "mean": (1.0, 1.0), "std": (1.0, 1.0)}
    with pytest.raises(InputError, match=message):
        Settings(**good | changes)


def test_a_network_of_ones_own_is_given_as_an_object_and_filled_from_the_folder(tmp_path):
    def own():
        return Wrapped(torch.nn.Conv2d(3, 3, 4, stride=4), bands=3, classes=3)

    model = IDGBRPipeline(small_model().settings, own(), small_model().refiner)
    model.save_pretrained(tmp_path)
    loaded = IDGBRPipeline.from_pretrained(tmp_path, coarse=own())
    assert loaded.digest == model.digest
    with pytest.raises(CheckpointError, match="describes a Wrapped, but a CoarseUNet or"):
        IDGBRPipeline.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="does not fit"):
        IDGBRPipeline.from_pretrained(tmp_path, coarse=Wrapped(torch.nn.Conv2d(3, 3, 8, stride=8), 3, 3, stride=8))


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_setting_under_its_old_name_is_refused_with_the_new_one(folder, old, new):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {old: index.pop(new)}))
    with pytest.raises(CheckpointError, match=f"{old} is now called {new}; rename the key"):
        IDGBRPipeline.from_pretrained(folder)


def test_another_walk_by_diffusion_is_another_digest_of_the_models_that_walk_so(monkeypatch):
    model = small_model()
    width = {"widths": (8, 8, 16, 16), "full": 4}
    walks = IDGBRPipeline(model.settings, model.coarse, Refiner(3, 3, process="diffusion", **width))
    before = model.digest, walks.digest
    monkeypatch.setattr(diffusion, "WALK_VERSION", diffusion.WALK_VERSION + 1)
    assert model.digest == before[0]
    assert walks.digest != before[1]


def test_the_digest_of_the_shipped_model_lasts():
    """Block fingerprints hold it: another digest maps every cube of this model again."""
    shipped = IDGBRPipeline.from_pretrained(Path(idgbr.__file__).parent / "weights/simulated-s2")
    assert shipped.digest == "bbf2d1e2fffa6e0bede7213c1b3305643d6d9c350db2e9704b3f8cdc12d10b8a"


def test_a_pickle_in_place_of_weights_is_refused(folder):
    (folder / "refiner" / WEIGHTS).unlink()
    torch.save({"weight": torch.zeros(3)}, folder / "refiner" / "diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError, match=f"has no {WEIGHTS}"):
        IDGBRPipeline.from_pretrained(folder)
    (folder / "refiner" / "diffusion_pytorch_model.bin").rename(folder / "refiner" / WEIGHTS)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        IDGBRPipeline.from_pretrained(folder)
