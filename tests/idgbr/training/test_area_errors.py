import numpy as np
import pytest
from idgbr_toys import landscape, small_model

from idgbr import Settings
from idgbr.training import fit_area_errors
from idgbr.training.area_errors import LEAST, LEVEL, area_errors


def test_a_further_square_lies_within_the_errors_as_often_as_they_say():
    random = np.random.default_rng(0)
    skewed_TNK = random.gamma(1.0, 0.02, (4000, LEAST + 1, 1)) - 0.01
    held_T = []
    for known_NK in skewed_TNK:
        ((low, high),) = area_errors(known_NK[1:])
        held_T.append(low <= known_NK[0, 0] <= high)
    assert LEVEL - 0.01 < np.mean(held_T) <= LEVEL + 0.015


def test_the_errors_of_a_model_are_those_of_its_map_on_squares_that_have_labels_and_few_squares_tell_nothing():
    model = small_model(refiner=False, window=128, overlap=0)
    image_CHW, label_HW = landscape(1, 128)
    mapped_HW = model.maps(image_CHW[None]).refined_BHW[0]
    image_CHW, label_HW = np.tile(image_CHW, (1, LEAST // 3, 3)), np.tile(label_HW, (LEAST // 3, 3))
    found = fit_area_errors(model, [(image_CHW, label_HW)])
    for code, (low, high) in zip(model.settings.codes, found, strict=True):
        assert low == high == pytest.approx(np.mean(label_HW == code) - np.mean(mapped_HW == code), abs=1e-5)
    label_HW[:70, :128] = 0
    assert fit_area_errors(model, [(image_CHW, label_HW)]) is None


def test_errors_of_areas_are_kept_with_a_model_and_are_not_in_its_digest(tmp_path):
    model = small_model(area_errors=((-0.1, 0.2), (-0.02, 0.04), (0.0, 0.0)))
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.settings == model.settings
    assert isinstance(again.settings, Settings)
    assert again.digest == small_model().digest
