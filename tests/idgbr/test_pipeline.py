"""Windows and images through a pipeline.

Covers idgbr.pipeline, `networks.py`, `saved_model.py`, idgbr.morphology, `no_data.py`, idgbr.inference.images, canvas,
batches and coarse_input, idgbr.layers.blocks.
"""

import json
import subprocess
import sys
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from diffusers.utils import logging
from idgbr_toys import CLASSES, landscape, small_model

from idgbr import CoarseUNet, IDGBRPipeline, Refiner
from idgbr.coarse import SegFormer
from idgbr.errors import CheckpointError, InputError
from idgbr.inference.band import band


def refined(model, images):
    logits = model.coarse_logits(images)
    return logits, model.refine_logits(images, logits, [(0, 48 * number) for number in range(len(images))])


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_a_window_has_the_same_bits_in_any_company(windows, batch):
    model = small_model(batch=batch)
    coarse, fine = refined(model, windows)
    for count in range(1, 5):
        fewer_coarse, fewer_fine = refined(model, windows[:count])
        assert torch.equal(fewer_coarse, coarse[:count])
        assert torch.equal(fewer_fine, fine[:count])
    assert torch.equal(model.coarse_logits(windows[::-1].copy()), coarse.flip(0))


@pytest.mark.parametrize("size", [64, 256])
def test_any_number_of_threads_gives_the_same_bits_with_networks_of_the_default_size(threads, size):
    small = small_model()
    refiner = Refiner(3, 3)
    for fusion in refiner.fusions:
        torch.nn.init.normal_(fusion.zero.weight, std=0.1, generator=torch.Generator().manual_seed(0))
    model = IDGBRPipeline(small.settings, CoarseUNet(3, 3), refiner)
    images = np.stack([landscape(seed, size)[0] for seed in range(2)])
    corners = [(0, 0), (0, size)]
    answers = []
    for count in (1, 2, 3):
        threads(count)
        coarse = model.coarse_logits(images)
        answers.append((coarse, model.refine_logits(images, coarse, corners)))
    for coarse, fine in answers[1:]:
        assert torch.equal(coarse, answers[0][0])
        assert torch.equal(fine, answers[0][1])


def test_no_windows_give_no_logits(model, windows):
    assert model.coarse_logits(windows[:0]).shape == (0, 3, 64, 64)


def test_normalising_gives_zero_mean_units_and_no_data_becomes_zero(model):
    image = np.array([1000, 1800, 200], np.uint16).reshape(1, 3, 1, 1).repeat(2, 3)
    image[..., 1] = 0
    assert model.normalise(image)[0, :, 0].T.tolist() == [[0, 1, -1], [0, 0, 0]]


def test_labels_are_class_codes_and_no_data_is_told_apart(model):
    image = landscape(0, 100)[0]
    image[:, 20:40, 60:80] = 0
    label, confidence = model(image[None])
    assert label.dtype == np.uint8
    assert set(np.unique(label)) <= {0, 10, 20, 40}
    assert np.array_equal(label[0] == 0, (image == 0).all(0))
    assert np.array_equal(confidence == 0, label == 0)
    assert confidence.max() <= 1


@pytest.mark.parametrize("blank", [0.0, None])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_have_no_class_and_no_others(blank, value):
    model = small_model(blank=blank)
    whole = landscape(0, 100)[0].astype(np.float32)
    holed = whole.copy()
    holed[1, 40:44, 60:64] = value
    hole = np.zeros((100, 100), bool)
    hole[40:44, 60:64] = True
    (before, _), (after, confidence) = model(whole[None]), model(holed[None])
    assert np.array_equal(after[0] == 0, hole)
    assert np.array_equal(confidence[0] == 0, hole)
    assert np.isfinite(confidence).all()
    assert (before != after)[0][~hole].mean() < 0.05
    assert np.isfinite(model.coarse_probabilities(holed[None])).all()
    other = np.where(hole, np.nan, whole).astype(np.float32)
    assert np.array_equal(model(other[None])[0], after)
    assert np.array_equal(model(np.ma.masked_array(whole, np.broadcast_to(hole, whole.shape))[None])[0], after)


