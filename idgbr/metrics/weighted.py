"""WFm: the weighted F-measure of class edges (protocol of arXiv 2507.01573)."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from idgbr.metrics.arrays import Labels, Mask, check, grown

REACH = 3
SIGMA = 5.0
HALVING = 5.0


def wfm(true: Labels, pred: Labels, ignore: int = 0) -> float:
    """Weighted F-measure of the edge bands of one pair of maps; nan where the true map has no edge.

    The score of several images is the mean over those that have one. Edges are between any two label values, so there
    is one score for all classes. The protocol knows no ignored pixels; here such a pixel, and any whose 3x3
    neighbourhood holds one, makes no edge in either map, and an ignored pixel is in neither band.
    """
    check(true, pred)
    scored = true != ignore
    return weighted_f(edge_band(pred, scored), edge_band(true, scored))


def edge_band(label_HW: Labels, scored_HW: Mask) -> Mask:
    """Pixels where the 3x3 Sobel gradient of the label values is not 0 (the array mirrored about its outermost
    pixels), grown by a 3x3 square; see `wfm` for pixels that are not scored."""
    padded = np.pad(label_HW.astype(np.int64), 1, mode="reflect")
    along_y = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    along_x = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    edge_HW = (along_y[:, 2:] != along_y[:, :-2]) | (along_x[2:] != along_x[:-2])
    return grown(edge_HW & ~grown(~scored_HW, 1), 1) & scored_HW


def weighted_f(found_HW: Mask, true_HW: Mask) -> float:
    """Weighted F-measure, beta^2 = 1, of a mask (Margolin et al. 2014, section 4); nan for an empty true mask.

    An error on the true mask weighs less among rightly found ones (Gaussian of 5 px within 7x7 px; outside the mask
    the nearest mask pixel's error stands), a false one more the farther it is from the mask (up to 2; half way at
    5 px).
    """
    if not true_HW.any():
        return float("nan")
    error_HW = (found_HW != true_HW).astype(np.float64)
    y_HW, x_HW = distance_transform_edt(~true_HW, return_distances=False, return_indices=True)
    spread_HW = gaussian_filter(error_HW[y_HW, x_HW], SIGMA, radius=REACH, mode="constant")
    missed = np.minimum(error_HW, spread_HW)[true_HW]
    false = found_HW & ~true_HW
    y, x = np.nonzero(false)
    distance = np.hypot(y - y_HW[false], x - x_HW[false])
    false_weight = float((2 - np.exp(np.log(0.5) / HALVING * distance)).sum())
    hit_weight = missed.size - float(missed.sum())
    tiny = float(np.spacing(1))
    recall = 1 - float(missed.mean())
    precision = hit_weight / (tiny + hit_weight + false_weight)
    return 2 * recall * precision / (tiny + recall + precision)
