"""Makes coarse masks worse the way coarse networks are: blurred, shifted, grown, partly lost."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def corrupt(strided_BKHW: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Stride-4 logits in which each sample suffers each fault with probability `share`.

    Blur over 3 cells; shift by one cell; one class grown or shrunk; a rectangle flattened to its mean logits.
    """
    faults = (_blur, _shift, _grow, _flatten)
    hit_FB = torch.rand(len(faults), len(strided_BKHW), generator=random) < share
    samples = list(strided_BKHW)
    for fault, hit_B in zip(faults, hit_FB.tolist(), strict=True):
        samples = [fault(sample, random) if hit else sample for sample, hit in zip(samples, hit_B, strict=True)]
    return torch.stack(samples)


def _integers(low: int, high: int, count: int, random: torch.Generator) -> list[int]:
    return torch.randint(low, high, (count,), generator=random).tolist()


def _blur(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    return F.avg_pool2d(F.pad(logits_KHW[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]


def _shift(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    height, width = logits_KHW.shape[-2:]
    dy, dx = _integers(0, 3, 2, random)
    return F.pad(logits_KHW[None], (1, 1, 1, 1), mode="replicate")[0, :, dy : dy + height, dx : dx + width]


def _grow(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    (chosen,) = _integers(0, len(logits_KHW), 1, random)
    amount = 3 * torch.rand((), generator=random).item() - 1.5
    bias_K = amount * (torch.arange(len(logits_KHW)) == chosen)
    return logits_KHW + bias_K.to(logits_KHW.device)[:, None, None]


def _flatten(logits_KHW: Tensor, random: torch.Generator) -> Tensor:
    height, width = logits_KHW.shape[-2:]
    tall, wide = _integers(2, max(3, min(height, width) // 4), 2, random)
    (y,), (x,) = _integers(0, height - tall, 1, random), _integers(0, width - wide, 1, random)
    out_KHW = logits_KHW.clone()
    patch = out_KHW[:, y : y + tall, x : x + wide]
    patch[:] = patch.mean((1, 2), keepdim=True)
    return out_KHW
