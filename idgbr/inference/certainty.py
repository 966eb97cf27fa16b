"""The likeliest class of each pixel, and by how much it leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Certainty(NamedTuple):
    """code_HW: the likeliest class's code, uint8; of equally likely ones the first. probability_HW: its probability.
    margin_HW: by how much that is above the second's, at temperature 1. Leading axes are those of the logits."""

    code_HW: Tensor
    probability_HW: Tensor
    margin_HW: Tensor


def certainty(logits_KHW: Tensor, codes: Sequence[int], temperature: float = 1.0) -> Certainty:
    """From class logits; codes: of each class, 0..255; leading axes are allowed. temperature: what the logits are
    divided by for the probability.

    Plane by plane, so its bits do not depend on the number of threads, and no probability of all classes is kept.
    """
    planes_HW = logits_KHW.unbind(-3)
    first_HW, second_HW = planes_HW[0].clone(), torch.full_like(planes_HW[0], -torch.inf)
    code_HW = torch.full_like(first_HW, codes[0], dtype=torch.uint8)
    between_HW = torch.empty_like(first_HW)
    for code, plane_HW in zip(codes[1:], planes_HW[1:], strict=True):
        code_HW.masked_fill_(plane_HW > first_HW, code)
        torch.minimum(first_HW, plane_HW, out=between_HW)
        torch.maximum(second_HW, between_HW, out=second_HW)
        torch.maximum(first_HW, plane_HW, out=first_HW)
    total_HW = torch.zeros_like(first_HW)
    for plane_HW in planes_HW:
        total_HW += torch.sub(plane_HW, first_HW, out=between_HW).exp_()
    margin_HW = second_HW.sub_(first_HW).exp_().neg_().add_(1).div_(total_HW)
    if temperature != 1:
        total_HW.zero_()
        for plane_HW in planes_HW:
            total_HW += torch.sub(plane_HW, first_HW, out=between_HW).div_(temperature).exp_()
    return Certainty(code_HW, total_HW.reciprocal_(), margin_HW)