def test_an_image_without_any_data_has_no_class(model):
    label, confidence = model(np.full((1, 3, 80, 80), np.nan, np.float32))
    assert not label.any()
    assert not confidence.any()


@pytest.mark.parametrize(
    "change", [lambda image: image.astype(">u2"), lambda image: image[:, ::-1].copy()[:, ::-1], np.asfortranarray]
)
def test_the_memory_layout_of_an_image_does_not_matter(model, change):
    image = landscape(1, 70)[0]
    assert np.array_equal(model(change(image)[None])[0], model(image[None])[0])


@pytest.mark.parametrize("size", [(1, 1), (7, 90), (64, 64), (65, 131)])
def test_any_size_is_mapped(model, size):
    image = landscape(1, 140)[0][:, : size[0], : size[1]]
    label, confidence = model(np.stack([image, image]))
    assert label.shape == confidence.shape == (2, *size)
    assert np.array_equal(label[0], label[1])


def test_refinement_changes_labels_in_the_band_only():
    image = landscape(2, 100)[0][None]
    truth = np.full((1, 100, 100), 10, np.uint8)
    truth[:, 30:60, 40:] = 20
    model = small_model(boundary_radius=3, uncertainty_threshold=0.0)
    label, _ = model(image, coarse=truth)
    band_HW = band(torch.from_numpy(truth[0]), torch.ones(100, 100), 3, 0.5).numpy()
    assert np.array_equal(label[0][~band_HW], truth[0][~band_HW])
    assert (label[0] != truth[0]).any()


def test_a_mask_without_boundary_stands(model):
    image = landscape(2, 64)[0][None]
    label, confidence = model(image, coarse=np.full((1, 64, 64), 40, np.uint8))
    assert (label == 40).all()
    assert np.allclose(confidence, 0.95)


def test_probabilities_can_be_given_instead_of_labels():
    image = landscape(3, 64)[0][None]
    probability = np.full((1, 3, 64, 64), 0.05, np.float32)
    probability[:, 0, :20], probability[:, 2, 20:] = 0.9, 0.9
    label, _ = small_model(refiner=False)(image, coarse=probability)
    assert (label[0, :20] == 10).all()
    assert (label[0, 20:] == 40).all()


def test_seed_origin_and_steps_decide_the_answer(model):
    image = landscape(4, 64)[0][None]
    first = model(image)[1]
    assert np.array_equal(model(image, seed=0, origin=(0, 0), num_inference_steps=2)[1], first)
    for other in ({"seed": 1}, {"origin": (-5, 3)}, {"num_inference_steps": 1}):
        assert not np.array_equal(model(image, **other)[1], first)


def test_a_call_may_change_how_the_refiner_is_run_and_the_next_one_does_not_know(model):
    image = landscape(4, 64)[0][None]
    first = model(image)
    for changes in ({"ensemble_size": 3}, {"num_inference_steps": 1}):
        other = model.with_settings(**changes)
        assert np.array_equal(model(image, **changes).confidence, other(image).confidence)
        assert not np.array_equal(other(image).confidence, first.confidence)
        assert other.coarse is model.coarse
        assert other.digest != model.digest
    assert np.array_equal(model(image).confidence, first.confidence)
    assert model.with_settings(seed=None).digest == model.digest


def test_a_generator_says_the_seed_and_stays_as_it_is(model):
    image = landscape(4, 64)[0][None]
    generator = torch.Generator().manual_seed(5)
    before, found = generator.get_state(), [model(image, generator=generator).confidence for _ in range(2)]
    assert torch.equal(generator.get_state(), before)
    for confidence in found:
        assert np.array_equal(confidence, model(image, seed=5).confidence)


