"""Coarse networks in general, wrapped modules among them. Covers idgbr.coarse.network, layers and unet."""

import json

import numpy as np
import pytest
import torch
from idgbr_toys import landscape
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from idgbr.checkpoint import load_network
from idgbr.coarse import KINDS, Wrapped
from idgbr.coarse.unet import upsample
from idgbr.errors import InputError

SIZES = {
    "CoarseUNet": {"widths": (8, 16, 16, 16)},
    "DeepLabV3Plus": {"blocks": (1, 1, 1, 1), "width": 8, "rates": (1, 2), "decoder": 16, "low": 8},
    "SegFormer": {"widths": (8, 16, 40, 64), "depths": (1, 1, 1, 1), "decoder": 16},
    "HRNet": {"width": 8, "modules": (1, 1, 1, 1), "blocks": 1, "stem": 8},
}
SIZES["DiffHRNet"] = SIZES["HRNet"] | {"inner": 8, "multipliers": (1, 1, 1), "alpha_bars": (0.975, 0.67)}
WIDE = SIZES | {
    "DeepLabV3Plus": SIZES["DeepLabV3Plus"] | {"width": 32, "decoder": 128},
    "SegFormer": {"depths": (1, 1, 1, 1)},
    "HRNet": SIZES["HRNet"] | {"width": 18, "stem": 64},
    "DiffHRNet": SIZES["DiffHRNet"] | {"width": 18, "stem": 64, "inner": 32, "multipliers": (1, 1, 2, 2, 2)},
}
every = pytest.mark.parametrize("kind", KINDS)


