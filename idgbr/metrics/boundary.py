"""Agreement of class boundaries. Neither the array's edge nor an ignored pixel makes a boundary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idgbr.distance import squared_distance
from idgbr.metrics.arrays import Counts, Labels, Mask, Scores, check, mean, ratio
from idgbr.morphology import square_maximum


def boundary_counts(true: Labels, pred: Labels, codes: Sequence[int], distance: int = 2, ignore: int = 0) -> Counts:
    """(K, 2) intersection and union of the inner boundary regions of each class (Cheng et al. 2021, eq. 1).

    A mask's boundary region is its pixels within `distance` px (Chebyshev) of a pixel that is not of the mask.
    """
    check(true, pred)
    scored = true != ignore
    rows = []
    for code in codes:
        true_edge, pred_edge = (_inner_edge(label == code, scored, distance) for label in (true, pred))
        rows.append([np.count_nonzero(true_edge & pred_edge), np.count_nonzero(true_edge | pred_edge)])
    return np.array(rows, np.int64)


def class_boundary_iou(counts: Counts) -> Scores:
    """Boundary IoU of each class from (summed) `boundary_counts`; nan where neither map has a boundary."""
    return ratio(counts[:, 0], counts[:, 1])


def boundary_iou_of(counts: Counts) -> float:
    """Boundary IoU from (summed) `boundary_counts`: mean over the classes that have a boundary in either map."""
    return mean(class_boundary_iou(counts))


def boundary_iou(true: Labels, pred: Labels, codes: Sequence[int], distance: int = 2, ignore: int = 0) -> float:
    """Boundary IoU of one pair of maps, see `boundary_counts`; nan if there is no boundary at all."""
    return boundary_iou_of(boundary_counts(true, pred, codes, distance, ignore))


def contour_counts(true: Labels, pred: Labels, codes: Sequence[int], tolerance: int = 3, ignore: int = 0) -> Counts:
    """(K, 4) counts per class: predicted contour pixels matched, predicted, true contour pixels matched, true.

    The contour of a class is its pixels that touch (8 neighbours) a pixel of another class; a contour pixel is matched
    if the other map's contour lies within `tolerance` px (Euclidean; Csurka et al. 2013, section 3).
    """
    return contour_counts_at(true, pred, codes, (tolerance,), ignore)[0]


def contour_counts_at(
    true: Labels, pred: Labels, codes: Sequence[int], tolerances: Sequence[int], ignore: int = 0
) -> Counts:
    """(T, K, 4): `contour_counts` at several tolerances."""
    check(true, pred)
    scored = true != ignore
    reach = max(tolerances)
    counts_TK4 = np.zeros((len(tolerances), len(codes), 4), np.int64)
    for row_T4, code in zip(counts_TK4.swapaxes(0, 1), codes, strict=True):
        true_edge, pred_edge = (_inner_edge(label == code, scored, 1) for label in (true, pred))
        from_true_N = squared_distance(true_edge, reach)[pred_edge]
        from_pred_N = squared_distance(pred_edge, reach)[true_edge]
        for row_4, tolerance in zip(row_T4, tolerances, strict=True):
            row_4[:] = (
                np.count_nonzero(from_true_N <= tolerance**2),
                from_true_N.size,
                np.count_nonzero(from_pred_N <= tolerance**2),
                from_pred_N.size,
            )
    return counts_TK4


def class_boundary_f1(counts: Counts) -> Scores:
    """Boundary F1 of each class from (summed) `contour_counts`; nan where neither map has a contour."""
    hit_pred_K, pred_K, hit_true_K, true_K = counts.T
    precision_K = hit_pred_K / np.maximum(pred_K, 1)
    recall_K = hit_true_K / np.maximum(true_K, 1)
    f1_K = 2 * precision_K * recall_K / np.maximum(precision_K + recall_K, np.finfo(np.float64).tiny)
    return np.where(pred_K + true_K > 0, f1_K, np.nan)


def boundary_f1_of(counts: Counts) -> float:
    """Boundary F1 from (summed) `contour_counts`: mean over the classes that have a contour in either map."""
    return mean(class_boundary_f1(counts))


def boundary_f1(true: Labels, pred: Labels, codes: Sequence[int], tolerance: int = 3, ignore: int = 0) -> float:
    """Boundary F1 of one pair of maps, see `contour_counts`; nan if there is no contour at all."""
    return boundary_f1_of(contour_counts(true, pred, codes, tolerance, ignore))


def accuracy_radii(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The five radii of mean boundary accuracy in px: evenly from 3 to (height + width) / 300, rounded.

    Cheng et al. 2020 (CascadePSP, arXiv 2005.02551), section 4; images below 900 px on average get 3 px five times.
    """
    return tuple(int(radius) for radius in np.rint(np.linspace(3, max(3, sum(shape) / 300), 5)))


def accuracy_counts(
    true: Labels, pred: Labels, codes: Sequence[int], radii: Sequence[int] | None = None, ignore: int = 0
) -> Counts:
    """(K, R, 2) rightly told and all pixels around the true boundary of each class, within each of R radii.

    Around means within r px (Euclidean) of a pixel on the other side; rightly told means that both maps agree on
    whether a pixel is of the class. radii: `accuracy_radii` of the map if None.
    """
    check(true, pred)
    radii = accuracy_radii(true.shape) if radii is None else radii
    scored = true != ignore
    rows = []
    for code in codes:
        of_class = true == code
        across = np.where(
            of_class,
            squared_distance(scored & ~of_class, max(radii)),
            squared_distance(scored & of_class, max(radii)),
        )
        around_N = scored & (across <= max(radii) ** 2)
        right_N = ((pred == code) == of_class)[around_N]
        across_N = across[around_N]
        within = [across_N <= radius**2 for radius in radii]
        rows.append([[np.count_nonzero(right_N & near_N), np.count_nonzero(near_N)] for near_N in within])
    return np.array(rows, np.int64)


def class_boundary_accuracy(counts: Counts) -> Scores:
    """Boundary accuracy of each class from (summed) `accuracy_counts`: mean over the radii of right / all; nan for a
    class without true boundary."""
    return ratio(counts[..., 0], counts[..., 1]).mean(1)


def mean_boundary_accuracy_of(counts: Counts) -> float:
    """Mean boundary accuracy from (summed) `accuracy_counts`: mean over the classes that have a true boundary."""
    return mean(class_boundary_accuracy(counts))


def mean_boundary_accuracy(true: Labels, pred: Labels, codes: Sequence[int], ignore: int = 0) -> float:
    """Mean boundary accuracy of one pair of maps, see `accuracy_counts`; nan if there is no true boundary."""
    return mean_boundary_accuracy_of(accuracy_counts(true, pred, codes, None, ignore))


def _inner_edge(mask: Mask, scored: Mask, distance: int) -> Mask:
    return mask & scored & square_maximum(~mask & scored, distance)
