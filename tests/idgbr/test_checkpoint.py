"""Model folders and what they hold.

Covers idgbr.checkpoint, idgbr.settings, idgbr.classes, idgbr.values, `json_file.py`, `tensor_file.py` and
idgbr.layers.network.
"""

import json
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from idgbr_toys import CLASSES, landscape, small_model
from safetensors.torch import load_file, save_file

import idgbr
from idgbr import CheckpointError, CoarseUNet, IDGBRPipeline, Refiner
from idgbr.coarse import Wrapped
from idgbr.errors import InputError
from idgbr.processes import diffusion
from idgbr.settings import RENAMED, Settings
from idgbr.tensor_file import write_tensors

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
    "does not fit .*has the shape .*, not ": lambda folder: edit(folder / "coarse/config.json", widths=[8, 8, 16, 32]),
    "numbers that are not finite .* in head.1.weight": lambda folder: spoil(folder / "coarse", nan),
    "numbers that are not finite .* in head.3.bias": lambda folder: spoil(folder / "refiner", inf, "head.3.bias"),
    "head.1.weight has the dtype F16, not F32": lambda folder: spoil(folder / "coarse", lambda value: value.half()),
    "head.1.weight has the dtype F64, not F32": lambda folder: spoil(folder / "coarse", lambda value: value.double()),
    "head.1.weight has the shape": lambda folder: spoil(folder / "coarse", lambda value: value[:, :1].contiguous()),
    "head.1.weight is missing": lambda folder: spoil(folder / "coarse", lambda value: None),
    "extra is not part of it": lambda folder: spoil(folder / "coarse", lambda value: torch.zeros(1), "extra"),
    "names the refiner 'Evil'": lambda folder: edit(folder / "model_index.json", refiner="Evil"),
    "describes a CoarseUNet, but a Refiner": lambda folder: edit(
        folder / "refiner/config.json", _class_name="CoarseUNet"
    ),
    "settings have more than 1048576": lambda folder: (folder / "model_index.json").write_text(" " * 2**21),
    "not valid JSON .maximum recursion": lambda folder: (folder / "model_index.json").write_text("[" * 200_000),
    "not valid JSON .it holds NaN": lambda folder: edit(folder / "refiner/config.json", sigma=float("nan")),
    "not valid JSON .Exceeds the limit": lambda folder: (folder / "coarse/config.json").write_text("9" * 5000),
    "has 'colour', which a CoarseUNet does not know": lambda folder: edit(folder / "coarse/config.json", colour=1),
    "code of a Refiner cannot be 5": lambda folder: edit(folder / "refiner/config.json", code=5),
    "code of a bridge refiner must be one of corner": lambda folder: edit(folder / "refiner/config.json", code="evil"),
    "attention of a Refiner cannot be 1": lambda folder: edit(folder / "refiner/config.json", attention=1),
    "full of a Refiner cannot be True": lambda folder: edit(folder / "refiner/config.json", full=True),
    "widths of a CoarseUNet cannot be .*16.5": lambda folder: edit(folder / "coarse/config.json", widths=[16.5] * 4),
    "widths of a CoarseUNet cannot be 16": lambda folder: edit(folder / "coarse/config.json", widths=16),
    "bands of a CoarseUNet cannot be -3": lambda folder: edit(folder / "coarse/config.json", bands=-3),
}


def spoil(folder, change, name="head.1.weight"):
    """Changes a tensor of the saved weights, or takes it out."""
    tensors = load_file(folder / WEIGHTS)
    value = change(tensors.get(name))
    save_file({key: each for key, each in (tensors | {name: value}).items() if each is not None}, folder / WEIGHTS)


def nan(value):
    value.view(-1)[1] = torch.nan
    return value


