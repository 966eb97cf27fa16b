"""Label codes: every class is a corner of the cube {-1, +1}^D, fixed and never trained.

Shape letters used in this package: B batch, C bands or channels, K classes, D code channels, H rows, W columns.
"""

from __future__ import annotations

from functools import reduce
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError


class ClassRow(TypedDict):
    """One class: `code` is its value in label arrays (0..255), `color` is "#rrggbb"."""

    code: int
    name: str
    color: str


def corner_codes(classes: int) -> Tensor:
    """code_KD in {-1, +1} with D = ceil(log2 K): the binary digits of the class index, so 2 classes are antipodal.

    >>> corner_codes(2).tolist()
    [[-1.0], [1.0]]
    """
    if classes < 2:
        raise InputError(f"a label code needs at least 2 classes, not {classes}")
    digits = (classes - 1).bit_length()
    bit_KD = torch.arange(classes)[:, None] >> torch.arange(digits) & 1
    return bit_KD.float() * 2 - 1


def encode(index_BHW: Tensor, code_KD: Tensor) -> Tensor:
    """BDHW codes of the class indices 0..K-1."""
    return F.embedding(index_BHW.long(), code_KD).movedim(-1, 1)


def probabilities(logits_BKHW: Tensor) -> Tensor:
    """BKHW softmax over the classes, plane by plane, so its bits do not depend on the number of threads."""
    planes_BHW = logits_BKHW.contiguous().unbind(1)
    first_BHW = reduce(torch.maximum, planes_BHW)
    odds = [(plane_BHW - first_BHW).exp() for plane_BHW in planes_BHW]
    total_BHW = reduce(torch.add, odds)
    return torch.stack([odds_BHW / total_BHW for odds_BHW in odds], 1)


def expected_code(probability_BKHW: Tensor, code_KD: Tensor) -> Tensor:
    """BDHW mean code under the class probabilities; of a one-hot probability it is the class's own code."""
    return (code_KD.T @ probability_BKHW.flatten(2)).unflatten(2, probability_BKHW.shape[2:])


def decode(value_BDHW: Tensor, code_KD: Tensor) -> Tensor:
    """BHW index of the nearest code (Euclidean); of equally near ones the lowest index."""
    return torch.einsum("bdhw,kd->bkhw", value_BDHW, code_KD).argmax(1)


class CornerCodec(nn.Module):
    """The codes as a codec: `channels` values at `stride` 1 for a pixel's class; nothing is learned or saved."""

    stride = 1
    code_KD: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("code_KD", corner_codes(classes), persistent=False)
        self.channels = self.code_KD.shape[1]

    def encode(self, probability_BKHW: Tensor) -> Tensor:
        """BDHW mean code, float32 under autocast too."""
        return expected_code(probability_BKHW, self.code_KD).float()

    def logits(self, value_BDHW: Tensor) -> Tensor:
        """BKHW; on a corner, its class is e^4 times as probable as one that differs in one digit."""
        return torch.einsum("bdhw,kd->bkhw", 2 * value_BDHW, self.code_KD)
