"""What change networks are trained with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from idgbr.classes import UNLABELLED

EPSILON = 1e-7


def change_loss(logits_BNHW: Tensor, target_BHW: Tensor) -> Tensor:
    """Binary cross-entropy (mean) and Dice loss (sums over batch and pixels), summed over the N logits
    (arXiv 2503.20734).

    target_BHW: 1 where the ground changed, 0 where it did not, UNLABELLED where it is not known, which does not count.
    """
    known_BHW = (target_BHW != UNLABELLED).float()
    true_BHW = (target_BHW == 1).float()
    losses = [
        _cross_entropy(logit_BHW, true_BHW, known_BHW) + _dice(logit_BHW, true_BHW, known_BHW)
        for logit_BHW in logits_BNHW.float().unbind(1)
    ]
    return torch.stack(losses).sum()


def _cross_entropy(logit_BHW: Tensor, true_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    loss_BHW = F.binary_cross_entropy_with_logits(logit_BHW, true_BHW, reduction="none")
    return (loss_BHW * known_BHW).sum() / known_BHW.sum().clamp_min(1)


def _dice(logit_BHW: Tensor, true_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    share_BHW = torch.sigmoid(logit_BHW) * known_BHW
    common, both = (share_BHW * true_BHW).sum(), share_BHW.sum() + true_BHW.sum()
    return 1 - (2 * common + EPSILON) / (both + EPSILON)
