"""The refiner of Stable Diffusion 1.5. Covers idgbr.refiners.sd15.refiner, guidance, encoder and latents."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from diffusers import AutoencoderKL
from sd15_folder import CHANNELS, small_parts, write_folder
from torch.utils.flop_counter import FlopCounterMode

from idgbr.checkpoint import digest, load_network
from idgbr.codecs import AutoencoderCodec, train_embedding
from idgbr.errors import InputError
from idgbr.refiners.sd15 import SD15Refiner, load_sd15
from idgbr.refiners.sd15.encoder import decode, encode, levels_of
from idgbr.refiners.sd15.latents import Latents


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("sd15"))


embedding = cache(lambda classes: train_embedding(classes, steps=20))


def load(folder, classes=2, **changes):
    """A refiner with a label codec that is made only once."""
    return load_sd15(folder, **{"bands": 3, "classes": classes, "labels": embedding(classes)} | changes)


@pytest.fixture(scope="module")
def loaded(folder):
    return load(folder, attention=False)


@pytest.fixture
def refiner(loaded):
    return deepcopy(loaded)


def awake(refiner):
    """The same refiner with guidance that says something."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for level in refiner.guidance.levels:
            for zero in (level.noisy, level.condition, *([level.attention.zero] if level.attention else [])):
                torch.nn.init.normal_(zero.weight, std=0.05)
    return refiner


