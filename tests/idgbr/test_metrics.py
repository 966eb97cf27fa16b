import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from idgbr import metrics
from idgbr.errors import InputError

CODES = (3, 1, 7)
SHAPE = (9, 11)
MAPS = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from((0, 1, 3, 7, 9)))


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
    scores = []
    for code in CODES:
        edges = []
        for label in (true, pred):
            other = (label != code) & (true != 0)
            edges.append((label == code) & (true != 0) & ndimage.binary_dilation(other, np.ones((3, 3))))
        near = [ndimage.distance_transform_edt(~edge) <= tolerance if edge.any() else edge for edge in edges]
        if not edges[0].any() and not edges[1].any():
            continue
        precision = (edges[1] & near[0]).sum() / edges[1].sum() if edges[1].any() else 0
        recall = (edges[0] & near[1]).sum() / edges[0].sum() if edges[0].any() else 0
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
    return np.mean(scores) if scores else np.nan


@settings(deadline=None)
@given(MAPS, MAPS)
def test_confusion_counts_every_scored_pixel_once(true, pred):
    confusion = metrics.confusion_matrix(true, pred, CODES)
    for row, code in enumerate(CODES):
        for column, other in enumerate(CODES):
            assert confusion[row, column] == ((true == code) & (pred == other)).sum()
        assert confusion[row, 3] == ((true == code) & ~np.isin(pred, CODES)).sum()


@settings(deadline=None)
@given(MAPS, MAPS, st.integers(1, 3))
def test_boundary_iou_agrees_with_distance_transforms(true, pred, distance):
    expected = reference_boundary_iou(true, pred, distance)
    assert metrics.boundary_iou(true, pred, CODES, distance) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(MAPS, MAPS, st.integers(0, 4))
def test_boundary_f1_agrees_with_distance_transforms(true, pred, tolerance):
    expected = reference_boundary_f1(true, pred, tolerance)
    assert metrics.boundary_f1(true, pred, CODES, tolerance) == pytest.approx(expected, nan_ok=True)


def test_region_scores_by_hand():
    true = np.array([[1, 1, 1, 3, 3, 0]])
    pred = np.array([[1, 1, 3, 3, 9, 1]])
    confusion = metrics.confusion_matrix(true, pred, (1, 3, 7))
    assert metrics.iou(confusion) == pytest.approx([2 / 3, 1 / 3, np.nan], nan_ok=True)
    assert metrics.mean_iou(confusion) == pytest.approx(1 / 2)
    assert metrics.overall_accuracy(confusion) == pytest.approx(3 / 5)


def test_boundary_scores_of_a_straight_edge_moved_by_one_pixel():
    true = np.ones((6, 20), np.uint8)
    true[:, 10:] = 3
    pred = np.ones((6, 20), np.uint8)
    pred[:, 11:] = 3
    assert metrics.boundary_iou(true, pred, (1, 3), distance=2) == pytest.approx(1 / 3)
    assert metrics.boundary_f1(true, pred, (1, 3), tolerance=0) == 0
    assert metrics.boundary_f1(true, pred, (1, 3), tolerance=1) == 1


def test_a_perfect_map_scores_one_and_a_map_without_boundary_scores_nothing():
    true = np.repeat([[1, 3], [7, 1]], 5, 0)
    assert metrics.boundary_iou(true, true, CODES) == metrics.boundary_f1(true, true, CODES) == 1
    assert np.isnan(metrics.boundary_iou(np.ones((4, 4), int), np.ones((4, 4), int), CODES))


def test_counts_of_two_images_add_up_to_those_of_both():
    random = np.random.default_rng(0)
    maps = random.choice([1, 3, 7], (2, 2, 20, 20))
    total = sum(metrics.boundary_counts(true, pred, CODES) for true, pred in maps)
    apart = np.concatenate([maps, np.zeros((2, 2, 5, 20), int)], 2)
    joined = [np.concatenate(list(side)) for side in apart.swapaxes(0, 1)]
    assert np.array_equal(metrics.boundary_counts(*joined, CODES), total)


def test_maps_of_different_size_are_refused():
    with pytest.raises(InputError, match="one shape"):
        metrics.confusion_matrix(np.ones((2, 2), int), np.ones((2, 3), int), CODES)
