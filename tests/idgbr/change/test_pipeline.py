"""Change between two arrays. Covers idgbr.change.pipeline, normalise and settings."""

import json

import numpy as np
import pytest
import torch
from change_toys import BANDS, tiny_change_model, tiny_network, two_dates
from safetensors.torch import load_file, save_file

from idgbr import IDGBRPipeline
from idgbr.change import ChangePipeline, ChangeSettings
from idgbr.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def model():
    return tiny_change_model()


@pytest.fixture(scope="module")
def whole(model):
    """Two dates, some pixels of which have no data in one of them, and the probability of change."""
    before_CHW, after_CHW, _ = two_dates(0, 72, 80)
    before_CHW[:, 30:36, 20:35] = 0
    after_CHW[:, 50:53, 20:60] = 0
    return before_CHW, after_CHW, model(before_CHW, after_CHW, (1000, -333)).probability_HW


def test_pixels_without_data_in_one_of_the_dates_have_no_probability(whole):
    before_CHW, after_CHW, probability_HW = whole
    unknown_HW = (before_CHW == 0).all(0) | (after_CHW == 0).all(0)
    assert probability_HW.dtype == np.float32
    assert np.array_equal(np.isnan(probability_HW), unknown_HW)
    known = probability_HW[~unknown_HW]
    assert 0 <= known.min() < known.max() <= 1


@pytest.mark.parametrize("part", [(35, 40, 31, 48), (31, 32, 40, 41)])
def test_the_probability_does_not_depend_on_how_the_ground_was_cut(model, whole, part):
    before_CHW, after_CHW, probability_HW = whole
    (y0, y1, x0, x1), halo = part, model.halo
    window = slice(max(y0 - halo, 0), y1 + halo), slice(max(x0 - halo, 0), x1 + halo)
    corner = 1000 + window[0].start, -333 + window[1].start
    fresh = ChangePipeline(model.settings, model.network)  # keeps no window of the whole
    cut_HW = fresh(before_CHW[:, *window], after_CHW[:, *window], corner).probability_HW
    inside_HW = cut_HW[y0 - window[0].start :, x0 - window[1].start :][: y1 - y0, : x1 - x0]
    assert np.array_equal(inside_HW, probability_HW[y0:y1, x0:x1], equal_nan=True)


def test_within_one_window_the_probability_is_that_of_the_network_there(model, whole):
    """Windows of 32 px start at multiples of 24 of the absolute grid: one at (1008, -312), alone in its middle."""
    before_CHW, after_CHW, probability_HW = whole
    window = slice(8, 40), slice(21, 53)
    logits_HW = model.logits(before_CHW[None, :, *window], after_CHW[None, :, *window])[0, 0]
    middle_HW = torch.sigmoid(logits_HW[8:24, 8:24]).numpy()
    found_HW = probability_HW[16:32, 29:45]
    known_HW = ~np.isnan(found_HW)
    assert known_HW.sum() > 200
    np.testing.assert_allclose(found_HW[known_HW], middle_HW[known_HW], rtol=1e-5)


def test_a_part_is_answered_for_alone_and_with_fewer_windows(model, whole):
    before_CHW, after_CHW, probability_HW = whole
    calls = []
    hook = model._folded.stem.register_forward_hook(lambda *_: calls.append(1))
    part_HW = model(before_CHW, after_CHW, (1000, -333), (1030, -300, 1034, -290)).probability_HW
    hook.remove()
    assert np.array_equal(part_HW, probability_HW[30:34, 33:43], equal_nan=True)
    assert len(calls) <= 2 * 4
    with pytest.raises(InputError, match="does not lie within the images"):
        model(before_CHW, after_CHW, (1000, -333), (999, -300, 1034, -290))


def test_the_probability_does_not_depend_on_threads_or_on_how_numbers_are_stored(model, whole, threads):
    before_CHW, after_CHW, probability_HW = whole
    part = 1010, -320, 1030, -310
    for count, dtype in ((1, np.float32), (3, np.uint16)):
        threads(count)
        again_HW = model(before_CHW.astype(dtype), after_CHW.astype(dtype), (1000, -333), part).probability_HW
        assert np.array_equal(again_HW, probability_HW[10:30, 13:23], equal_nan=True)


def test_each_date_has_its_own_normalisation(model):
    before_BCHW = torch.tensor([1000.0, 1800, 200])[None, :, None, None]
    before, after = model.normalise(before_BCHW, before_BCHW + 200)
    assert before.flatten().tolist() == pytest.approx([0, 1, -1])
    assert after.flatten().tolist() == pytest.approx([0, 800 / 900, -800 / 900])


