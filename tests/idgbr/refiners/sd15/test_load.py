import json
import logging
from shutil import copytree

import numpy as np
import pytest
import torch
from idgbr_toys import landscape, small_model
from safetensors.torch import load_file, save_file
from sd15_folder import WEIGHTS, small_parts, write_folder

from idgbr import CheckpointError, IDGBRPipeline
from idgbr.codecs import AutoencoderCodec, EmbeddingCodec
from idgbr.refiners.sd15 import load_sd15


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("sd15"))


@pytest.fixture
def folder(written, tmp_path):
    return copytree(written, tmp_path / "sd15")


def load(folder, **changes):
    return load_sd15(folder, **{"bands": 3, "classes": 2, "labels": EmbeddingCodec(2), "attention": False} | changes)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def same(found, expected):
    return all(torch.equal(found[name], expected[name]) for name in found)


def test_trained_and_frozen_parts_begin_with_the_folder_s_weights(folder):
    unet, vae = small_parts()
    refiner = load(folder)
    assert same(refiner.unet.state_dict(), unet.state_dict())
    assert same(refiner.frozen.state_dict(), unet.state_dict())
    assert same(refiner.codec.vae.state_dict(), vae.state_dict())
    assert not any(name.startswith(("up_blocks", "conv_out")) for name in refiner.frozen.state_dict())
    assert torch.equal(refiner.text_1LE[0], load_file(folder / "empty_prompt.safetensors")["empty_prompt"])
    with torch.no_grad():
        refiner.unet.conv_in.weight.add_(1)
    assert torch.equal(refiner.frozen.conv_in.weight, unet.conv_in.weight)


def test_a_seed_gives_one_guidance(folder):
    guidances = [load(folder, seed=seed, attention=True).guidance.state_dict() for seed in (0, 0, 1)]
    assert same(guidances[0], guidances[1])
    assert not same(guidances[0], guidances[2])


def test_without_a_codec_an_embedding_is_trained_on_the_spot(folder):
    codec = load(folder, labels=None, classes=3).codec
    index_BHW = torch.randint(3, (1, 8, 8))
    value = codec.labels.encode(torch.nn.functional.one_hot(index_BHW, 3).movedim(-1, 1).float())
    assert torch.equal(codec.labels.logits(value).argmax(1), index_BHW)


def test_weights_in_half_precision_are_widened(folder):
    path = folder / "unet" / WEIGHTS
    half = {name: weight.half() for name, weight in load_file(path).items()}
    save_file(half, path.with_name("diffusion_pytorch_model.fp16.safetensors"), {"format": "pt"})
    path.unlink()
    unet = load(folder).unet
    assert unet.dtype == torch.float32
    assert torch.equal(unet.conv_in.weight, half["conv_in.weight"].float())


def test_the_autoencoder_s_first_attention_names_are_understood(folder):
    path = folder / "vae" / WEIGHTS
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    weights = load_file(path)
    renamed = {}
    for name, weight in weights.items():
        for new, first in old.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{first}.")
        renamed[name] = weight
    assert renamed.keys() != weights.keys()
    save_file(renamed, path, {"format": "pt"})
    assert same(load(folder).codec.vae.state_dict(), weights)


def test_the_scheduler_says_what_the_network_predicts(folder):
    assert load(folder).config["prediction"] == "epsilon"
    edit(folder / "scheduler/scheduler_config.json", prediction_type="v_prediction")
    assert load(folder).config["prediction"] == "v"
    assert load(folder, prediction="x0").config["prediction"] == "x0"


def test_without_an_empty_prompt_zeros_stand_for_it_and_one_line_warns(folder, caplog):
    (folder / "empty_prompt.safetensors").unlink()
    with caplog.at_level(logging.WARNING, logger="idgbr"):
        assert not load(folder).text_1LE.any()
    (record,) = (record for record in caplog.records if record.name.startswith("idgbr"))
    assert "has no empty_prompt.safetensors; zeros stand for the empty prompt" in record.message


