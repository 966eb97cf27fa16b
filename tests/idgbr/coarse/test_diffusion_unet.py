import pytest
import torch
from diffusers import DDPMScheduler
from torch import nn

from idgbr.checkpoint import load_network
from idgbr.coarse.diffusion_unet import PRESETS, STRIDES, DiffusionUNet
from idgbr.errors import InputError
from idgbr.training.loop import with_seed

BANDS = ["red", "green", "nir"]


def small(multipliers=(1, 2, 2, 2, 2), bands=BANDS, **config):
    return with_seed(0, lambda: DiffusionUNet(bands, 16, multipliers, **config)).eval()


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("preset", "millions", "levels"), [("S", 24.0, 4), ("M", 99.5, 5), ("L", 397.7, 5)])
def test_presets_have_their_sizes_and_features_of_the_design(preset, millions, levels):
    with torch.device("meta"):
        network = DiffusionUNet(BANDS, **PRESETS[preset])
    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    inner = PRESETS[preset]["inner"]
    assert network.feature_channels == ([4 * inner] * 4 if levels == 4 else [4 * inner] + [8 * inner] * 3)


def test_attention_is_at_stride_16_and_in_the_middle_with_one_head():
    network = small()
    places = [name for name, module in network.unet.named_modules() if type(module).__name__ == "Attention"]
    assert {name.rsplit(".attentions", 1)[0] for name in places} == {"down_blocks.4", "mid_block", "up_blocks.0"}
    assert {module.heads for module in network.unet.modules() if type(module).__name__ == "Attention"} == {1}


@pytest.mark.parametrize("block", [0, 1, 2])
def test_features_are_what_the_whole_u_net_computes_on_its_way(block):
    network, image, step = small(), normal(0, 2, 3, 64, 32), torch.tensor([20, 400])
    seen = {}
    for level, up in enumerate(network.unet.up_blocks):
        layer = getattr(up, "attentions", up.resnets)[block]
        layer.register_forward_hook(lambda module, inputs, output, level=level: seen.setdefault(level, output))
    with torch.inference_mode():
        network(image, step)
        expected = dict(seen)
        features = network.features(image, step, block)
    assert [tuple(each.shape[2:]) for each in features] == [(64 // stride, 32 // stride) for stride in STRIDES]
    assert [each.shape[1] for each in features] == network.feature_channels
    for each, level in zip(features, (2, 1, 0), strict=False):
        assert torch.equal(each, expected[level])
    assert torch.allclose(features[3], nn.functional.avg_pool2d(expected[0], 2))


def test_noise_levels_are_those_of_diffusers_schedule():
    network = small(schedule="squaredcos_cap_v2")
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    clean, noise, step = normal(0, 2, 3, 8, 8), normal(1, 2, 3, 8, 8), torch.tensor([3, 700])
    assert torch.equal(network.alpha_bars, scheduler.alphas_cumprod)
    assert torch.allclose(network.add_noise(clean, noise, step), scheduler.add_noise(clean, noise, step))


def test_steps_are_chosen_by_their_noise_so_that_schedules_can_differ():
    assert [small().step_of(share) for share in (0.994, 0.975, 0.67)] == [19, 45, 195]
    assert small(schedule="squaredcos_cap_v2").step_of(0.67) == pytest.approx(380, abs=20)


def test_raw_numbers_are_scaled_to_the_bands_ranges_and_no_data_is_filled():
    network = small(bands=["red"])
    for buffer, value in ((network.low_C, 100.0), (network.high_C, 300.0), (network.fill_C, 250.0)):
        buffer.fill_(value)
    raw = torch.tensor([0.0, 100, 200, 300, 5000, torch.nan])[None, None, None]
    assert network.scaled(raw, raw.isnan()).flatten().tolist() == [-1, -1, 0, 1, 1, 0.5]


def test_bits_do_not_depend_on_the_number_of_threads(threads):
    network = with_seed(0, lambda: DiffusionUNet(BANDS, 32, (1, 1, 2, 2, 2))).eval().place("cpu")
    image = normal(1, 2, 3, 96, 64).contiguous(memory_format=torch.channels_last)
    answers = []
    for count in (1, 2, 4):
        threads(count)
        with torch.inference_mode():
            answers.append([network(image, torch.tensor([20, 20])), *network.features(image, torch.tensor([20, 20]))])
    assert all(torch.equal(a, b) for other in answers[1:] for a, b in zip(answers[0], other, strict=True))


def test_it_is_saved_with_its_bands_and_ranges(tmp_path):
    network = small((1, 2, 2))
    network.low_C.copy_(torch.tensor([1.0, 2.0, 3.0]))
    network.save_pretrained(tmp_path)
    again = load_network({"DiffusionUNet": DiffusionUNet}, tmp_path).eval()
    assert list(again.config["bands"]) == BANDS
    assert torch.equal(again.low_C, network.low_C)
    image, step = normal(0, 1, 3, 16, 16), torch.tensor([7])
    assert torch.equal(again(image, step), network(image, step))


@pytest.mark.parametrize(
    "config", [{"multipliers": (1, 2)}, {"inner": 2}, {"schedule": "sigmoid"}, {"multipliers": (1, 2, 0)}]
)
def test_sizes_without_features_at_stride_4_and_unknown_schedules_are_refused(config):
    with pytest.raises(InputError, match="at least three multipliers"):
        DiffusionUNet(BANDS, **config)
