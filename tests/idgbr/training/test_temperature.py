import numpy as np
import pytest
from idgbr_toys import landscape, small_model
from scipy.special import softmax

from idgbr.errors import InputError
from idgbr.metrics.evaluation import Calibrated
from idgbr.training.temperature import fit_temperature, temperature


def test_scores_that_are_too_sure_by_a_factor_are_found_to_be():
    random = np.random.default_rng(0)
    honest_NK = random.normal(0, 2, (20_000, 4))
    index_N = np.array([random.choice(4, p=p_K) for p_K in softmax(honest_NK, axis=1)], np.uint8)
    assert temperature(honest_NK, index_N) == pytest.approx(1, abs=0.05)
    assert temperature(3 * honest_NK, index_N) == pytest.approx(3, abs=0.15)


def test_a_fitted_model_is_likelier_and_begins_again_from_its_scores():
    model, pairs = small_model(), [landscape(1, 80)]
    fitted = fit_temperature(model, pairs)
    calibrated = model.with_settings(temperature=fitted)
    assert fitted != 1
    assert nll(calibrated, pairs[0]) < nll(model, pairs[0])
    assert fit_temperature(calibrated, pairs) == fitted


def nll(model, pair):
    image_CHW, label_HW = pair
    listener = Calibrated(true_HW=label_HW, codes=model.settings.codes, ignore=0)
    model.maps(image_CHW[None], listener=listener)
    return listener.refined.mean_nll


def test_areas_without_any_label_are_refused():
    image_CHW, label_HW = landscape(1, 64)
    with pytest.raises(InputError, match="leave out calibrate"):
        fit_temperature(small_model(), [(image_CHW, np.zeros_like(label_HW))])
