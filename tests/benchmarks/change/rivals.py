"""What a user would pick in place of a change network: change vectors, or two maps compared."""

import numpy as np

from idgbr import IDGBRPipeline
from pipeline.training.change_set import ChangePair

BINS = 256


def change_vectors(pair: ChangePair, blank: float | None) -> np.ndarray:
    """1 where the length of the change vector exceeds Otsu's threshold of its pair, NaN without data: every band of
    every date has mean 0 and deviation 1 first (Malila 1980; Otsu 1979)."""
    before_CHW, after_CHW, _ = pair
    empty_HW = np.zeros(before_CHW.shape[1:], bool)
    if blank is not None:
        empty_HW = (before_CHW == blank).all(axis=0) | (after_CHW == blank).all(axis=0)
    length_HW = np.sqrt(np.square(_standard(after_CHW, empty_HW) - _standard(before_CHW, empty_HW)).sum(axis=0))
    found_HW = (length_HW > otsu(length_HW[~empty_HW])).astype(np.float32)
    return np.where(empty_HW, np.float32(np.nan), found_HW)


def otsu(value_N: np.ndarray) -> float:
    """The threshold that parts a histogram of 256 bins into two groups of the largest variance between them."""
    count_B, edge_B = np.histogram(value_N, BINS)
    centre_B = (edge_B[:-1] + edge_B[1:]) / 2
    low_B = np.cumsum(count_B)[:-1].astype(float)
    high_B = count_B.sum() - low_B
    sum_B = np.cumsum(count_B * centre_B)
    with np.errstate(divide="ignore", invalid="ignore"):
        between_B = low_B * high_B * (sum_B[:-1] / low_B - (sum_B[-1] - sum_B[:-1]) / high_B) ** 2
    return float(edge_B[1:-1][np.nanargmax(between_B)])


def compare_maps(model: IDGBRPipeline, pair: ChangePair) -> np.ndarray:
    """1 where the maps of both dates by a shipped model differ, NaN where one has no class."""
    before_HW, after_HW = (model(image_CHW[None])[0][0] for image_CHW in pair[:2])
    unknown_HW = (before_HW == model.settings.no_label) | (after_HW == model.settings.no_label)
    return np.where(unknown_HW, np.float32(np.nan), (before_HW != after_HW).astype(np.float32))


def _standard(image_CHW: np.ndarray, empty_HW: np.ndarray) -> np.ndarray:
    known_CN = image_CHW[:, ~empty_HW].astype(np.float64)
    mean_C, std_C = known_CN.mean(axis=1), known_CN.std(axis=1) + 1e-9
    return (image_CHW - mean_C[:, None, None]) / std_C[:, None, None]
