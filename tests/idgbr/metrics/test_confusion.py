"""Scores of regions. Covers idgbr.metrics.confusion and idgbr.metrics.arrays."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from metric_maps import CODES, FULL, MAPS

from idgbr import metrics
from idgbr.errors import InputError
from idgbr.metrics import BoundaryAccuracy, BoundaryF1, BoundaryIoU


@settings(deadline=None)
@given(MAPS, MAPS)
def test_confusion_counts_every_scored_pixel_once(true, pred):
    confusion = metrics.confusion_matrix(true, pred, CODES)
    for row, code in enumerate(CODES):
        for column, other in enumerate(CODES):
            assert confusion[row, column] == ((true == code) & (pred == other)).sum()
        assert confusion[row, 3] == ((true == code) & ~np.isin(pred, CODES)).sum()


@settings(deadline=None)
@given(MAPS, MAPS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(true, pred):
    scored = np.isin(true, CODES)
    expected = []
    for code in CODES:
        hits = (scored & (true == code) & (pred == code)).sum()
        wanted, found = (scored & (true == code)).sum(), (scored & (pred == code)).sum()
        if hits:
            precision, recall = hits / found, hits / wanted
            expected.append(2 / (1 / precision + 1 / recall))
        else:
            expected.append(0 if wanted + found else np.nan)
    confusion = metrics.confusion_matrix(true, pred, CODES)
    assert metrics.f1(confusion) == pytest.approx(expected, nan_ok=True)
    mean = np.nanmean(expected) if np.isfinite(expected).any() else np.nan
    assert metrics.mean_f1(confusion) == pytest.approx(mean, nan_ok=True)


@settings(deadline=None)
@given(MAPS, MAPS)
def test_kappa_is_agreement_beyond_that_of_independent_maps(true, pred):
    scored = np.isin(true, CODES)
    if not scored.any():
        assert np.isnan(metrics.kappa(metrics.confusion_matrix(true, pred, CODES)))
        return
    agreed = (true == pred)[scored].mean()
    chance = sum((true == code)[scored].mean() * (pred == code)[scored].mean() for code in CODES)
    expected = (agreed - chance) / (1 - chance) if chance < 1 else np.nan
    assert metrics.kappa(metrics.confusion_matrix(true, pred, CODES)) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(FULL)
def test_a_perfect_map_has_every_region_score_of_one(true):
    confusion = metrics.confusion_matrix(true, true, CODES)
    assert metrics.mean_iou(confusion) == metrics.mean_f1(confusion) == metrics.overall_accuracy(confusion) == 1
    if len(np.unique(true)) > 1:
        assert metrics.kappa(confusion) == 1


def test_region_scores_by_hand():
    true = np.array([[1, 1, 1, 3, 3, 0]])
    pred = np.array([[1, 1, 3, 3, 9, 1]])
    confusion = metrics.confusion_matrix(true, pred, (1, 3, 7))
    assert metrics.iou(confusion) == pytest.approx([2 / 3, 1 / 3, np.nan], nan_ok=True)
    assert metrics.f1(confusion) == pytest.approx([4 / 5, 2 / 4, np.nan], nan_ok=True)
    assert metrics.mean_iou(confusion) == pytest.approx(1 / 2)
    assert metrics.mean_f1(confusion) == pytest.approx(13 / 20)
    assert metrics.overall_accuracy(confusion) == pytest.approx(3 / 5)
    assert metrics.kappa(confusion) == pytest.approx((3 / 5 - 10 / 25) / (1 - 10 / 25))


def test_area_bias_is_too_much_or_too_little_area_as_a_share_of_the_true_one():
    true = np.array([[1, 1, 1, 1, 3, 3, 0]])
    pred = np.array([[1, 3, 3, 7, 3, 9, 1]])
    confusion = metrics.confusion_matrix(true, pred, (1, 3, 7))
    assert metrics.area_bias(confusion) == pytest.approx([-3 / 4, 1 / 2, np.nan], nan_ok=True)
    assert metrics.mean_area_bias(confusion) == pytest.approx(5 / 8)


def test_class_zero_is_scored_where_another_value_is_ignored():
    true = np.array([[0, 0, 1, 255]])
    pred = np.array([[0, 1, 1, 0]])
    confusion = metrics.confusion_matrix(true, pred, (0, 1), ignore=255)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0]]


def test_maps_of_different_size_are_refused():
    boundary = (partial(BoundaryIoU.of, radius=2), partial(BoundaryF1.of, tolerance=3), BoundaryAccuracy.of)
    for score in (metrics.confusion_matrix, *boundary):
        with pytest.raises(InputError, match="one shape"):
            score(np.ones((2, 2), int), np.ones((2, 3), int), CODES)
    with pytest.raises(InputError, match="one shape"):
        metrics.wfm(np.ones((2, 2), int), np.ones((2, 3), int))
    with pytest.raises(InputError, match="one shape"):
        metrics.repair_counts(np.ones((2, 2), int), np.ones((2, 2), int), np.ones((2, 3), int), CODES)