def test_inputs_are_judged_without_a_run_of_a_network(model, monkeypatch):
    image = landscape(4, 64)[0][None]

    def run(*arguments):
        raise AssertionError("a network ran")

    monkeypatch.setattr(IDGBRPipeline, "coarse_logits", run)
    with pytest.raises(InputError, match="not from noise"):
        model.with_settings(init="noise")(image)
    with pytest.raises(InputError, match="coarse must be class codes"):
        model.check_inputs(image, np.zeros((3, 3), np.uint8))
    mask = np.full((64, 64), 10, np.uint8)
    inputs = model.check_inputs(image, mask, 3, origin=(np.int64(7), -2), ensemble_size=2)
    assert inputs.model.settings == replace(model.settings, num_inference_steps=3, ensemble_size=2)
    assert (inputs.coarse.shape, inputs.origin) == ((1, 64, 64), (7, -2))


@pytest.mark.parametrize(("dtype", "precision"), [(torch.bfloat16, "bf16"), (torch.float16, "fp16")])
def test_a_dtype_is_what_the_networks_compute_in(dtype, precision):
    image = landscape(4, 64)[0][None]
    model, wanted = small_model(), small_model().with_settings(precision=precision)
    assert model.to("cpu", dtype) is model
    assert model.digest == wanted.digest
    assert np.array_equal(model(image).confidence, wanted(image).confidence)
    assert {weight.dtype for weight in model.coarse.parameters()} == {torch.float32}
    assert model.to(torch.float32).digest == small_model().digest


def test_a_temperature_changes_how_sure_a_map_is_and_nothing_else(model):
    image = landscape(4, 100)[0][None]
    cooler = model.with_settings(temperature=2.0)
    strips = []
    plain, found = model.maps(image), cooler.maps(image, listener=lambda image, *strip: strips.append(strip))
    assert (found.confidence_BHW <= plain.confidence_BHW).all()
    assert found.confidence_BHW.mean() < plain.confidence_BHW.mean()
    assert np.allclose(np.concatenate([refined for _, _, refined in strips], 1).max(0), found.confidence_BHW, atol=1e-6)
    for field in ("coarse_BHW", "refined_BHW", "editable_BHW"):
        assert np.array_equal(getattr(found, field), getattr(plain, field))
    assert cooler.digest != model.digest
    assert "temperature" not in model.settings.digest_content()


def test_a_call_without_guidance_differs_from_one_with_it():
    image = landscape(4, 64)[0][None]
    model = small_model(uncertainty_threshold=1.0)
    with pytest.raises(InputError, match="guidance_scale 3 needs a refiner that has learned to answer without"):
        model(image, guidance_scale=3.0)
    model.refiner.register_to_config(condition_dropout=0.1)
    assert not np.array_equal(model(image, guidance_scale=3.0).confidence, model(image).confidence)
    assert model.digest == small_model(uncertainty_threshold=1.0).digest, "no answer depends on it"


def test_a_folder_whose_settings_its_refiner_cannot_be_run_by_is_refused(tmp_path, model):
    model.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(index | {"init": "noise"}))
    with pytest.raises(CheckpointError, match=r"model_index.json says what .* cannot do: a bridge starts from the co"):
        IDGBRPipeline.from_pretrained(tmp_path)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_compiled_networks_make_a_model_of_another_digest(model):
    compiled = small_model()
    for network in (compiled.coarse, compiled.refiner, compiled.refiner.guidance):
        assert network._compiled_call_impl is None
    assert compiled.compile().digest != model.digest
    for network in (compiled.coarse, compiled.refiner, compiled.refiner.guidance):
        assert network._compiled_call_impl is not None


@pytest.mark.parametrize("options", [{"disable": True}, {"delay": 0}, {"unit": "tile", "leave": False}])
def test_the_bar_of_a_call_is_as_it_is_configured(options):
    model, image = small_model(), landscape(4, 64)[0]
    model.set_progress_bar_config(**options)
    assert np.array_equal(model(image).labels, small_model()(image).labels)


def test_a_call_works_where_diffusers_shows_no_bars(model):
    logging.disable_progress_bar()
    try:
        model(landscape(4, 64)[0])
    finally:
        logging.enable_progress_bar()