def build(kind, bands=3, classes=3, sizes=SIZES, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = KINDS[kind](bands, classes, **sizes[kind])
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("strength"):
                weight.fill_(0.5)  # 0 before training, where fusions are silent
    return network


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def toys(count, size):
    """Normalised images and class indices of the small landscape."""
    images, labels = zip(*(landscape(seed, size) for seed in range(count)), strict=True)
    image = torch.from_numpy(np.stack(images).astype(np.float32))
    mean, std = image.mean((0, 2, 3), keepdim=True), image.std((0, 2, 3), keepdim=True)
    return (image - mean) / std, torch.from_numpy(np.searchsorted([10, 20, 40], np.stack(labels)))


def test_every_network_has_the_small_sizes_tested_here():
    assert set(SIZES) == set(KINDS)


@every
@pytest.mark.parametrize(("bands", "classes"), [(1, 2), (13, 5)])
def test_an_image_of_any_bands_gets_one_logit_per_class_and_pixel(kind, bands, classes):
    network, image = build(kind, bands, classes).eval(), normal(0, 2, bands, 96, 64)
    with torch.inference_mode():
        strided, full = network.strided_logits(image), network(image)
    assert strided.shape == (2, classes, 24, 16)
    assert full.shape == (2, classes, 96, 64)
    assert (network.config["bands"], network.config["classes"]) == (bands, classes)
    expected = F.interpolate(strided, size=(96, 64), mode="bilinear", align_corners=False)
    assert torch.allclose(full, expected, rtol=1e-5, atol=1e-5 * strided.abs().max().item())


@every
def test_the_loss_reaches_every_parameter(kind):
    network = build(kind).train()
    network(normal(0, 2, 3, 64, 64))
    F.cross_entropy(network.eval()(normal(1, 2, 3, 64, 64)), normal(2, 2, 3, 64, 64).argmax(1)).backward()
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    reached = {name for name, weight in trained.items() if weight.grad.abs().max() > 1e-9}
    # It adds the same to all scores of a query, which softmax cancels.
    cancelled = {name for name in trained if name.endswith("self.key.bias")}
    assert reached == trained.keys() - cancelled


@every
def test_an_answer_does_not_depend_on_the_others_of_its_batch(kind):
    network = build(kind).train()
    network(normal(0, 4, 3, 64, 64))
    network.eval().place("cpu")
    image, others = normal(1, 3, 3, 64, 64), normal(2, 3, 3, 64, 64)
    with torch.inference_mode():
        answer = network(image)
        assert torch.equal(network(torch.cat([image[:1], others[1:]]))[0], answer[0])
        assert torch.equal(network(image[[2, 1, 0]]), answer[[2, 1, 0]])


@every
def test_a_saved_network_comes_back_by_the_class_its_folder_names(kind, tmp_path):
    network = build(kind, 4, 6).train()
    network(normal(0, 2, 4, 64, 64))
    network.save_pretrained(tmp_path)
    named = json.loads((tmp_path / "config.json").read_text())["_class_name"]
    loaded = load_network(KINDS, tmp_path).eval()
    assert type(loaded).__name__ == named == kind
    image = normal(1, 1, 4, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network.eval()(image))


@every
def test_sizes_that_do_not_fit_the_strides_are_refused(kind):
    network = build(kind)
    wrong = network.multiple + 8
    with pytest.raises(InputError, match=f"multiples of {network.multiple} px, not {wrong} x 64"):
        network(torch.zeros(1, 3, wrong, 64))


def test_the_least_sizes_are_those_of_the_deepest_stride():
    assert {name: kind.multiple for name, kind in KINDS.items()} == {
        "CoarseUNet": 16,
        "DeepLabV3Plus": 16,
        "SegFormer": 32,
        "HRNet": 32,
        "DiffHRNet": 32,
    }


@every
def test_a_few_steps_on_a_small_landscape_lower_the_loss(kind):
    image, index = toys(4, 64)
    network = build(kind).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(network(image), index)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@every
def test_bits_do_not_depend_on_the_number_of_threads(kind, threads):
    network = build(kind, sizes=WIDE).train()
    network(normal(0, 2, 3, 64, 64))
    network.eval().place("cpu")
    image = normal(1, 2, 3, 96, 64).contiguous(memory_format=torch.channels_last)
    answers = []
    for count in (1, 2, 4):
        threads(count)
        with torch.inference_mode():
            answers.append(network(image))
    assert all(torch.equal(answer, answers[0]) for answer in answers)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_upsampling_is_bilinear_between_pixel_centres(factor):
    value = normal(0, 2, 3, 6, 5)
    expected = F.interpolate(value, scale_factor=factor, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample(value, factor), expected, atol=1e-6)


def test_an_ordinary_module_serves_as_a_coarse_network(tmp_path):
    network = Wrapped(nn.Conv2d(5, 4, 8, stride=8), bands=5, classes=4, stride=8, multiple=8)
    image = normal(0, 2, 5, 24, 16)
    assert network.strided_logits(image).shape == (2, 4, 3, 2)
    assert network(image).shape == (2, 4, 24, 16)
    assert (network.config["bands"], network.config["classes"]) == (5, 4)
    with pytest.raises(InputError, match="multiples of 8 px, not 20 x 16"):
        network(torch.zeros(1, 5, 20, 16))
    network.save_pretrained(tmp_path)
    again = Wrapped(nn.Conv2d(5, 4, 8, stride=8), bands=5, classes=4, stride=8, multiple=8)
    again.load_state_dict(load_file(tmp_path / "diffusion_pytorch_model.safetensors"))
    assert torch.equal(again(image), network(image))


class Answers(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, image_BCHW):
        return self.answer


@pytest.mark.parametrize(("answer", "found"), [(torch.zeros(1, 2, 32, 32), r"\(1, 2, 32, 32\)"), ({}, "dict")])
def test_a_module_that_answers_something_else_is_told_in_one_sentence(answer, found):
    network = Wrapped(Answers(answer), bands=3, classes=2)
    with pytest.raises(InputError, match=rf"Answers must give logits \(1, 2, 8, 8\) for an image .*not {found}"):
        network(torch.zeros(1, 3, 32, 32))
