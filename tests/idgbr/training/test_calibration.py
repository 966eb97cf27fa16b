import numpy as np
import pytest
from idgbr_toys import landscape, small_model

from idgbr import IDGBRPipeline
from idgbr.errors import InputError
from idgbr.metrics.evaluation import Calibrated
from idgbr.training import calibrate
from idgbr.training.area_errors import LEAST


def test_a_fitted_model_is_likelier_and_begins_again_from_its_scores():
    model, pairs = small_model(), [landscape(1, 80)]
    fitted = calibrate(model, pairs).temperature
    calibrated = model.with_settings(temperature=fitted)
    assert fitted != 1
    assert nll(calibrated, pairs[0]) < nll(model, pairs[0])
    assert calibrate(calibrated, pairs).temperature == fitted


def nll(model, pair):
    image_CHW, label_HW = pair
    listener = Calibrated(true_HW=label_HW, codes=model.settings.codes, ignore=0)
    model.maps(image_CHW[None], listener=listener)
    return listener.refined.mean_nll


def test_areas_without_any_label_are_refused():
    image_CHW, label_HW = landscape(1, 64)
    with pytest.raises(InputError, match="leave out calibrate"):
        calibrate(small_model(), [(image_CHW, np.zeros_like(label_HW))])


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "at least one pair"),
        ([(np.ones((3, 64, 64)), np.full((50, 64), 10, np.uint8))], r"label of shape \(50, 64\)"),
        ([(np.ones((4, 64, 64)), np.full((64, 64), 10, np.uint8))], r"but \(3, height, width\)"),
    ],
)
def test_what_is_no_pair_is_refused(pairs, says):
    with pytest.raises(InputError, match=says):
        calibrate(small_model(), pairs)


def test_the_errors_of_a_model_are_those_of_its_map_on_squares_that_have_labels_and_few_squares_tell_nothing():
    model = small_model(refiner=False, window=128, overlap=0)
    image_CHW, label_HW = landscape(1, 128)
    mapped_HW = model.maps(image_CHW[None]).refined_BHW[0]
    image_CHW, label_HW = np.tile(image_CHW, (1, LEAST // 3, 3)), np.tile(label_HW, (LEAST // 3, 3))
    found = calibrate(model, [(image_CHW, label_HW)]).area_errors
    for code, (low, high) in zip(model.settings.codes, found, strict=True):
        assert low == high == pytest.approx(np.mean(label_HW == code) - np.mean(mapped_HW == code), abs=1e-5)
    label_HW[:70, :128] = 0
    assert calibrate(model, [(image_CHW, label_HW)]).area_errors is None


def test_each_area_is_mapped_once(monkeypatch):
    mapped, maps = [], IDGBRPipeline.maps
    monkeypatch.setattr(
        IDGBRPipeline, "maps", lambda model, image_BCHW, **rest: mapped.append(1) or maps(model, image_BCHW, **rest)
    )
    calibrate(small_model(), [landscape(1, 64), landscape(2, 64)])
    assert len(mapped) == 2
