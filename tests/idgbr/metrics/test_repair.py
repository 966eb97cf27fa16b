import numpy as np
import pytest
from hypothesis import given, settings
from metric_maps import CODES, FULL, MAPS

from idgbr import metrics


def reference_iou_imp(true, coarse, refined, code, penalty):
    """By sets of pixels, as the paper's repository states it."""
    scored = {tuple(place) for place in np.argwhere(true != 0)}
    t, r, re = ({tuple(place) for place in np.argwhere(label == code)} & scored for label in (true, coarse, refined))
    right, wrong = t & r, (t | r) - (t & r)
    iou_right = len(t & re & right) / len((t & right) | (re & right)) if right else 1
    if not wrong:
        return -penalty * (1 - iou_right) if iou_right < 1 else np.nan
    union = (t & wrong) | (re & wrong)
    iou_wrong = len(t & re & wrong) / len(union) if union else 1
    return iou_wrong - penalty * (1 - iou_right)


@settings(deadline=None)
@given(MAPS, MAPS, MAPS)
def test_iou_imp_agrees_with_its_definition_by_sets(true, coarse, refined):
    counts = metrics.repair_counts(true, coarse, refined, CODES)
    for penalty in (1.0, 2.5):
        expected = [reference_iou_imp(true, coarse, refined, code, penalty) for code in CODES]
        assert metrics.iou_imp(counts, penalty) == pytest.approx(expected, nan_ok=True)


def test_iou_imp_by_hand():
    true = np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    coarse = np.array([[1, 1, 0, 0, 1, 1, 0, 0]])
    refined = np.array([[1, 0, 1, 0, 1, 0, 1, 0]])
    counts = metrics.repair_counts(true, coarse, refined, (1,), ignore=255)
    assert counts.tolist() == [[2, 1, 4, 1, 3]]
    assert metrics.iou_imp(counts) == pytest.approx([1 / 3 - 1 / 2])
    assert metrics.iou_imp(counts, penalty=0.5) == pytest.approx([1 / 3 - 1 / 4])


@settings(deadline=None)
@given(FULL, FULL)
def test_a_whole_repair_scores_one_and_none_scores_nothing_above(true, coarse):
    mended = metrics.iou_imp(metrics.repair_counts(true, coarse, true, CODES))
    left = metrics.iou_imp(metrics.repair_counts(true, coarse, coarse, CODES))
    for k, code in enumerate(CODES):
        if ((true == code) == (coarse == code)).all():
            assert np.isnan(mended[k])
            assert np.isnan(left[k])
        else:
            assert mended[k] == 1
            assert left[k] == 0


def test_a_right_mask_that_is_damaged_scores_below_zero():
    true = np.array([[1, 1, 3, 3]])
    assert metrics.iou_imp(metrics.repair_counts(true, true, np.array([[1, 3, 3, 3]]), (1,))).tolist() == [-0.5]


@pytest.mark.parametrize(
    ("score", "grade"),
    [(1, "complete"), (0.8, "complete"), (0.7999, "partial"), (0, "partial"), (-0.0001, "error"), (np.nan, None)],
)
def test_repairs_are_graded_at_80_percent_and_at_zero(score, grade):
    assert metrics.grade(score) == grade


@settings(deadline=None)
@given(MAPS, MAPS, MAPS)
def test_new_false_positives_lie_outside_the_true_and_the_coarse_mask_of_the_class_they_were_given(
    true, coarse, refined
):
    broken, right = metrics.new_fp_counts(true, coarse, refined)
    scored = true != 0
    assert right == (scored & (coarse == true)).sum()
    everything = [0, *CODES, 9]
    outside = [scored & (refined == c) & (true != c) & (coarse != c) & (coarse == true) for c in everything]
    assert broken == sum(mask.sum() for mask in outside)


def test_new_false_positives_by_hand():
    true = np.array([[1, 1, 1, 3, 3, 0]])
    coarse = np.array([[1, 1, 3, 3, 7, 1]])
    refined = np.array([[1, 7, 7, 3, 1, 3]])
    counts = metrics.new_fp_counts(true, coarse, refined)
    assert counts.tolist() == [1, 3]
    assert metrics.new_fp_rate(counts) == pytest.approx(1 / 3)
    assert np.isnan(metrics.new_fp_rate(metrics.new_fp_counts(true, np.full((1, 6), 9), refined)))


def test_repair_counts_of_two_images_add_up_to_those_of_both():
    maps = np.random.default_rng(0).choice([0, 1, 3, 7], (3, 2, 20, 20))
    for count in (lambda *m: metrics.repair_counts(*m, CODES), metrics.new_fp_counts):
        apart = [count(*maps[:, k]) for k in (0, 1)]
        assert np.array_equal(count(*maps.reshape(3, 40, 20)), sum(apart))
