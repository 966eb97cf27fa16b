import numpy as np
from idgbr_toys import small_model

from idgbr import Settings
from idgbr.training.area_errors import LEAST, LEVEL, area_errors


def test_a_further_square_lies_within_the_errors_as_often_as_they_say():
    random = np.random.default_rng(0)
    skewed_TNK = random.gamma(1.0, 0.02, (4000, LEAST + 1, 1)) - 0.01
    held_T = []
    for known_NK in skewed_TNK:
        ((low, high),) = area_errors(known_NK[1:])
        held_T.append(low <= known_NK[0, 0] <= high)
    assert LEVEL - 0.01 < np.mean(held_T) <= LEVEL + 0.015


def test_errors_of_areas_are_kept_with_a_model_and_are_not_in_its_digest(tmp_path):
    model = small_model(area_errors=((-0.1, 0.2), (-0.02, 0.04), (0.0, 0.0)))
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.settings == model.settings
    assert isinstance(again.settings, Settings)
    assert again.digest == small_model().digest
