"""Pixel and boundary losses on class logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from idgbr.classes import UNLABELLED
from idgbr.labels import probabilities


def cross_entropy(logits_BKHW: Tensor, target_BHW: Tensor, weight_BHW: Tensor | float = 1.0) -> Tensor:
    """Weighted mean cross-entropy over the labelled pixels; 0 if there is none."""
    loss_BHW = F.cross_entropy(logits_BKHW, target_BHW, ignore_index=UNLABELLED, reduction="none")
    weight_BHW = weight_BHW * (target_BHW != UNLABELLED)
    return (loss_BHW * weight_BHW).sum() / weight_BHW.sum().clamp_min(1)


def edge_weights(target_BHW: Tensor, weight: float, radius: int) -> Tensor:
    """BHW loss weights: `weight` within `radius` px (Chebyshev) of the boundary of two classes, 1 elsewhere."""
    known_BHW = target_BHW != UNLABELLED
    side = 2 * radius + 1
    low_BHW = -F.max_pool2d(-target_BHW.float(), side, 1, radius)
    high_BHW = F.max_pool2d(torch.where(known_BHW, target_BHW, 0).float(), side, 1, radius)
    return torch.where(low_BHW < high_BHW, weight, 1.0)


def boundary_loss(logits_BKHW: Tensor, target_BHW: Tensor, tolerance: int = 2) -> Tensor:
    """1 - soft boundary F1, mean over the classes present (arXiv 1905.07852): contours by 3x3 pooling, matched within
    `tolerance` px (Chebyshev). Unlabelled pixels and contours against them do not count."""
    classes = logits_BKHW.shape[1]
    known_B1HW = (target_BHW != UNLABELLED)[:, None]
    whole_B1HW = 1 - F.max_pool2d(1 - known_B1HW.float(), 3, 1, 1)
    true_BKHW = (target_BHW[:, None] == torch.arange(classes, device=target_BHW.device)[:, None, None]).float()
    edges = [_contour(value) * whole_B1HW for value in (probabilities(logits_BKHW.float()), true_BKHW)]
    wide = [F.max_pool2d(edge, 2 * tolerance + 1, 1, tolerance) for edge in edges]
    sums = (0, 2, 3)
    precision_K = (edges[0] * wide[1]).sum(sums) / edges[0].sum(sums).clamp_min(1e-6)
    recall_K = (edges[1] * wide[0]).sum(sums) / edges[1].sum(sums).clamp_min(1e-6)
    f1_K = 2 * precision_K * recall_K / (precision_K + recall_K).clamp_min(1e-6)
    present_K = edges[1].sum(sums) > 0
    return ((1 - f1_K) * present_K).sum() / present_K.sum().clamp_min(1)


def _contour(value_BKHW: Tensor) -> Tensor:
    """Inner contour of soft masks: how much of a pixel its 3x3 surroundings lack."""
    return value_BKHW + F.max_pool2d(-value_BKHW, 3, 1, 1)
