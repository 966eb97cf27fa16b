"""Agreement of two label maps, overall and along class boundaries.

All functions take integer arrays of equal shape, the class codes to be scored, and the value in `true` to leave out.
A prediction outside `codes` counts as an error, never as "not scored". The counts of several images add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.morphology import disc_dilation, square_maximum

Labels = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


def confusion_matrix(true: Labels, pred: Labels, codes: Sequence[int], ignore: int = 0) -> Counts:
    """(K, K + 1) pixel counts: row = true class, column = predicted class, last column = predicted none of `codes`."""
    _check(true, pred)
    classes = len(codes)
    order = np.argsort(codes)
    true_N = _index(true, codes, order)
    pred_N = _index(pred, codes, order)
    scored_N = (true_N < classes) & (true.ravel() != ignore)
    cell_N = true_N[scored_N] * (classes + 1) + pred_N[scored_N]
    return np.bincount(cell_N, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def iou(confusion: Counts) -> Scores:
    """Intersection over union of each class; nan for a class that neither map holds."""
    hits_K = np.diagonal(confusion)
    return _ratio(hits_K, confusion.sum(1) + confusion[:, :-1].sum(0) - hits_K)


def mean_iou(confusion: Counts) -> float:
    """Mean IoU over the classes present; nan if none is."""
    return _mean(iou(confusion))


def overall_accuracy(confusion: Counts) -> float:
    """Share of scored pixels with the right class; nan if no pixel is scored."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def boundary_counts(true: Labels, pred: Labels, codes: Sequence[int], distance: int = 2, ignore: int = 0) -> Counts:
    """(K, 2) intersection and union of the inner boundary regions of each class (Cheng et al. 2021, eq. 1).

    A mask's boundary region is its pixels within `distance` px (Chebyshev) of a pixel that is not of the mask.
    Neither the array's edge nor an ignored pixel makes a boundary.
    """
    _check(true, pred)
    scored = true != ignore
    rows = []
    for code in codes:
        true_edge, pred_edge = (_inner_edge(label == code, scored, distance) for label in (true, pred))
        rows.append([np.count_nonzero(true_edge & pred_edge), np.count_nonzero(true_edge | pred_edge)])
    return np.array(rows, np.int64)


def boundary_iou_of(counts: Counts) -> float:
    """Boundary IoU from (summed) `boundary_counts`: mean over the classes that have a boundary in either map."""
    return _mean(_ratio(counts[:, 0], counts[:, 1]))


def boundary_iou(true: Labels, pred: Labels, codes: Sequence[int], distance: int = 2, ignore: int = 0) -> float:
    """Boundary IoU of one pair of maps, see `boundary_counts`; nan if there is no boundary at all."""
    return boundary_iou_of(boundary_counts(true, pred, codes, distance, ignore))


def contour_counts(true: Labels, pred: Labels, codes: Sequence[int], tolerance: int = 3, ignore: int = 0) -> Counts:
    """(K, 4) counts per class: predicted contour pixels matched, predicted, true contour pixels matched, true.

    The contour of a class is its pixels that touch (8 neighbours) a pixel of another class; a contour pixel is matched
    if the other map's contour lies within `tolerance` px (Euclidean; Csurka et al. 2013, section 3).
    """
    _check(true, pred)
    scored = true != ignore
    rows = []
    for code in codes:
        true_edge, pred_edge = (_inner_edge(label == code, scored, 1) for label in (true, pred))
        matched = [pred_edge & disc_dilation(true_edge, tolerance), true_edge & disc_dilation(pred_edge, tolerance)]
        rows.append([np.count_nonzero(mask) for mask in (matched[0], pred_edge, matched[1], true_edge)])
    return np.array(rows, np.int64)


def boundary_f1_of(counts: Counts) -> float:
    """Boundary F1 from (summed) `contour_counts`: mean over the classes that have a contour in either map."""
    hit_pred_K, pred_K, hit_true_K, true_K = counts.T
    present_K = pred_K + true_K > 0
    precision_K = hit_pred_K / np.maximum(pred_K, 1)
    recall_K = hit_true_K / np.maximum(true_K, 1)
    f1_K = 2 * precision_K * recall_K / np.maximum(precision_K + recall_K, np.finfo(np.float64).tiny)
    return _mean(np.where(present_K, f1_K, np.nan))


def boundary_f1(true: Labels, pred: Labels, codes: Sequence[int], tolerance: int = 3, ignore: int = 0) -> float:
    """Boundary F1 of one pair of maps, see `contour_counts`; nan if there is no contour at all."""
    return boundary_f1_of(contour_counts(true, pred, codes, tolerance, ignore))


def _check(true: Labels, pred: Labels) -> None:
    if true.shape != pred.shape:
        raise InputError(f"the true and the predicted map must have one shape, not {true.shape} and {pred.shape}")


def _index(label: Labels, codes: Sequence[int], order: NDArray[np.intp]) -> NDArray[np.intp]:
    sorted_K = np.asarray(codes)[order]
    place_N = np.searchsorted(sorted_K, label.ravel()).clip(max=len(codes) - 1)
    return np.where(sorted_K[place_N] == label.ravel(), order[place_N], len(codes))


def _inner_edge(mask: NDArray[np.bool_], scored: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    return mask & scored & square_maximum(~mask & scored, distance)


def _ratio(part: Any, whole: Any) -> Scores:
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole, dtype=np.float64)


def _mean(score_K: Scores) -> float:
    return float(np.nanmean(score_K)) if np.isfinite(score_K).any() else float("nan")