def inf(value):
    value.view(-1)[1] = -torch.inf
    return value


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
        ({"mean": (1.0,)}, "2 bands need one mean each"),
        ({"mean": (1.0, float("nan"))}, "every mean must be a number finite in float32, not nan"),
        ({"mean": (1.0, 1e300)}, "every mean must be a number finite in float32, not 1e[+]300"),
        ({"mean": 7}, "need one mean each, not 7"),
        ({"std": (1.0, 0.0)}, "every std must be a number in"),
        ({"std": (1.0, 1e-300)}, "every std must be a number in"),
        ({"std": (1.0, float("inf"))}, "every std must be a number in"),
        ({"std": (1.0, True)}, "every std must be a number in .*, not True"),
        ({"bands": ("red", "red")}, "bands must be a list of different words"),
        ({"bands": "rn"}, "bands must be a list of different words"),
        ({"classes": (1, 2)}, "a class needs a code in 0..255, a name and a color such as #006400, not 1"),
        ({"classes": 5}, "classes must be a list of rows, not 5"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"code": 256})}, "code in 0..255"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"code": -1})}, "code in 0..255"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"code": 20.0})}, "code in 0..255"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"code": True})}, "code in 0..255"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"color": "red"})}, "color such as #006400"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"color": "#00640"})}, "color such as #006400"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"name": ""})}, "a name"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"code": 10})}, "a code of its own, but 10 comes twice"),
        ({"classes": (CLASSES[0], CLASSES[1] | {"name": "grass"})}, "a name of its own, but 'grass' comes twice"),
        ({"window": 256.0}, "window must be a whole number in 16..4096, not 256.0"),
        ({"window": 2**20}, "window must be a whole number in 16..4096"),
        ({"batch": 1.5}, "batch must be a whole number in 1..1024, not 1.5"),
        ({"batch": 10**9}, "batch must be a whole number in 1..1024"),
        ({"batch": True}, "batch must be a whole number in 1..1024, not True"),
        ({"ensemble_size": 0}, "ensemble_size must be a whole number"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"boundary_radius": float("nan")}, "boundary_radius must be a whole number in 0..256, not nan"),
        ({"boundary_radius": -1}, "boundary_radius must be a whole number"),
        ({"guidance_scale": float("nan")}, "guidance_scale must be a number in 0.*, not nan"),
        ({"guidance_scale": float("inf")}, "guidance_scale must be a number"),
        ({"uncertainty_threshold": float("nan")}, "uncertainty_threshold must be a number in 0..1, not nan"),
        ({"no_label": 256}, "no_label must be a whole number in 0..255"),
        ({"blank": float("nan")}, "blank must be a number finite in float32, not nan"),
        ({"grey": 127}, "grey labels have 2 classes, not 3"),
        ({"precision": ["fp32"]}, "precision must be one of fp32"),
        ({"init": None}, "init must be one of coarse, noise, not None"),
        ({"window": 100}, "multiple of 16 px, not 100"),
        ({"overlap": 256}, "overlap must be a whole number in 0..128"),
        ({"num_inference_steps": 0}, "num_inference_steps must be a whole number in 1..1000, not 0"),
        ({"area_errors": [[0, 1]]}, "area_errors must be a low and a high share of each of 3 classes"),
        ({"area_errors": [[0, 1], [0.2, 0.1], [0, 0]]}, "every high share of area_errors must be a number in 0.2..1"),
        ({"temperature": 0}, "temperature must be a number in 0.01..100, not 0"),
        ({"uncertainty_threshold": 2.0}, "uncertainty_threshold must be a number in 0..1, not 2.0"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    good = {"classes": CLASSES, "bands": ("red", "nir"), "mean": (1.0, 1.0), "std": (1.0, 1.0)}
    with pytest.raises(InputError, match=message):
        Settings(**good | changes)


HUGE = {
    "CoarseUNet": {"widths": [20_000] * 4},
    "HRNet": {"modules": [10**6] * 4, "blocks": 10**6},
    "SegFormer": {"depths": [10**9] * 4},
    "DeepLabV3Plus": {"blocks": [10**9] * 4},
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_network_of_absurd_size_is_refused_before_memory_is_taken_for_it(folder, kind):
    config = {"_class_name": kind, "bands": 3, "classes": 3, **HUGE[kind]}
    (folder / "coarse/config.json").write_text(json.dumps(config))
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"does not fit|many more tensors than the weights"):
        IDGBRPipeline.from_pretrained(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19, "KiB"
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**40]}},
        {"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        [],
    ],
)
def test_weights_whose_header_lies_are_refused(folder, header):
    text = json.dumps(header).encode()
    (folder / "coarse" / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(CheckpointError, match="truncated or not a safetensors file"):
        IDGBRPipeline.from_pretrained(folder)


def test_whoever_may_read_the_settings_may_read_the_weights(model, tmp_path):
    before = os.umask(0o027)
    try:
        model.save_pretrained(tmp_path / "model")
        write_tensors(tmp_path / "state.safetensors", {"a": torch.zeros(1)}, {})
    finally:
        os.umask(before)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 6
    assert {file.stat().st_mode & 0o777 for file in files} == {0o640}


def test_weights_that_are_finite_but_too_large_are_told_where_scores_are_made(model, windows):
    with torch.no_grad():
        model.coarse.head[1].weight.fill_(3e38)
    with pytest.raises(InputError, match="scores are not finite"):
        model.coarse_logits(windows)


def test_a_network_of_ones_own_is_given_as_an_object_and_filled_from_the_folder(tmp_path):
    def own():
        return Wrapped(torch.nn.Conv2d(3, 3, 4, stride=4), bands=3, classes=3)

    model = IDGBRPipeline(small_model().settings, own(), small_model().refiner)
    model.save_pretrained(tmp_path)
    loaded = IDGBRPipeline.from_pretrained(tmp_path, coarse=own())
    assert loaded.digest == model.digest
    with pytest.raises(CheckpointError, match="a network of one's own, whose code is not taken"):
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
    assert shipped.digest == "dac141e02194f0c0973354835a2fd8a6e8b395fee3135d710dfdeb5c84a18e16"


def test_a_pickle_in_place_of_weights_is_refused(folder):
    (folder / "refiner" / WEIGHTS).unlink()
    torch.save({"weight": torch.zeros(3)}, folder / "refiner" / "diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError, match=f"has no {WEIGHTS}"):
        IDGBRPipeline.from_pretrained(folder)
    (folder / "refiner" / "diffusion_pytorch_model.bin").rename(folder / "refiner" / WEIGHTS)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        IDGBRPipeline.from_pretrained(folder)
