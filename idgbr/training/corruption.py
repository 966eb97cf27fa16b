"""Makes coarse masks worse the way coarse networks are: blurred, shifted, grown, partly lost, or cut to labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from idgbr.labels import probabilities

CELL = 4
"""Pixels of a coarse network's stride, the size of its faults."""
SURE = 0.95
"""Probability of a label that is given without probabilities."""


def corrupt(coarse_BKHW: Tensor, share: float, hard: float, random: torch.Generator) -> Tensor:
    """Class probabilities in which each sample suffers each fault with probability `share`.

    Blur over 3 cells; shift by one cell; one class grown or shrunk; a rectangle flattened to its mean. A share `hard`
    of the samples then keeps only its labels.
    """
    faults = (_blur, _shift, _grow, _flatten)
    hit_FB = torch.rand(len(faults) + 1, len(coarse_BKHW), generator=random)
    hit_FB = hit_FB < torch.tensor([share] * len(faults) + [hard])[:, None]
    if not hit_FB.any():
        return coarse_BKHW
    samples = list(coarse_BKHW.clamp_min(1e-4).log())
    for fault, hit_B in zip((*faults, _harden), hit_FB.tolist(), strict=True):
        samples = [fault(sample, random) if hit else sample for sample, hit in zip(samples, hit_B, strict=True)]
    return probabilities(torch.stack(samples))


def _integers(low: int, high: int, count: int, random: torch.Generator) -> list[int]:
    return torch.randint(low, high, (count,), generator=random).tolist()


def _blur(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    side = 3 * CELL // 2
    return F.avg_pool2d(F.pad(logits_KHW[None], (side, side, side, side), mode="replicate"), 2 * side + 1, 1)[0]


def _shift(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    height, width = logits_KHW.shape[-2:]
    dy, dx = _integers(0, 2 * CELL + 1, 2, random)
    padded = F.pad(logits_KHW[None], (CELL, CELL, CELL, CELL), mode="replicate")[0]
    return padded[:, dy : dy + height, dx : dx + width]


def _grow(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    (chosen,) = _integers(0, len(logits_KHW), 1, random)
    amount = 3 * torch.rand((), generator=random).item() - 1.5
    bias_K = amount * (torch.arange(len(logits_KHW)) == chosen)
    return logits_KHW + bias_K.to(logits_KHW.device)[:, None, None]


def _flatten(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    height, width = logits_KHW.shape[-2:]
    low, high = 2 * CELL, max(3 * CELL, min(height, width) // 4)
    tall, wide = (
        min(side, limit) for side, limit in zip(_integers(low, high, 2, random), (height, width), strict=True)
    )
    (y,), (x,) = _integers(0, height - tall + 1, 1, random), _integers(0, width - wide + 1, 1, random)
    out_KHW = logits_KHW.clone()
    patch = out_KHW[:, y : y + tall, x : x + wide]
    patch[:] = patch.mean((1, 2), keepdim=True)
    return out_KHW


def _harden(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    hit_KHW = logits_KHW.argmax(0) == torch.arange(len(logits_KHW), device=logits_KHW.device)[:, None, None]
    return (
        hit_KHW * torch.logit(torch.tensor(SURE)).item() + hit_KHW * torch.log(torch.tensor(len(logits_KHW) - 1)).item()
    )
