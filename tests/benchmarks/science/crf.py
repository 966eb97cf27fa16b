"""The fully connected CRF on class probabilities, by mean field (Krähenbühl and Koltun 2011, arXiv 1210.5644)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from math import ceil, exp
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.metrics import BoundaryIoU, confusion_matrix, mean_iou
from idgbr.metrics.scores import BOUNDARY_IOU_PX

FLOOR = 1e-5
"""Probabilities are taken to be at least this."""

STRIP = 2**18
"""Pixels worked on at once: beside some arrays of the probabilities' size, memory is a few strips of image."""


@dataclass(frozen=True, kw_only=True)
class CRF:
    """appearance, smoothness: weights of the two kernels. iterations: of mean field.

    position (px), colour (the image's units): standard deviations of the appearance kernel; near (px): of the
    smoothness kernel.

    A kernel reaches 3 standard deviations of position in y and in x. Where that is more than `taps` px, only every n-th
    pixel of the square is a neighbour, n the smallest that leaves at most `taps` in each direction.
    """

    appearance: float = 4.0
    position: float = 40.0
    colour: float = 0.2
    smoothness: float = 3.0
    near: float = 3.0
    iterations: int = 5
    taps: int = 9

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), _LEAST[field.name]
            if not value >= least:
                raise InputError(f"a CRF's {field.name} must be at least {least}, not {value}")


_LEAST = {
    "appearance": 0,
    "position": 0.1,
    "colour": 1e-3,
    "smoothness": 0,
    "near": 0.1,
    "iterations": 0,
    "taps": 1,
}

CHOICES: Mapping[str, Sequence[Any]] = {
    "appearance": (0.0, 1.0, 2.0, 4.0, 8.0, 16.0),
    "smoothness": (0.0, 1.0, 3.0, 6.0, 12.0),
    "colour": (0.05, 0.1, 0.2, 0.4, 0.8),
    "position": (10.0, 20.0, 40.0, 80.0),
    "near": (1.0, 2.0, 3.0),
}
"""What `tune` evaluates, for images of unit variance per band."""


@torch.inference_mode()
def crf(probability_KHW: Tensor, image_CHW: Tensor, settings: CRF) -> Tensor:
    """KHW class probabilities after mean field with Potts compatibility, on the device of the given ones.

    image_CHW: normalised, as `IDGBRPipeline.normalise` gives it. Both kernels are normalised symmetrically,
    k(i, j) / sqrt(n_i n_j) with n_i the sum of k(i, j) over the neighbours and the pixel itself, which in turn sends no
    message to itself.
    """
    if probability_KHW.ndim != 3 or image_CHW.ndim != 3 or probability_KHW.shape[1:] != image_CHW.shape[1:]:
        raise InputError(
            "a CRF takes probabilities (classes, height, width) and an image (bands, height, width) of one size, "
            f"not {tuple(probability_KHW.shape)} and {tuple(image_CHW.shape)}"
        )
    image_CHW = image_CHW.to(probability_KHW.device, torch.float32)
    unary_KHW = probability_KHW.float().clamp_min(FLOOR).log()
    one_1HW = torch.ones_like(unary_KHW[:1])
    appearance_1HW = (1 + _appearance(one_1HW, image_CHW, settings)).rsqrt() if settings.appearance else one_1HW
    smoothness_1HW = (1 + _smoothness(one_1HW, settings)).rsqrt() if settings.smoothness else one_1HW
    now_KHW = unary_KHW.softmax(0)
    for _ in range(settings.iterations):
        energy_KHW = unary_KHW.clone()
        if settings.appearance:
            message_KHW = _appearance(now_KHW * appearance_1HW, image_CHW, settings) * appearance_1HW
            energy_KHW += settings.appearance * message_KHW
        if settings.smoothness:
            message_KHW = _smoothness(now_KHW * smoothness_1HW, settings) * smoothness_1HW
            energy_KHW += settings.smoothness * message_KHW
        now_KHW = energy_KHW.softmax(0)
    return now_KHW


