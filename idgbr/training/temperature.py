"""The temperature at which a model's probabilities mean what they say (Guo et al. 2017, arXiv 1706.04599)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.settings import MAX_TEMPERATURE, MIN_TEMPERATURE

EVERY = 16
"""Every so many pixels are looked at; neighbours tell the same."""


@dataclass(frozen=True)
class PixelScores:
    """A listener to the maps of an image, whose true classes are index_HW: scores and true class of every EVERY-th
    pixel of the refined map that has data and a label, some rows at a time."""

    index_HW: NDArray[np.uint8]
    logits_NK: list[NDArray[np.float32]] = field(default_factory=list)
    indices_N: list[NDArray[np.uint8]] = field(default_factory=list)

    def __call__(
        self, number: int, rows: slice, coarse_KHW: NDArray[np.float32], refined_KHW: NDArray[np.float32]
    ) -> None:
        refined_NK = refined_KHW.reshape(len(refined_KHW), -1).T[::EVERY]
        index_N = self.index_HW[rows].ravel()[::EVERY]
        known_N = (index_N != UNLABELLED) & refined_NK.any(1)
        self.logits_NK.append(np.log(refined_NK[known_N].clip(np.finfo(np.float32).tiny)))
        self.indices_N.append(index_N[known_N])


def temperature(logit_NK: NDArray[np.floating], index_N: NDArray[np.uint8]) -> float:
    """The one at which the negative log-likelihood of the true classes is least. InputError without any pixel."""
    if not len(index_N):
        raise InputError("no pixel has both data and a label, so no temperature can be fitted; leave out calibrate")
    true_N = np.take_along_axis(logit_NK, index_N[:, None].astype(np.intp), 1)[:, 0]

    def loss(log_temperature: float) -> float:
        factor = math.exp(-log_temperature)
        return float((logsumexp(logit_NK * factor, axis=1) - true_N * factor).mean())

    bounds = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5}).x)