def rewrite(path, change):
    weights = load_file(path)
    change(weights)
    save_file(weights, path, {"format": "pt"})


def pickled(folder):
    (folder / "unet" / WEIGHTS).unlink()
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


BREAKAGES = {
    "no folder .*sd15; give a local Stable Diffusion": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "no model folder .*unet": lambda folder: (folder / "unet").rename(folder / "elsewhere"),
    "no model folder .*vae": lambda folder: (folder / "vae").rename(folder / "elsewhere"),
    "no model folder .*scheduler": lambda folder: (folder / "scheduler").rename(folder / "elsewhere"),
    "unet has no config.json": lambda folder: (folder / "unet/config.json").unlink(),
    f"vae has no {WEIGHTS}; copy the whole folder": lambda folder: (folder / "vae" / WEIGHTS).unlink(),
    "bin is a pickle, which can run code": pickled,
    "unet.* is truncated": lambda folder: truncate(folder / "unet" / WEIGHTS),
    "vae.* is truncated": lambda folder: truncate(folder / "vae" / WEIGHTS),
    "empty_prompt.safetensors is truncated": lambda folder: truncate(folder / "empty_prompt.safetensors"),
    "describes a UNet2DModel, but a UNet2DConditionModel": lambda folder: edit(
        folder / "unet/config.json", _class_name="UNet2DModel"
    ),
    "missing keys such as conv_in.bias": lambda folder: rewrite(
        folder / "unet" / WEIGHTS, lambda weights: weights.pop("conv_in.bias")
    ),
    "unexpected keys such as more": lambda folder: rewrite(
        folder / "vae" / WEIGHTS, lambda weights: weights.update(more=torch.zeros(1))
    ),
    "describes no network": lambda folder: edit(folder / "unet/config.json", norm_num_groups=7),
    "takes 9 channels and gives 4, but the autoencoder's latents have 4": lambda folder: small_inpainting(folder),
    "has beta_schedule linear, but Stable Diffusion 1.5's is scaled_linear": lambda folder: edit(
        folder / "scheduler/scheduler_config.json", beta_schedule="linear"
    ),
    "has prediction_type flow, not one of epsilon, v_prediction, sample": lambda folder: edit(
        folder / "scheduler/scheduler_config.json", prediction_type="flow"
    ),
    r"one tensor of shape \(77, 16\), not \[\(77, 8\)\]": lambda folder: save_file(
        {"text": torch.zeros(77, 8)}, folder / "empty_prompt.safetensors"
    ),
}


def small_inpainting(folder):
    edit(folder / "unet/config.json", in_channels=9)
    rewrite(folder / "unet" / WEIGHTS, lambda weights: weights.update({"conv_in.weight": torch.zeros(32, 9, 3, 3)}))


@pytest.mark.parametrize("message", BREAKAGES)
def test_a_broken_folder_is_told_in_one_sentence(folder, message):
    BREAKAGES[message](folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [EmbeddingCodec(3), AutoencoderCodec(2), AutoencoderCodec(2, channels=8, stride=8)])
def test_a_codec_of_another_kind_is_refused(folder, labels):
    with pytest.raises(CheckpointError, match="must be of 2 classes, stride 8 and 4 channels"):
        load(folder, labels=labels)


def test_a_whole_model_with_it_refines_and_comes_back(folder, tmp_path):
    refiner = load(folder, classes=3, labels=EmbeddingCodec(3))
    model = small_model(refiner=False, init="noise")
    model = IDGBRPipeline(model.settings, model.coarse, refiner)
    model.save_pretrained(tmp_path / "model")
    loaded = IDGBRPipeline.from_pretrained(tmp_path / "model")
    image = landscape(0, 64)[0][None]
    assert loaded.digest == model.digest
    for ours, theirs in zip(model(image), loaded(image), strict=True):
        assert np.array_equal(ours, theirs)
