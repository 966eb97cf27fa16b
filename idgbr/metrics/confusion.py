"""Region metrics, all from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idgbr.metrics.arrays import Counts, Labels, Scores, check, mean, ratio


def confusion_matrix(true: Labels, pred: Labels, codes: Sequence[int], ignore: int = 0) -> Counts:
    """(K, K + 1) pixel counts: row = true class, column = predicted class, last column = predicted none of `codes`."""
    check(true, pred)
    classes = len(codes)
    order = np.argsort(codes)
    true_N = _index(true, codes, order)
    pred_N = _index(pred, codes, order)
    scored_N = (true_N < classes) & (true.ravel() != ignore)
    cell_N = true_N[scored_N] * (classes + 1) + pred_N[scored_N]
    return np.bincount(cell_N, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def iou(confusion: Counts) -> Scores:
    """Intersection over union of each class; nan for a class that neither map holds."""
    hits_K, true_K, pred_K = _sums(confusion)
    return ratio(hits_K, true_K + pred_K - hits_K)


def f1(confusion: Counts) -> Scores:
    """F1 of each class; nan for a class that neither map holds."""
    hits_K, true_K, pred_K = _sums(confusion)
    return ratio(2 * hits_K, true_K + pred_K)


def area_bias(confusion: Counts) -> Scores:
    """Predicted minus true area of each class, as a share of the true one; nan for a class that the truth lacks."""
    _, true_K, pred_K = _sums(confusion)
    return np.where(true_K > 0, (pred_K - true_K) / np.maximum(true_K, 1), np.nan)


def mean_area_bias(confusion: Counts) -> float:
    """Mean absolute area bias over the classes in the truth; nan if none is."""
    return mean(np.abs(area_bias(confusion)))


def mean_iou(confusion: Counts) -> float:
    """Mean IoU over the classes present; nan if none is."""
    return mean(iou(confusion))


def mean_f1(confusion: Counts) -> float:
    """Mean F1 over the classes present; nan if none is."""
    return mean(f1(confusion))


def overall_accuracy(confusion: Counts) -> float:
    """Share of scored pixels with the right class; nan if no pixel is scored."""
    return float(ratio(np.trace(confusion), confusion.sum()))


def kappa(confusion: Counts) -> float:
    """Cohen's kappa: agreement beyond that of chance, 1 = perfect; nan where chance alone agrees everywhere."""
    hits_K, true_K, pred_K = _sums(confusion).astype(np.float64)
    total = float(confusion.sum())
    chance = float(true_K @ pred_K)
    return float(ratio(total * hits_K.sum() - chance, total * total - chance))


def _sums(confusion: Counts) -> Counts:
    """(3, K) hits, true pixels and predicted pixels of each class."""
    return np.stack([np.diagonal(confusion), confusion.sum(1), confusion[:, :-1].sum(0)])


def _index(label: Labels, codes: Sequence[int], order: NDArray[np.intp]) -> NDArray[np.intp]:
    sorted_K = np.asarray(codes)[order]
    place_N = np.searchsorted(sorted_K, label.ravel()).clip(max=len(codes) - 1)
    return np.where(sorted_K[place_N] == label.ravel(), order[place_N], len(codes))
