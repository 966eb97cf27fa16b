"""The audit of skipped blocks: how it is drawn, what it counts, and whether its intervals hold."""

import numpy as np
import pytest

from pipeline.analysis.estimators import Estimate, total
from pipeline.change.audit import Judged, bounded_total, differences, draw_audit, judge, recall_of, stringer

KM2 = 26.2


def population(blocks, rate):
    """Scores of skipped blocks, and km2 of change missed in each: none in most, little in many of the others."""
    rng = np.random.default_rng([7, blocks, int(rate * 1e4)])
    score_N = np.where(rng.random(blocks) < 0.5, 0, rng.integers(1, 50, blocks))
    has_change_N = rng.random(blocks) < rate * (1 + 2 * (score_N > 25))
    return score_N, np.where(has_change_N, np.minimum(rng.lognormal(-4, 1.2, blocks), 1.0), 0) * KM2


@pytest.mark.parametrize(
    ("blocks", "rate", "share"),
    [(50, 0.1, 0.02), (400, 0.02, 0.02), (2000, 0.05, 0.02), (2000, 0.9, 0.05), (5000, 0.3, 0.1)],
)
def test_the_intervals_hold_the_truth_in_93_of_100_audits_where_the_normal_ones_do_not(blocks, rate, share):
    score_N, missed_N = population(blocks, rate)
    held = normal_held = 0
    values = []
    for seed in range(200):
        stratum_N, taken_N = draw_audit(score_N, share, 50, seed)
        strata, at_N = np.unique(stratum_N[taken_N], return_inverse=True)
        sizes_S = np.bincount(stratum_N, minlength=3)[strata]
        estimate = bounded_total(missed_N[taken_N], at_N, sizes_S, KM2)
        normal = total(missed_N[taken_N], at_N, sizes_S)
        held += estimate.low <= missed_N.sum() <= estimate.high
        normal_held += normal.low <= missed_N.sum() <= normal.high
        values.append(estimate.value)
    error = np.std(values) / np.sqrt(len(values))
    assert held >= 186
    assert normal_held < 186
    assert abs(np.mean(values) - missed_N.sum()) < 4 * error


def test_an_audit_of_all_is_the_truth():
    score_N, missed_N = population(300, 0.2)
    stratum_N, taken_N = draw_audit(score_N, 1.0, 50, 1)
    assert taken_N.all()
    estimate = bounded_total(missed_N, stratum_N, np.bincount(stratum_N), KM2)
    assert estimate.low == pytest.approx(missed_N.sum())
    assert estimate.high == pytest.approx(missed_N.sum())


def test_a_draw_depends_on_its_seed_alone_and_takes_the_share_of_each_stratum_and_at_least_two():
    score_N = np.array([0] * 200 + [10] * 100 + [40] * 3 + [45])
    stratum_N, taken_N = draw_audit(score_N, 0.05, 50, 3)
    assert np.bincount(stratum_N[taken_N]).tolist() == [10, 5, 2]
    assert (draw_audit(score_N, 0.05, 50, 3)[1] == taken_N).all()
    assert (draw_audit(score_N, 0.05, 50, 4)[1] != taken_N).any()
    assert not draw_audit(score_N, 0.0, 50, 3)[1].any()
    assert draw_audit(score_N[:1], 0.05, 50, 3)[1].tolist() == [True]


def test_stringers_limit_is_that_of_a_share_where_every_error_is_whole():
    assert stringer(np.zeros(58)) == pytest.approx(1 - 0.025 ** (1 / 58))
    assert stringer(np.ones(9)) == 1
    half, whole = np.zeros(60), np.zeros(60)
    half[:3], whole[:3] = 0.5, 1.0
    assert stringer(np.zeros(60)) < stringer(half) < stringer(whole)


def test_change_is_a_large_patch_in_which_both_maps_are_sure_and_flicker_the_rest():
    old_HW, new_HW = np.full((10, 10), 1, np.uint8), np.full((10, 10), 1, np.uint8)
    sure_HW = np.full((10, 10), 90, np.uint8)
    new_HW[:3, :3] = 2
    new_HW[5, 5] = 2
    new_HW[9, :4] = 0
    assert differences(old_HW, new_HW, sure_HW, sure_HW, 9) == (9, 1)
    doubt_HW = sure_HW.copy()
    doubt_HW[1, 1] = 49
    assert differences(old_HW, new_HW, sure_HW, doubt_HW, 9) == (0, 10)
    assert differences(old_HW, new_HW, doubt_HW, sure_HW, 8) == (8, 2)


def test_recall_counts_what_was_mapped_as_known_and_what_was_missed_as_estimated():
    missed = Estimate(2.0, 0.5, 1.0, 6.0)
    recall = recall_of(18.0, missed)
    assert (recall.value, recall.low, recall.high) == (0.9, 0.75, 18 / 19)
    assert recall_of(0.0, Estimate(0, 0, 0, 0)) is None
    assert recall_of(0.0, missed).value == 0


def test_an_audit_tells_what_was_missed_and_saved():
    blocks = [Judged((0, n), 0, 0.1 * (n == 0), 0.2, 3.0, 0, 40, 4) for n in range(4)]
    blocks.append(Judged((9, 9), 80, 9.0, 0.5, 0.0))
    audit = judge(blocks, [40], KM2, spent_seconds=20.0)
    assert (audit.skipped, audit.audited) == (40, 4)
    assert audit.missed_km2.value == pytest.approx(1.0)
    assert audit.recall.value == pytest.approx(0.9)
    assert audit.flicker_km2.value == pytest.approx(8.0)
    assert audit.saved_seconds.value == pytest.approx(100.0)
    assert judge(blocks, [40], KM2, spent_seconds=None).saved_seconds is None
