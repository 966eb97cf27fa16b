"""Coarse masks of the user's own, as the logits that refinement starts from."""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.classes import class_index
from idgbr.errors import InputError
from idgbr.inference.batches import tensor

TRUST = 0.95
"""Probability of a class code that comes without probabilities."""


def coarse_input_logits(coarse: NDArray[Any], image_BCHW: Tensor, codes: tuple[int, ...], no_label: int) -> Tensor:
    """BKHW logits of a mask: of class codes BHW, each taken as right with probability TRUST, or of probabilities BKHW.

    Raises InputError for another shape than the image's, and for values that are no class codes or no probabilities.
    """
    classes = len(codes)
    batch, _, height, width = image_BCHW.shape
    if coarse.shape == (batch, classes, height, width):
        probability_BKHW = tensor(coarse).to(torch.float32)
        if not bool((probability_BKHW.isfinite() & (probability_BKHW >= 0)).all()):
            raise InputError("coarse holds probabilities that are negative or not finite; give numbers in 0..1")
        return probability_BKHW.clamp_min(1e-6).log()
    if coarse.shape != (batch, height, width):
        raise InputError(
            f"coarse must be class codes {(batch, height, width)} or "
            f"probabilities {(batch, classes, height, width)}, not an array of shape {coarse.shape}"
        )
    index_BHW = torch.from_numpy(class_index(coarse, codes, no_label)).long()
    hit_BKHW = index_BHW[:, None] == torch.arange(classes)[:, None, None]
    return hit_BKHW * math.log(TRUST / (1 - TRUST) * (classes - 1))
