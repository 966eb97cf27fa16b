from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idgbr.errors import InputError
from idgbr.metrics import Calibration

CODES = (3, 1, 7)


def scene(seed, shape=(12, 9)):
    """A true map with unlabelled pixels and a code of no class, and probabilities with a pixel without data."""
    random = np.random.default_rng(seed)
    true = random.choice([*CODES, 0, 9], shape, p=[0.4, 0.3, 0.2, 0.05, 0.05]).astype(np.uint8)
    probability = random.dirichlet([0.5] * 3, shape).transpose(2, 0, 1).astype(np.float32)
    probability[:, 0, 0] = 0
    return true, probability


def pixel_by_pixel(true, probability, bins=15):
    """The definitions, written out."""
    nll, brier, members = [], [], [[] for _ in range(bins)]
    for y, x in np.ndindex(true.shape):
        p = probability[:, y, x].astype(float)
        if true[y, x] not in CODES or not p.any():
            continue
        k = CODES.index(true[y, x])
        nll.append(-np.log(max(p[k], 1e-6)))
        brier.append(sum((p[j] - (j == k)) ** 2 for j in range(3)))
        number = next(b for b in range(bins) if p.max() <= (b + 1) / bins or b == bins - 1)
        members[number].append((p.max(), p.argmax() == k))
    total = len(nll)
    ece = sum(len(each) / total * abs(np.mean(each, 0) @ (1, -1)) for each in members if each)
    return ece, np.mean(nll), np.mean(brier)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_the_three_scores_are_their_definitions(seed):
    true, probability = scene(seed)
    found = Calibration.of(true, probability, CODES)
    assert (found.expected_error, found.mean_nll, found.mean_brier) == pytest.approx(pixel_by_pixel(true, probability))


def test_strips_and_images_add_up_to_the_whole():
    true, probability = scene(1, (40, 30))
    whole = Calibration.of(true, probability, CODES)
    strips = [Calibration.of(true[y : y + 7], probability[:, y : y + 7], CODES) for y in range(0, 40, 7)]
    total = reduce(add, strips)
    assert total.bins_B3 == pytest.approx(whole.bins_B3)
    assert (total.nll, total.brier) == pytest.approx((whole.nll, whole.brier))


def constant(probability_K, shares_K, pixels=1000):
    """One probability everywhere, and the true classes in these shares."""
    true = np.repeat(CODES, np.multiply(shares_K, pixels).astype(int)).astype(np.uint8)[None]
    return true, np.broadcast_to(np.array(probability_K, float)[:, None, None], (3, *true.shape))


def test_probabilities_that_come_true_as_often_as_they_say_are_calibrated():
    found = Calibration.of(*constant((0.6, 0.3, 0.1), (0.6, 0.3, 0.1)), CODES)
    assert found.expected_error == pytest.approx(0)
    assert found.mean_nll == pytest.approx(-np.dot((0.6, 0.3, 0.1), np.log((0.6, 0.3, 0.1)))), "the entropy"
    assert found.mean_brier == pytest.approx(1 - np.square((0.6, 0.3, 0.1)).sum())


def test_certain_and_right_is_perfect_certain_and_wrong_the_worst():
    right, wrong = (Calibration.of(*constant((1, 0, 0), shares), CODES) for shares in ((1, 0, 0), (0, 1, 0)))
    assert (right.expected_error, right.mean_nll, right.mean_brier) == (0, 0, 0)
    assert (wrong.expected_error, wrong.mean_brier) == (1, 2)
    assert wrong.mean_nll == pytest.approx(-np.log(1e-6))


def test_too_much_and_too_little_confidence_do_not_cancel_across_bins():
    bold, shy = constant((0.9, 0.05, 0.05), (0.7, 0.3, 0)), constant((0.5, 0.25, 0.25), (0.7, 0.3, 0))
    assert (Calibration.of(*bold, CODES) + Calibration.of(*shy, CODES)).expected_error == pytest.approx(0.2)


def test_nothing_scored_is_undefined_and_another_shape_refused():
    true, probability = scene(0)
    none = Calibration.of(np.zeros_like(true), probability, CODES)
    assert np.isnan([none.expected_error, none.mean_nll, none.mean_brier]).all()
    with pytest.raises(InputError, match=r"must have the shape \(3, 12, 9\), not \(2, 12, 9\)"):
        Calibration.of(true, probability[:2], CODES)