def inputs(count=1, bands=3, classes=2, size=128):
    random = torch.Generator().manual_seed(0)
    image = torch.randn(count, bands, size, size, generator=random)
    coarse = torch.randn(count, classes, size, size, generator=random).mul(3).softmax(1)
    return image, coarse, torch.randn(count, 4, size // 8, size // 8, generator=random), torch.full((count,), 0.6996)


def count(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def flops(compute):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        compute()
    return counter.get_total_flops() / 2e9


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return SD15Refiner(bands=3, classes=2)


def test_parts_have_the_published_numbers_of_parameters(published):
    assert count(published.unet) == 859_520_964
    attentions = [level.attention for level in published.guidance.levels]
    assert count(published.guidance) - count(*attentions) == 34_417_280
    assert count(published.guidance) == 106_135_680
    assert count(published.codec.vae) == 83_653_863
    assert count(published.codec.labels) == 776
    with torch.device("meta"):
        assert count(SD15Refiner(bands=3, classes=8, attention=False).codec.labels) == 1568
    assert published.text_1LE.shape == (1, 77, 768)


def test_the_guidance_has_13_levels_of_the_published_shapes(published):
    channels = [320] * 4 + [640] * 3 + [1280] * 6
    sides = [64] * 3 + [32] * 3 + [16] * 3 + [8] * 4
    assert list(levels_of(published.unet)) == list(zip(channels, sides, strict=True))
    latent, step, text = torch.empty(1, 4, 64, 64), torch.ones(1), torch.empty(1, 77, 768)
    levels = encode(published.frozen, latent.to("meta"), step.to("meta"), text.to("meta")).levels
    assert [tuple(level.shape[1:]) for level in levels] == [
        (width, side, side) for width, side in zip(channels, sides, strict=True)
    ]


def test_a_step_costs_the_unet_once_and_a_guidance_whose_conditions_are_ready(published):
    image, coarse, noisy, time = (tensor.to("meta") for tensor in inputs(size=512))
    condition = published.condition(image, coarse)
    assert flops(lambda: published(noisy, time, condition)) == pytest.approx(402 + 108, abs=1)
    without = condition._replace(levels=tuple(given._replace(memory=None) for given in condition.levels))
    assert flops(lambda: published(noisy, time, without)) == pytest.approx(402 + 3.6, abs=1)
    assert flops(lambda: published.condition(image, coarse)) == pytest.approx(2 * 558 + 2 * 131 + 22.6, abs=2)


def test_without_residuals_the_two_halves_are_diffusers_own_unet():
    unet, _ = small_parts()
    noisy, step, text = torch.randn(2, 4, 16, 16), torch.tensor([3, 700]), torch.randn(2, 77, 16)
    with torch.no_grad():
        expected = unet(noisy, step, encoder_hidden_states=text).sample
        assert torch.equal(decode(unet, encode(unet, noisy, step, text), text), expected)


def test_residuals_enter_where_a_controlnet_s_do():
    unet, _ = small_parts()
    noisy, step, text = torch.randn(2, 4, 16, 16), torch.tensor([3, 700]), torch.randn(2, 77, 16)
    with torch.no_grad():
        encoded = encode(unet, noisy, step, text)
        residuals = [torch.randn_like(level) for level in encoded.levels]
        expected = unet(
            noisy,
            step,
            encoder_hidden_states=text,
            down_block_additional_residuals=tuple(residuals[:-1]),
            mid_block_additional_residual=residuals[-1],
        ).sample
        assert torch.equal(decode(unet, encoded, text, residuals), expected)


def test_an_untrained_refiner_answers_as_stable_diffusion_does(folder):
    unet, _ = small_parts()
    refiner = load(folder)
    image, coarse, noisy, time = inputs()
    with torch.no_grad():
        answer = refiner(noisy, time, refiner.condition(image, coarse))
        expected = unet(noisy, torch.tensor([699]), encoder_hidden_states=refiner.text_1LE).sample
    assert torch.equal(answer, expected)


def test_image_and_coarse_mask_are_encoded_once_for_all_steps(refiner):
    calls = {"frozen": 0, "unet": 0, "vae": 0}

    def count_calls(module, name):
        def hook(*_):
            calls[name] += 1

        module.register_forward_hook(hook)

    count_calls(refiner.frozen.mid_block, "frozen")
    count_calls(refiner.unet.mid_block, "unet")
    count_calls(refiner.codec.vae.encoder, "vae")
    image, coarse, noisy, time = inputs()
    with torch.no_grad():
        condition = refiner.condition(image, coarse)
        for _ in range(4):
            noisy = refiner(noisy, time, condition)
    assert calls == {"frozen": 1, "unet": 4, "vae": 2}


def test_the_answer_depends_on_image_and_coarse_mask_and_sees_them_in_this_order(refiner):
    awake(refiner)
    image, coarse, noisy, time = inputs()
    with torch.no_grad():
        answer = refiner(noisy, time, refiner.condition(image, coarse))
        assert not torch.allclose(answer, refiner(noisy, time, refiner.condition(-image, coarse)))
        assert not torch.allclose(answer, refiner(noisy, time, refiner.condition(image, coarse.flip(1))))
        text = refiner.text_1LE
        latents = refiner.codec.picture((image / 2.5).clamp(-1, 1)), refiner.codec.encode(coarse)
        image_features, coarse_features = (
            encode(refiner.frozen, latent, torch.tensor([1]), text).levels for latent in latents
        )
        encoded = encode(refiner.unet, noisy, torch.tensor([699]), text)
        residuals = []
        for level, *features in zip(
            refiner.guidance.levels, encoded.levels, image_features, coarse_features, strict=True
        ):
            weight = torch.cat([level.noisy.weight, level.condition.weight], 1)
            residuals.append(torch.nn.functional.conv2d(torch.cat(features, 1), weight, level.condition.bias))
        assert torch.allclose(answer, decode(refiner.unet, encoded, text, residuals), atol=1e-4)


def test_a_dropped_condition_leaves_the_unet_alone(refiner):
    awake(refiner)
    image, coarse, noisy, time = inputs(2)
    condition = refiner.condition(image, coarse)
    kept = refiner(noisy, time, condition)
    alone = refiner(noisy, time, condition._replace(levels=None))
    half = refiner(noisy, time, refiner.drop(condition, torch.tensor([False, True])))
    assert torch.allclose(half[0], kept[0], atol=1e-5)
    assert torch.allclose(half[1], alone[1], atol=1e-5)
    assert not torch.allclose(kept[1], alone[1], atol=1e-3)
    with torch.no_grad():
        dropped = refiner.drop(condition, torch.tensor([True, True]))
        assert torch.allclose(refiner(noisy, time, dropped), alone, atol=1e-5)


def test_gradients_reach_every_trained_weight_after_one_step_and_no_frozen_one(folder):
    refiner = load(folder)
    image, coarse, noisy, time = inputs()
    trained = {name: weight for name, weight in refiner.named_parameters() if weight.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"unet", "guidance"}
    assert count(refiner.unet, refiner.guidance) == sum(weight.numel() for weight in trained.values())
    optimiser = torch.optim.SGD(trained.values(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        answer = refiner(noisy, time, refiner.condition(image, coarse))
        (answer - noisy.roll(1, 0).flip(2)).square().mean().backward()
        optimiser.step()
    for name, weight in trained.items():
        shifts_all_keys_alike = "attention.key" in name and name.endswith("bias")
        assert shifts_all_keys_alike or weight.grad.any(), name
    assert all(weight.grad is None for weight in (*refiner.frozen.parameters(), *refiner.codec.parameters()))


def test_frozen_parts_stay_frozen_when_training_is_switched_on(refiner):
    refiner.requires_grad_(False)
    assert not any(weight.requires_grad for weight in refiner.parameters())
    refiner.requires_grad_(True)
    assert all(weight.requires_grad for weight in (*refiner.unet.parameters(), *refiner.guidance.parameters()))
    assert not any(weight.requires_grad for weight in (*refiner.frozen.parameters(), *refiner.codec.parameters()))


def test_a_saved_refiner_comes_back_whole(folder, tmp_path):
    refiner = awake(load(folder, bands=4, classes=3, attention=False, picture=(2, 1, 0)))
    refiner.save_pretrained(tmp_path)
    loaded = load_network({"SD15Refiner": SD15Refiner}, tmp_path)
    assert digest({}, [loaded]) == digest({}, [refiner])
    assert not any(weight.requires_grad for weight in loaded.codec.parameters())
    image, coarse, noisy, time = inputs(bands=4, classes=3)
    with torch.no_grad():
        ours, theirs = (each(noisy, time, each.condition(image, coarse)) for each in (refiner, loaded))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("bands", "picture", "seen"),
    [(3, None, [0, 1, 2]), (5, None, [0, 1, 2]), (2, None, [0, 1, 1]), (4, [3, 2, 1], [3, 2, 1])],
)
def test_the_autoencoder_sees_three_bands_between_minus_one_and_one(folder, bands, picture, seen):
    refiner = load(folder, bands=bands, attention=False, picture=picture)
    image, coarse, *_ = inputs(bands=bands)
    pictures = []
    refiner.codec.vae.encoder.register_forward_pre_hook(lambda module, given: pictures.append(given[0]))
    with torch.no_grad():
        refiner.condition(2 * image, coarse)
    assert pictures[0].abs().max() == 1
    assert torch.equal(pictures[0], (2 * image[:, seen] / 2.5).clamp(-1, 1))


def test_labels_are_painted_in_three_channels_for_the_autoencoder(refiner):
    codec, (_, coarse, _, _) = refiner.codec, inputs()
    hard = torch.nn.functional.one_hot(coarse.argmax(1), 2).movedim(-1, 1).float()
    with torch.no_grad():
        latent = codec.encode(hard)
        painted = codec.labels.code_K3[coarse.argmax(1)].movedim(-1, 1)
        moments = codec.vae.encode(painted).latent_dist.parameters
        assert latent.shape == (1, 4, 16, 16)
        assert torch.allclose(latent, moments[:, :4] * 0.18215, atol=1e-5)
        logits = codec.labels.decoder(codec.vae.decode(moments[:, :4]).sample)
        assert torch.allclose(codec.logits(latent), logits, atol=1e-4)


def test_a_mask_autoencoder_takes_the_large_one_s_place_for_labels(folder, tmp_path):
    labels = AutoencoderCodec(2, channels=4, stride=8)
    refiner = load(folder, labels=labels, attention=False)
    image, coarse, noisy, time = inputs()
    with torch.no_grad():
        assert torch.equal(refiner.codec.encode(coarse), labels.encode(coarse))
        assert torch.equal(refiner.codec.logits(noisy), labels.logits(noisy))
        answer = refiner(noisy, time, refiner.condition(image, coarse))
        refiner.save_pretrained(tmp_path)
        loaded = load_network({"SD15Refiner": SD15Refiner}, tmp_path)
        assert torch.equal(loaded(noisy, time, loaded.condition(image, coarse)), answer)
    assert not any("decoder" in name for name, _ in refiner.codec.vae.named_parameters())


def test_a_refiner_that_predicts_labels_answers_with_logits(folder):
    refiner = load(folder, classes=5, attention=False, process="bridge", prediction="labels")
    image, coarse, noisy, time = inputs(classes=5)
    with torch.no_grad():
        assert refiner(noisy, time, refiner.condition(image, coarse)).shape == (1, 5, 128, 128)


def test_the_student_of_an_alignment_is_the_last_skip_s_residual(refiner):
    awake(refiner)
    student, residuals = [], []
    refiner.deepest.register_forward_hook(lambda module, given, answer: student.append(answer))
    refiner.guidance.register_forward_hook(lambda module, given, answer: residuals.extend(answer))
    image, coarse, noisy, time = inputs()
    refiner(noisy, time, refiner.condition(image, coarse))
    assert len(residuals) == 13
    assert torch.equal(student[0], residuals[11])
    assert student[0].shape == (1, refiner.deepest_channels, 2, 2)
    assert refiner.deepest_channels == CHANNELS[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction": "noise"}, "labels, epsilon, v, x0, not 'noise'"),
        ({"process": "bridge"}, "prediction of a bridge refiner must be one of labels, not 'epsilon'"),
        ({"code": "corner"}, "code of a diffusion refiner must be one of embedding, autoencoder, not 'corner'"),
        ({"picture": [0, 1, 3]}, "three of the 3 bands by number from 0, not"),
        ({"picture": [0, 1]}, "three of the 3 bands by number from 0, not"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message), torch.device("meta"):
        SD15Refiner(bands=3, classes=2, **changes)


def test_sizes_that_do_not_fit_the_strides_are_refused(refiner):
    with pytest.raises(InputError, match="multiples of 64 px, not 96 x 96"):
        refiner.condition(torch.zeros(1, 3, 96, 96), torch.zeros(1, 2, 96, 96))


def test_latents_are_the_mode_so_that_they_repeat():
    with torch.random.fork_rng():
        latents = Latents(small_parts()[1], AutoencoderCodec(2, 4, 8))
    assert isinstance(latents.vae, AutoencoderKL)
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(latents.picture(picture), latents.picture(picture))
