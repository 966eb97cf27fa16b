"""Diffusion U-Nets that learn from images without labels. Covers `ddpm.py` and `denoising.py`."""

import time

import numpy as np
import pytest
import torch
from idgbr_toys import landscape

from idgbr.checkpoint import digest, load_network
from idgbr.coarse.diffusion_unet import DiffusionUNet
from idgbr.errors import CheckpointError, InputError
from idgbr.training import DDPMTraining, Optimisation, train_ddpm
from idgbr.training.ddpm import new_ddpm, scaled_batch, unlabelled_crops
from idgbr.training.denoising import STEPS, denoising_errors, draw_samples, real_images
from idgbr.training.loop import OutOfTime

BANDS = ("red", "green", "nir")
SIZES = {"inner": 8, "multipliers": (1, 2, 2)}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def training(steps=3, **changes):
    how = Optimisation(steps=steps, rate=3e-3, warmup=5, ema=0.9)
    return DDPMTraining(**{"bands": BANDS, "crop": 16, "batch": 2, "sizes": SIZES, "optimisation": how} | changes)


def images(count=1, size=64, first=0):
    return [landscape(seed, size)[0] for seed in range(first, first + count)]


def trained(folder, config, pictures=None, state=None):
    list(train_ddpm(pictures or images(), folder, config, state))
    return load_network({"DiffusionUNet": DiffusionUNet}, folder)


@pytest.mark.long
def test_it_learns_to_tell_noise_from_land_on_places_it_has_not_seen(tmp_path):
    how = Optimisation(steps=150, rate=5e-3, warmup=5, ema=0.9)
    config = training(batch=8, optimisation=how)
    network = trained(tmp_path, config, images(4))
    held = unlabelled_crops(images(2, first=50), config)
    errors = {each.step: each for each in denoising_errors(network, held)}
    untrained = {each.step: each for each in denoising_errors(new_ddpm(images(4), config), held)}
    assert list(errors) == list(STEPS)
    for step in (100, 200):
        assert errors[step].error < 0.8 * errors[step].pointwise
        assert errors[step].error < 0.5 * untrained[step].error
    assert all(0 <= each.pointwise <= 1.1 for each in errors.values())


def test_the_error_of_the_pixel_alone_is_that_of_the_best_multiple():
    """For scaled images of variance v it is a v / (a v + 1 - a), where a is the share of signal."""
    config = training(crop=32, batch=8)
    network = new_ddpm(images(2), config)
    held = unlabelled_crops(images(2), config)
    clean = torch.cat([scaled_batch(network, *held(number, rank=0))[0] for number in (1, 2, 3, 4)])
    power = clean.square().mean().item()
    for each in denoising_errors(network, held):
        expected = each.alpha_bar * power / (each.alpha_bar * power + 1 - each.alpha_bar)
        assert each.pointwise == pytest.approx(expected, abs=0.02)


def test_pixels_without_data_do_not_count(tmp_path):
    config = training(crop=64, batch=1)
    (image,) = images()
    image[:, :, 40:] = 0
    network = new_ddpm([image], config)
    raw, index = unlabelled_crops([image], config)(1)
    clean, seen = scaled_batch(network, raw, index)
    assert seen.float().mean() == pytest.approx(40 / 64)
    expected = (2 * (network.fill_C - network.low_C) / (network.high_C - network.low_C) - 1)[:, None]
    assert torch.allclose(clean[0][:, ~seen[0, 0]], expected)
    assert network.fill_C.tolist() == pytest.approx(image[:, :, :40].mean((1, 2)).tolist())


def test_few_extreme_pixels_do_not_stretch_the_bands_ranges():
    (image,) = images()
    plain = new_ddpm([image], training())
    image[:, 0, :10] = 60_000
    assert new_ddpm([image], training()).high_C == pytest.approx(plain.high_C, rel=0.05)


def test_an_interrupted_training_gives_the_same_network(tmp_path):
    state = tmp_path / "state.safetensors"
    whole = trained(tmp_path / "whole", training(6))
    steps = train_ddpm(images(), tmp_path / "parts", training(6), state, deadline=time.monotonic() + 0.5)
    next(steps)
    time.sleep(0.5)
    with pytest.raises(OutOfTime):
        next(steps)
    assert not (tmp_path / "parts").exists()
    parts = trained(tmp_path / "parts", training(6), state=state)
    assert digest({}, [parts]) == digest({}, [whole])


def test_a_state_of_other_images_is_not_continued(tmp_path):
    state = tmp_path / "state.safetensors"
    trained(tmp_path / "model", training(), state=state)
    with pytest.raises(CheckpointError, match="its about is"):
        trained(tmp_path / "model", training(), images(first=1), state)


@pytest.mark.parametrize("bands", [1, 13])
def test_images_may_have_any_number_of_bands(tmp_path, bands):
    image = np.random.default_rng(0).integers(1, 9000, (bands, 32, 32)).astype(np.uint16)
    network = trained(tmp_path, training(bands=tuple(map(str, range(bands)))), [image])
    assert draw_samples(network, 2, 16, steps=2).shape == (2, bands, 16, 16)


def test_samples_are_drawn_from_a_seed_and_lie_in_the_range(tmp_path):
    network = trained(tmp_path, training())
    one, same, other = (draw_samples(network, 2, 16, steps=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.abs().max() <= 1


def test_real_images_are_as_many_as_asked_for():
    config = training()
    shown = real_images(new_ddpm(images(), config), unlabelled_crops(images(), config), 5)
    assert shown.shape == (5, 3, 16, 16)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sizes": {"colour": 3}}, r"sizes \{'colour': 3\} do not fit a diffusion U-Net"),
        ({"bands": ("red",)}, "pair 0 has an image of shape"),
        ({"crop": 18}, "crop must be a multiple of 4 px"),
    ],
)
def test_a_training_that_cannot_be_is_told_in_one_sentence(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        list(train_ddpm(images(), tmp_path, training(**change)))