def tune(
    examples: Sequence[tuple[Tensor, Tensor, NDArray[Any]]],
    choices: Mapping[str, Sequence[Any]] = CHOICES,
    start: CRF | None = None,
) -> list[tuple[CRF, float]]:
    """All settings evaluated, the best first, each with its score over all examples, 0..1: the mean of mIoU and
    boundary IoU at BOUNDARY_IOU_PX. No CRF at all is among them.

    examples: (probability_KHW, image_CHW, index_HW with UNLABELLED where not known), not those that are scored later.
    From `start`, one field after the other takes the best of its `choices`, in rounds until nothing changes.
    """
    scores: dict[CRF, float] = {}

    def score(settings: CRF) -> float:
        if settings not in scores:
            scores[settings] = _score(examples, settings)
        return scores[settings]

    start = start or CRF()
    best = max(start, replace(start, appearance=0.0, smoothness=0.0), key=score)
    before = None
    while best != before:
        before = best
        for name, values in choices.items():
            best = max((best, *(replace(best, **{name: value}) for value in values)), key=score)
    return sorted(scores.items(), key=lambda pair: -pair[1])


def _appearance(value_KHW: Tensor, image_CHW: Tensor, settings: CRF) -> Tensor:
    """KHW sum over the other pixels of the appearance kernel times their value; each pair's kernel serves both ways."""
    total_KHW = torch.zeros_like(value_KHW)
    height, width = value_KHW.shape[1:]
    rows = max(1, STRIP // width)
    places = _places(settings.position, settings.taps)
    for dy in (place for place in places if 0 <= place < height):
        for dx in (place for place in places if abs(place) < width and (dy or place > 0)):
            near = (dy * dy + dx * dx) / (2 * settings.position**2)
            left, right = (max(0, -dx), width - max(0, dx)), (max(0, dx), width - max(0, -dx))
            for top in range(0, height - dy, rows):
                bottom = min(top + rows, height - dy)
                here = (slice(None), slice(top, bottom), slice(*left))
                there = (slice(None), slice(top + dy, bottom + dy), slice(*right))
                far_HW = (image_CHW[here] - image_CHW[there]).square_().sum(0)
                kernel_HW = far_HW.mul_(-1 / (2 * settings.colour**2)).sub_(near).exp_()
                total_KHW[here].addcmul_(value_KHW[there], kernel_HW)
                total_KHW[there].addcmul_(value_KHW[here], kernel_HW)
    return total_KHW


def _smoothness(value_KHW: Tensor, settings: CRF) -> Tensor:
    """KHW sum over the other pixels of the smoothness kernel times their value, along y and then along x."""
    total_KHW = value_KHW
    for axis in (1, 2):
        before_KHW, total_KHW = total_KHW, total_KHW.clone()
        size = value_KHW.shape[axis]
        for place in (place for place in _places(settings.near, settings.taps) if 0 < place < size):
            weight = exp(-(place**2) / (2 * settings.near**2))
            low, high = (0, size - place), (place, size - place)
            total_KHW.narrow(axis, *low).add_(before_KHW.narrow(axis, *high), alpha=weight)
            total_KHW.narrow(axis, *high).add_(before_KHW.narrow(axis, *low), alpha=weight)
    return total_KHW - value_KHW


def _places(sigma: float, taps: int) -> list[int]:
    """Distances in px along one axis at which a kernel of this standard deviation is taken."""
    radius = ceil(3 * sigma)
    step = ceil(radius / taps)
    reach = radius // step * step
    return list(range(-reach, reach + 1, step))


def _score(examples: Sequence[tuple[Tensor, Tensor, NDArray[Any]]], settings: CRF) -> float:
    confusions, boundaries = [], []
    for probability_KHW, image_CHW, index_HW in examples:
        codes = range(len(probability_KHW))
        label_HW = crf(probability_KHW, image_CHW, settings).argmax(0).to("cpu", torch.uint8).numpy()
        pair = np.asarray(index_HW), label_HW, codes
        confusions.append(confusion_matrix(*pair, ignore=UNLABELLED))
        boundaries.append(BoundaryIoU.of(*pair, BOUNDARY_IOU_PX, ignore=UNLABELLED))
    return (mean_iou(reduce(add, confusions)) + reduce(add, boundaries).mean) / 2
