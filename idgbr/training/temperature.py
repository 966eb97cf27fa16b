"""The temperature at which a model's probabilities mean what they say (Guo et al. 2017, arXiv 1706.04599)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from idgbr.classes import UNLABELLED, class_index
from idgbr.errors import InputError
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import MAX_TEMPERATURE, MIN_TEMPERATURE
from idgbr.training.crops import Pair

EVERY = 16
"""Every so many pixels are looked at; neighbours tell the same."""


def fit_temperature(model: IDGBRPipeline, pairs: Sequence[Pair]) -> float:
    """Of the refined map's probabilities on labelled areas that no network was trained on, to three decimals; see
    `temperature`."""
    settings = model.settings
    plain = model.with_settings(temperature=1.0)
    scores: list[NDArray[np.float32]] = []
    truths: list[NDArray[np.uint8]] = []
    for image_CHW, label_HW in pairs:
        index_HW = class_index(label_HW, settings.codes, settings.no_label)

        def listen(
            number: int,
            rows: slice,
            coarse_KHW: NDArray[np.float32],
            refined_KHW: NDArray[np.float32],
            index_HW: NDArray[np.uint8] = index_HW,
        ) -> None:
            refined_NK = refined_KHW.reshape(len(refined_KHW), -1).T[::EVERY]
            index_N = index_HW[rows].ravel()[::EVERY]
            known_N = (index_N != UNLABELLED) & refined_NK.any(1)
            scores.append(np.log(refined_NK[known_N].clip(np.finfo(np.float32).tiny)))
            truths.append(index_N[known_N])

        plain.maps(image_CHW[None], listener=listen)
    return round(temperature(np.concatenate(scores), np.concatenate(truths)), 3)


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
