import subprocess
import sys

import numpy as np
import pytest
import torch
from idgbr_toys import landscape, small_model

from idgbr import CoarseUNet, IDGBRPipeline, Refiner
from idgbr.band import band, margin
from idgbr.errors import InputError
from idgbr.noise import noise


def refined(model, images):
    logits = model.coarse_logits(images)
    noises = np.stack([noise(0, 0, 48 * number, 64, 64, model.channels) for number in range(len(images))])
    return logits, model.refine_logits(images, logits, noises)


@pytest.fixture
def threads():
    """Sets the number of threads; restored afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


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
    noises = np.stack([noise(seed, 0, 0, size, size, model.channels) for seed in range(2)])
    answers = []
    for count in (1, 2, 3):
        threads(count)
        coarse = model.coarse_logits(images)
        answers.append((coarse, model.refine_logits(images, coarse, noises)))
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
    model = small_model(radius=3, threshold=0.0)
    label, _ = model(image, coarse=truth)
    band_HW = band(truth[0], np.ones((100, 100)), 3, 0.5)
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
    assert np.array_equal(model(image, seed=0, origin=(0, 0), steps=2)[1], first)
    for other in ({"seed": 1}, {"origin": (-5, 3)}, {"steps": 1}):
        assert not np.array_equal(model(image, **other)[1], first)


def test_whole_image_call_equals_the_low_level_calls():
    model = small_model(threshold=0.2)
    image = landscape(5, 64)[0][None]
    coarse = model.coarse_logits(image)
    fine = model.refine_logits(image, coarse, noise(0, 7, 9, 64, 64, model.channels)[None])
    probability = coarse[0].softmax(0).numpy()
    inside = band(probability.argmax(0), margin(probability), model.settings.radius, 0.2)
    index = np.where(inside, fine[0].argmax(0).numpy(), probability.argmax(0))
    label, _ = model(image, origin=(7, 9))
    assert np.array_equal(label[0], np.array([10, 20, 40])[index])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model(np.ones((1, 4, 32, 32))), "3 bands red, green, nir"),
        (lambda model: model(np.ones((3, 32, 32))), "batch, bands, height, width"),
        (lambda model: model(np.ones((1, 3, 32, 32)), coarse=np.ones((1, 3, 9))), "coarse must be class codes"),
        (lambda model: model(np.ones((1, 3, 8, 8)), coarse=np.full((1, 8, 8), 7, np.uint8)), "labels hold .7."),
        (lambda model: model(landscape(0, 64)[0][None], steps=0), "at least 1 step, not 0"),
        (lambda model: model.refine_logits(np.ones((2, 3, 32, 32)), np.ones((1, 3, 32, 32)), np.ones((2, 2, 32, 32))),
         "windows alike"),
    ],
)  # fmt: skip
def test_wrong_input_is_told_in_one_sentence(model, call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(model)
    assert "\n" not in str(caught.value)


def test_refining_without_a_refiner_says_what_to_do(windows):
    with pytest.raises(InputError, match="train one"):
        small_model(refiner=False).refine_logits(windows, windows, windows)


def test_importing_the_package_loads_no_torch_and_using_it_no_map_library():
    code = (
        "import sys, idgbr; assert 'torch' not in sys.modules; import idgbr.training, idgbr.metrics; idgbr.Refiner;"
        "assert not {'ray', 'xarray', 'rasterio', 'dask', 'pipeline', 'catalogs', 'cluster'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
