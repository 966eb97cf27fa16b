from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_maps import CODES, MAPS, SHAPE, blobs
from scipy import ndimage

from idgbr import metrics
from idgbr.metrics import BoundaryAccuracy, BoundaryF1, BoundaryIoU

SCORES = {
    "BoundaryIoU": partial(BoundaryIoU.of, radius=2),
    "BoundaryF1": partial(BoundaryF1.of, tolerance=3),
    "BoundaryAccuracy": partial(BoundaryAccuracy.of, radii=(2, 3)),
}


def reference_boundary_iou(true, pred, distance):
    """Cheng et al. 2021 with scipy's distance transform; ignored pixels make no boundary."""
    scores = []
    for code in CODES:
        edges = []
        for label in (true, pred):
            other = (label != code) & (true != 0)
            distance_HW = ndimage.distance_transform_cdt(~other, "chessboard") if other.any() else np.full(SHAPE, 99)
            edges.append((label == code) & (true != 0) & (distance_HW <= distance))
        union = (edges[0] | edges[1]).sum()
        if union:
            scores.append((edges[0] & edges[1]).sum() / union)
    return np.mean(scores) if scores else np.nan


def reference_boundary_f1(true, pred, tolerance):
    scores, true_edges = [], 0
    for code in CODES:
        edges = []
        for label in (true, pred):
            other = (label != code) & (true != 0)
            edges.append((label == code) & (true != 0) & ndimage.binary_dilation(other, np.ones((3, 3))))
        true_edges += edges[0].sum()
        near = [ndimage.distance_transform_edt(~edge) <= tolerance if edge.any() else edge for edge in edges]
        if not edges[0].any() and not edges[1].any():
            continue
        precision = (edges[1] & near[0]).sum() / edges[1].sum() if edges[1].any() else 0
        recall = (edges[0] & near[1]).sum() / edges[0].sum() if edges[0].any() else 0
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
    return np.mean(scores) if true_edges else np.nan


def reference_boundary_accuracy(true, pred, radii):
    """Discs dilate a class and its scored complement; where both reach, the share of right pixels."""
    scores = []
    scored = true != 0
    for code in CODES:
        inside, outside = scored & (true == code), scored & (true != code)
        if not inside.any() or not outside.any():
            continue
        by_radius = []
        for radius in radii:
            y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
            disc = y**2 + x**2 <= radius**2
            near = scored & ndimage.binary_dilation(inside, disc) & ndimage.binary_dilation(outside, disc)
            if near.any():
                by_radius.append(((pred == code) == (true == code))[near].mean())
        if len(by_radius) == len(radii):
            scores.append(np.mean(by_radius))
    return np.mean(scores) if scores else np.nan


@settings(deadline=None)
@given(MAPS, MAPS, st.integers(1, 3))
def test_boundary_iou_agrees_with_distance_transforms(true, pred, distance):
    expected = reference_boundary_iou(true, pred, distance)
    assert BoundaryIoU.of(true, pred, CODES, distance).mean == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(MAPS, MAPS, st.integers(0, 4))
def test_boundary_f1_agrees_with_distance_transforms(true, pred, tolerance):
    expected = reference_boundary_f1(true, pred, tolerance)
    assert BoundaryF1.of(true, pred, CODES, tolerance).mean == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(MAPS, MAPS, st.sets(st.integers(1, 4), min_size=1))
def test_boundary_accuracy_agrees_with_dilations_by_discs(true, pred, radii):
    expected = reference_boundary_accuracy(true, pred, sorted(radii))
    assert BoundaryAccuracy.of(true, pred, CODES, sorted(radii)).mean == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(MAPS, MAPS)
def test_contours_at_several_tolerances_are_those_at_each(true, pred):
    several = BoundaryF1.at(true, pred, CODES, (1, 3, 5))
    for each, tolerance in zip(several, (1, 3, 5), strict=True):
        assert np.array_equal(each.counts_K4, BoundaryF1.of(true, pred, CODES, tolerance).counts_K4)


def test_labels_whose_classes_do_not_touch_have_no_boundary_f1():
    true = np.ones((6, 20), np.uint8)
    true[:, 9:11], true[:, 11:] = 0, 3
    pred = np.ones((6, 20), np.uint8)
    pred[:, 14:] = 3
    apart = BoundaryF1.of(true, pred, (1, 3), tolerance=3)
    assert np.isnan(apart.mean)
    touching = np.where(true == 0, 1, true)
    assert (apart + BoundaryF1.of(touching, touching, (1, 3), tolerance=3)).mean < 1


def test_boundary_scores_of_a_straight_edge_moved_by_one_pixel():
    true = np.ones((6, 20), np.uint8)
    true[:, 10:] = 3
    pred = np.ones((6, 20), np.uint8)
    pred[:, 11:] = 3
    assert BoundaryIoU.of(true, pred, (1, 3), radius=2).mean == pytest.approx(1 / 3)
    assert BoundaryF1.of(true, pred, (1, 3), tolerance=0).mean == 0
    assert BoundaryF1.of(true, pred, (1, 3), tolerance=1).mean == 1
    assert BoundaryAccuracy.of(true, pred, (1, 3)).mean == pytest.approx(5 / 6)
    assert BoundaryAccuracy.of(true, pred, (1, 3), (1, 4)).mean == pytest.approx((1 / 2 + 7 / 8) / 2)


def test_radii_of_boundary_accuracy_grow_with_the_image():
    assert metrics.accuracy_radii((2000, 1900)) == (3, 6, 8, 10, 13)
    assert metrics.accuracy_radii((400, 400)) == (3, 3, 3, 3, 3)


def test_a_perfect_map_scores_one_and_a_map_without_boundary_scores_nothing():
    true = np.repeat([[1, 3], [7, 1]], 5, 0)
    plain = np.ones((4, 4), int)
    for score in SCORES.values():
        assert score(true, true, CODES).mean == 1
        assert np.isnan(score(plain, plain, CODES).mean)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_counts_of_two_images_add_up_to_those_of_both_apart(score):
    random = np.random.default_rng(0)
    maps = random.choice([1, 3, 7], (2, 2, 20, 20))
    first, second = (score(true, pred, CODES) for true, pred in maps)
    apart = np.concatenate([maps, np.zeros((2, 2, 5, 20), int)], 2)
    joined = [np.concatenate(list(side)) for side in apart.swapaxes(0, 1)]
    counts, total = (next(iter(vars(each).values())) for each in (score(*joined, CODES), first + second))
    assert np.array_equal(counts, total)


def test_what_is_predicted_where_the_truth_is_ignored_changes_no_boundary_score():
    true, pred, other = blobs(0, 48), blobs(1, 48), blobs(2, 48)
    true[10:30, 12:40] = 0
    changed = np.where(true == 0, other, pred)
    for score in SCORES.values():
        assert score(true, changed, CODES).mean == score(true, pred, CODES).mean