def test_a_mask_to_refine_may_be_an_array_a_tensor_or_the_models_own_answer(model):
    image = xr.DataArray(landscape(4, 64)[0], dims=("band", "y", "x"))
    mask = model(image).labels
    wanted = model(image.values, coarse=mask.values).confidence
    for coarse in (mask, mask.transpose("x", "y"), torch.from_numpy(mask.values)):
        assert np.array_equal(model(image.values, coarse=coarse).confidence, wanted)
    soft = torch.rand((1, 3, 64, 64)).requires_grad_()
    exact = model(image.values, coarse=soft.detach().numpy())
    assert np.array_equal(model(image.values, coarse=soft).confidence, exact.confidence)


def test_an_image_may_be_a_tensor_of_any_real_dtype_also_one_with_a_gradient(model):
    image = torch.from_numpy((landscape(4, 64)[0] // 64 * 64).astype(np.float32))
    wanted = model(image.numpy()).confidence
    for given in (image.clone().requires_grad_(), image.bfloat16(), image.double()):
        found = model(given).confidence
        assert np.array_equal(found, model(given.detach().float()).confidence)
    assert np.array_equal(model(image.double()).confidence, wanted)


def test_a_listener_hears_of_the_part_that_is_asked_for_alone(model):
    image, strips = landscape(4, 120)[0][None], []
    part = (10 + 30, 20 + 20, 10 + 100, 20 + 90)
    maps = model.maps(image, origin=(10, 20), part=part, listener=lambda image, *strip: strips.append(strip))
    rows, _, refined = zip(*strips, strict=True)
    assert [place for each in rows for place in range(each.start, each.stop)] == list(range(70))
    assert np.allclose(np.concatenate(refined, 1).max(0), maps.confidence_BHW[0], atol=1e-6)


def test_an_answer_is_read_by_name_or_by_place(model):
    answer = model(landscape(4, 64)[0][None])
    labels, confidence = answer
    assert answer.labels is labels
    assert answer.confidence is confidence


def test_settings_that_the_networks_cannot_take_are_refused_before_anything_is_computed(model):
    with pytest.raises(InputError, match=r"ensemble_size must be a whole number in 1..1000, not 0"):
        model(landscape(4, 64)[0][None], ensemble_size=0)
    quiet = IDGBRPipeline(model.settings, model.coarse, copy(model.refiner))
    quiet.refiner.register_to_config(sigma=0.0)
    with pytest.raises(InputError, match=r"ensemble_size 3 would average equal answers, .* no noise \(sigma 0\)"):
        quiet(landscape(4, 64)[0][None], ensemble_size=3)
    segformer = SegFormer(3, 3, widths=(8, 8, 8, 8), depths=(1,) * 4, heads=(1,) * 4, decoder=8)
    with pytest.raises(CheckpointError, match="take windows of multiples of 32 px"):
        IDGBRPipeline(model.settings, segformer).with_settings(window=48)


def test_whole_image_call_equals_the_low_level_calls():
    model = small_model(uncertainty_threshold=0.2, overlap=0)
    image = landscape(5, 64)[0][None]
    coarse = model.coarse_logits(image)
    fine = model.refine_logits(image, coarse, [(64, -128)])
    first, second = coarse[0].softmax(0).topk(2, dim=0).values
    inside = band(coarse[0].argmax(0), first - second, model.settings.boundary_radius, 0.2)
    index = torch.where(inside, fine[0].argmax(0), coarse[0].argmax(0)).numpy()
    label, _ = model(image, origin=(64, -128))
    assert np.array_equal(label[0], np.array([10, 20, 40])[index])


def test_images_of_one_batch_do_not_know_each_other():
    """Seven images whose windows share batches, alone, turned around and in pairs."""
    model = small_model(batch=3)
    images = np.stack([landscape(seed, 100)[0] for seed in range(7)])
    whole = model.maps(images)
    turned = model.maps(images[::-1].copy())
    for number, image in enumerate(images):
        alone = model.maps(image[None])
        for field in ("coarse_BHW", "refined_BHW", "confidence_BHW", "editable_BHW"):
            assert np.array_equal(getattr(alone, field)[0], getattr(whole, field)[number])
            assert np.array_equal(getattr(turned, field)[6 - number], getattr(whole, field)[number])


def test_nothing_changes_outside_the_band_that_maps_name(model):
    found = model.maps(np.stack([landscape(seed, 130)[0] for seed in range(2)]))
    assert 0 < found.editable_BHW.mean() < 1
    assert np.array_equal(found.coarse_BHW[~found.editable_BHW], found.refined_BHW[~found.editable_BHW])
    assert (found.coarse_BHW != found.refined_BHW).any()
    coarse, _ = small_model(refiner=False)(np.stack([landscape(seed, 130)[0] for seed in range(2)]))
    assert np.array_equal(found.coarse_BHW, coarse)


def test_a_listener_gets_the_probabilities_of_both_maps_row_by_row_and_none_without_data(model):
    images = np.stack([landscape(seed, 100)[0] for seed in range(2)])
    images[1, :, 20:40, 60:80] = 0
    seen = [[], []]
    maps = model.maps(images, listener=lambda image, *strip: seen[image].append(strip))
    codes = np.array(model.settings.codes)
    assert np.array_equal(maps.refined_BHW, model.maps(images).refined_BHW)
    for number, strips in enumerate(seen):
        assert [row for rows, *_ in strips for row in range(100)[rows]] == list(range(100))
        coarse, refined = (np.concatenate(parts, 1) for parts in list(zip(*strips, strict=True))[1:])
        there = maps.refined_BHW[number] != 0
        for probability, label in ((coarse, maps.coarse_BHW), (refined, maps.refined_BHW)):
            assert np.array_equal(codes[probability.argmax(0)][there], label[number][there])
            assert np.allclose(probability.sum(0), there, atol=1e-5)
        assert np.allclose(refined.max(0), maps.confidence_BHW[number], atol=1e-6)


def test_threshold_one_lets_refinement_change_any_pixel():
    image = landscape(2, 64)[0][None]
    assert small_model(uncertainty_threshold=1.0).maps(image).editable_BHW.all()


def test_an_ensemble_is_the_mean_over_its_seeds(windows):
    corners = [(0, 48 * number) for number in range(5)]
    single = small_model(ensemble_size=1)
    coarse = single.coarse_logits(windows)
    members = [single.with_settings(seed=seed).refine_logits(windows, coarse, corners).softmax(1) for seed in (7, 8, 9)]
    together = small_model(ensemble_size=3, seed=7).refine_logits(windows, coarse, corners).softmax(1)
    assert torch.allclose(together, torch.stack(members).mean(0), atol=1e-5)
    assert not torch.allclose(members[0], members[1], atol=1e-3)


def test_images_may_have_no_number_for_no_data():
    settings = {"blank": None, "no_label": 255, "classes": tuple({**row, "code": row["code"] - 10} for row in CLASSES)}
    image = np.zeros((1, 3, 64, 64), np.uint8)
    label, confidence = small_model(**settings)(image)
    assert set(np.unique(label)) <= {0, 10, 30}
    assert (confidence > 0).all()


def test_half_precision_gives_nearly_the_same_map(windows):
    full, half = small_model(refiner=False), small_model(refiner=False, precision="bf16")
    exact, rough = (model.coarse_logits(windows) for model in (full, half))
    assert exact.dtype == rough.dtype == torch.float32
    assert not torch.equal(exact, rough)
    assert torch.allclose(exact.softmax(1), rough.softmax(1), atol=0.05)


@pytest.mark.parametrize("sizes", [{}, {"process": "discrete"}, {"code": "autoencoder"}, {"attention": True}])
def test_every_refiner_runs_in_half_precision_on_any_size(sizes):
    small = small_model(precision="bf16", num_inference_steps=3)
    refiner = Refiner(3, 3, (8, 8, 8, 8), full=4, **sizes)
    found = IDGBRPipeline(small.settings, small.coarse, refiner).maps(landscape(2, 100)[0][None])
    assert found.refined_BHW.shape == (1, 100, 100)


def test_windows_must_lie_on_the_stride_of_the_label_codec():
    small = small_model(overlap=14)
    with pytest.raises(CheckpointError, match="multiples of 4 px, but the model's settings say an overlap of 14"):
        IDGBRPipeline(small.settings, small.coarse, Refiner(3, 3, (8, 8, 8, 8), full=4, code="autoencoder"))


def test_the_published_recipe_runs_from_noise_guided_and_everywhere():
    small = small_model()
    refiner = Refiner(3, 3, (8, 8, 8, 8), 4, process="diffusion", prediction="epsilon", condition_dropout=0.1)
    settings = replace(
        small.settings, num_inference_steps=25, init="noise", guidance_scale=3.0, uncertainty_threshold=1.0
    )
    found = IDGBRPipeline(settings, small.coarse, refiner).maps(landscape(2, 64)[0][None])
    assert found.editable_BHW.all()
    assert (found.refined_BHW != found.coarse_BHW).any()


def test_windows_must_suit_all_networks():
    small = small_model(window=48, refiner=False)
    with pytest.raises(CheckpointError, match="multiples of 32 px, but the model's settings say 48"):
        IDGBRPipeline(small.settings, SegFormer(3, 3, (8, 8, 8, 8), (1, 1, 1, 1), (1, 1, 1, 1), 8))


GROUND = np.full((1, 3, 8, 8), 1000.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model(np.ones((1, 4, 32, 32))), "3 bands red, green, nir"),
        (lambda model: model(np.ones((3, 32))), "batch, bands, height, width"),
        (lambda model: model(GROUND, coarse=np.ones((1, 3, 9))), "coarse must be class codes"),
        (lambda model: model(GROUND, coarse=np.full((1, 8, 8), 7, np.uint8)), "labels hold .7."),
        (lambda model: model(GROUND, coarse=np.full((1, 8, 8), 10.0)), "whole numbers, .*, not float64"),
        (lambda model: model(GROUND, coarse=np.full((1, 8, 8), -10, np.int16)), "labels hold .-10."),
        (lambda model: model(GROUND, coarse=np.full((1, 3, 8, 8), np.nan)), "negative or not finite"),
        (lambda model: model(np.ones((1, 3, 8, 8), complex)), "real numbers is needed, not of complex128"),
        (lambda model: model(np.full((1, 3, 8, 8), "1")), "real numbers is needed, not of <U1"),
        (lambda model: model([1, 2]), r"bands, height, width.*not an array of shape .2,."),
        (lambda model: model([[1, 2], [3]]), "rows of different lengths"),
        (lambda model: model(landscape(0, 64)[0][None], num_inference_steps=0),
         "num_inference_steps must be a whole number in 1..1000, not 0"),
        (lambda model: model(GROUND, coarse=[[10]]), "coarse must be an array, not a list"),
        (lambda model: model(GROUND, origin=(0.5, 1)), "origin must be two whole numbers .y, x., not .0.5, 1."),
        (lambda model: model(GROUND, origin=3), "origin must be two whole numbers .y, x., not 3"),
        (lambda model: model(GROUND, origin=(2**70, 0)), "origin's y and x must be a whole number in"),
        (lambda model: model(GROUND, seed=1, generator=torch.Generator()), "seed and generator both"),
        (lambda model: model(GROUND, generator=[torch.Generator()]), "one torch.Generator for all images, not a list"),
        (lambda model: model(GROUND, generator=5), "one torch.Generator for all images, not a int"),
        (lambda model: model.to(torch.float64), "torch.float32, torch.bfloat16, torch.float16, not torch.float64"),
        (lambda model: model.refine_logits(np.ones((2, 3, 32, 32)), np.ones((1, 3, 32, 32)), [(0, 0), (0, 32)]),
         "windows alike"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_in_one_sentence(model, call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(model)
    assert "\n" not in str(caught.value)


def test_refining_without_a_refiner_says_what_to_do(windows):
    with pytest.raises(InputError, match="train one"):
        small_model(refiner=False).refine_logits(windows, windows, [(0, 0)] * 5)


def test_importing_the_package_loads_no_torch_and_using_it_no_map_library():
    code = (
        "import sys, idgbr; assert 'torch' not in sys.modules; import idgbr.training, idgbr.metrics; idgbr.Refiner;"
        "assert not {'ray', 'xarray', 'rasterio', 'dask', 'pipeline', 'catalogs', 'cluster'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