def test_images_without_a_number_for_no_data_have_none_where_a_number_is_not_finite():
    model = tiny_change_model(blank=None)
    before_CHW, after_CHW, _ = two_dates(1, 40)
    before_CHW, after_CHW = before_CHW.astype(np.float32), after_CHW.astype(np.float32)
    before_CHW[:, 3, 4], after_CHW[1, 30, 7], after_CHW[:, 20, 20] = 0, np.nan, np.inf
    unknown_HW = np.isnan(model(before_CHW, after_CHW).probability_HW)
    assert sorted(zip(*np.nonzero(unknown_HW), strict=True)) == [(20, 20), (30, 7)]


def test_windows_without_data_cost_nothing(model):
    nothing_CHW = np.zeros((3, 80, 80), np.uint16)
    calls = []
    hook = model._folded.stem.register_forward_hook(lambda *_: calls.append(1))
    assert np.isnan(model(nothing_CHW, nothing_CHW + 1).probability_HW).all()
    hook.remove()
    assert calls == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((3, 20, 20), (3, 20, 21), "both images must be of one size, but they have 20 x 20 and 21 x 20 px"),
        ((4, 20, 20), (4, 20, 20), "3 bands red, green, nir, but the one before has the shape"),
        ((3, 20, 20), (20, 20), "but the one after has the shape"),
        ((3, 0, 20), (3, 0, 20), "but the one before has the shape"),
    ],
)
def test_images_of_other_bands_or_sizes_are_told(model, before, after, told):
    with pytest.raises(InputError, match=told):
        model(np.ones(before), np.ones(after))


def test_a_saved_model_is_the_same_model(model, tmp_path, whole):
    model.save_pretrained(tmp_path / "model")
    again = ChangePipeline.from_pretrained(tmp_path / "model")
    assert again.settings == model.settings
    assert again.digest == model.digest
    assert again.bands == BANDS
    part = (slice(None), slice(20), slice(20))
    one, two = (each(whole[0][part], whole[1][part]).probability_HW for each in (model, again))
    assert np.array_equal(one, two, equal_nan=True)
    assert {file.name for file in (tmp_path / "model").rglob("*.*")} == {
        "model_index.json",
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }


def test_the_digest_follows_settings_and_weights(model):
    assert tiny_change_model(threshold=0.4).digest != model.digest
    other = ChangePipeline(model.settings, tiny_network())
    assert other.digest == model.digest
    with torch.no_grad():
        other.network.fuse.bias.add_(1)
    assert other.digest != model.digest


def _index(folder, **changes):
    file = folder / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _weights(folder, change):
    file = folder / "network" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: _index(folder, window=40), "wrong settings: window must be a multiple of 16 px, not 40"),
        (lambda folder: _index(folder, threshold=2), "threshold must be a number in 0..1, not 2"),
        (lambda folder: _index(folder, before_std=[0, 1, 1]), "every before_std must be a number in"),
        (lambda folder: _index(folder, after_mean=[1, 1]), "3 bands need one after_mean each"),
        (lambda folder: _index(folder, colour=1), "wrong settings: .*colour"),
        (lambda folder: _index(folder, overlap=17), "overlap must be a whole number in 0..16, not 17"),
        (lambda folder: _index(folder, _class_name="IDGBRPipeline"), "a ChangePipeline is needed here"),
        (lambda folder: (folder / "network" / "config.json").unlink(), "has no config.json"),
        (lambda folder: _weights(folder, lambda each: each.pop("fuse.bias")), "fuse.bias is missing"),
        (lambda folder: _weights(folder, lambda each: each["fuse.bias"].fill_(torch.nan)), "not finite"),
    ],
)
def test_a_folder_that_is_no_whole_model_is_told(model, tmp_path, damage, told):
    model.save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=told):
        ChangePipeline.from_pretrained(tmp_path)


def test_networks_of_one_date_or_of_other_bands_make_no_model(model):
    with pytest.raises(CheckpointError, match="of one date, a prior"):
        ChangePipeline(model.settings, tiny_network(1))
    with pytest.raises(CheckpointError, match="has 4 bands, but the model's settings name 3"):
        ChangePipeline(model.settings, tiny_network(bands=4))


def test_windows_that_the_network_cannot_take_make_no_model(model):
    with pytest.raises(CheckpointError, match="takes windows of multiples of 64 px, but the model's settings say 32"):
        ChangePipeline(model.settings, tiny_network(shrink=4))


def test_a_change_model_and_a_map_model_are_not_taken_for_each_other(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="describes a ChangePipeline, but a IDGBRPipeline is needed here"):
        IDGBRPipeline.from_pretrained(tmp_path)


def test_numbers_that_no_network_can_take_are_told(model):
    huge_CHW = np.full((3, 40, 40), 3e38)
    with pytest.raises(InputError, match="not finite"):
        model(huge_CHW, huge_CHW)


def test_settings_are_checked_one_by_one():
    with pytest.raises(InputError, match="bands must be a list of different words"):
        ChangeSettings(bands=("a", "a"), before_mean=(), before_std=(), after_mean=(), after_std=())
