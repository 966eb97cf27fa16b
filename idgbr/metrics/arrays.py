"""What all metrics share: their arrays, and means that leave out what is undefined."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.morphology import square_maximum

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
Scores = NDArray[np.float64]


def check(true: Labels, *others: Labels) -> None:
    """InputError unless all maps have one shape."""
    for other in others:
        if true.shape != other.shape:
            raise InputError(f"the true and the predicted map must have one shape, not {true.shape} and {other.shape}")


def ratio(part: Any, whole: Any) -> Scores:
    """part / whole; nan for 0 / 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole, dtype=np.float64)


def mean(score_K: Scores) -> float:
    """Mean of the defined scores; nan if none is."""
    return float(np.nanmean(score_K)) if np.isfinite(score_K).any() else float("nan")


def grown(mask: Mask, radius: int) -> Mask:
    """Pixels with one of the mask within Chebyshev distance `radius`."""
    near: Mask = square_maximum(torch.from_numpy(mask), radius).numpy()
    return near
