import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from metric_maps import CODES, FULL, SHAPE, blobs
from scipy import ndimage

from idgbr import metrics


def reference_band(label):
    """Two pixels along a border by scipy's Sobel filter, mirrored as OpenCV does by default, then 3 x 3."""
    value = label.astype(float)
    gradient = np.hypot(ndimage.sobel(value, 0, mode="mirror"), ndimage.sobel(value, 1, mode="mirror"))
    return ndimage.binary_dilation(gradient > 0, np.ones((3, 3)))


def reference_weighted_f(found, true):
    """Margolin et al. 2014 for binary maps, written out with scipy."""
    error = (found != true).astype(float)
    distance, (y, x) = ndimage.distance_transform_edt(~true, return_indices=True)
    offset = np.arange(-3, 4)
    kernel = np.exp(-(offset[:, None] ** 2 + offset**2) / 50.0)
    spread = ndimage.convolve(error[y, x], kernel / kernel.sum(), mode="constant")
    dependent = np.where(true, np.minimum(error, spread), error)
    importance = np.where(true, 1.0, 2 - 0.5 ** (distance / 5))
    weighted = dependent * importance
    recall = 1 - weighted[true].mean()
    precision = recall * true.sum() / (recall * true.sum() + weighted[~true].sum() + np.spacing(1))
    return 2 * precision * recall / (precision + recall + np.spacing(1))


@settings(deadline=None)
@given(FULL, FULL)
def test_wfm_agrees_with_sobel_edges_and_margolins_formula_in_scipy(true, pred):
    band = reference_band(true)
    expected = reference_weighted_f(reference_band(pred), band) if band.any() else np.nan
    assert metrics.wfm(true, pred) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("shift", [0, 1, 2, 4, 9])
def test_wfm_of_larger_maps_agrees_with_scipy(shift):
    true = blobs(0, 150)
    pred = np.roll(true, shift, 1)
    pred[40:44, 70:73] = 9
    expected = reference_weighted_f(reference_band(pred), reference_band(true))
    assert metrics.wfm(true, pred) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(hnp.arrays(bool, SHAPE), hnp.arrays(bool, SHAPE))
def test_the_weighted_f_measure_of_any_two_masks_agrees_with_scipy(found, true):
    expected = reference_weighted_f(found, true) if true.any() else np.nan
    assert metrics.weighted_f(found, true) == pytest.approx(expected, nan_ok=True)


def test_the_weighted_f_measure_by_hand():
    true = np.zeros((1, 30), bool)
    true[0, 0] = True
    assert metrics.weighted_f(true, true) == pytest.approx(1)
    near, far = true.copy(), true.copy()
    near[0, 5] = True
    far[0, 29] = True
    assert metrics.weighted_f(near, true) == pytest.approx(2 / (1 + 1 + 1.5))
    assert metrics.weighted_f(far, true) == pytest.approx(2 / (1 + 1 + 2 - 0.5 ** (29 / 5)))
    assert metrics.weighted_f(~true, true) < metrics.weighted_f(near, true)


def test_the_band_of_a_straight_border_is_four_pixels_wide():
    label = np.repeat([[1, 1, 1, 1, 1, 3, 3, 3, 3, 3]], 4, 0)
    band = metrics.edge_band(label, label != 0)
    assert band.tolist() == [[False] * 3 + [True] * 4 + [False] * 3] * 4


@settings(deadline=None)
@given(FULL)
def test_wfm_of_a_perfect_map_is_one_and_of_a_plain_truth_undefined(true):
    assert metrics.wfm(true, true) == pytest.approx(
        1 if metrics.edge_band(true, true != 0).any() else np.nan, nan_ok=True
    )
    assert np.isnan(metrics.wfm(np.full(SHAPE, 3, np.uint8), true))


def test_wfm_falls_as_a_border_is_moved():
    true = blobs(4, 96)
    scores = [metrics.wfm(true, np.roll(true, shift, 0)) for shift in (0, 1, 2, 4)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 4


def test_ignored_pixels_make_no_edge_in_either_map_and_change_no_score():
    true, pred, other = blobs(0, 64), blobs(1, 64), blobs(2, 64)
    hole = np.zeros(true.shape, bool)
    hole[20:45, 10:50] = True
    true[hole] = 0
    assert metrics.wfm(true, true) == pytest.approx(1)
    assert metrics.wfm(true, np.where(hole, other, true)) == pytest.approx(1)
    assert metrics.wfm(true, np.where(hole, other, pred)) == metrics.wfm(true, pred)
    plain = np.where(hole, 0, 3).astype(np.uint8)
    assert np.isnan(metrics.wfm(plain, pred))


def test_edges_away_from_ignored_pixels_count_as_without_them():
    true, pred = blobs(5, 64), blobs(6, 64)
    cut_true, cut_pred = (np.where(np.arange(64) < 40, label, CODES[0]) for label in (true, pred))
    cut_true[:, 39:42], cut_pred[:, 39:42] = CODES[0], CODES[0]
    ignored = cut_true.copy()
    ignored[:, 45:] = 0
    assert metrics.wfm(ignored, cut_pred) == pytest.approx(metrics.wfm(cut_true, cut_pred))


def test_wfm_of_a_500_pixel_image_takes_well_under_a_second():
    true = blobs(7, 500)
    pred = np.roll(true, 3, 1)
    began = time.process_time()
    metrics.wfm(true, pred)
    assert time.process_time() - began < 1
