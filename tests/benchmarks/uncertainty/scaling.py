"""Scores made softer or sharper so that probabilities mean what they say (Guo et al. 2017, arXiv 1706.04599)."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

Scaling = Callable[[np.ndarray], np.ndarray]
"""KHW probabilities to others; pixels without data keep their zeros."""


def fit(logit_NK: np.ndarray, index_N: np.ndarray, vector: bool) -> tuple[Scaling, np.ndarray]:
    """By the least negative log-likelihood: one temperature, or a factor and a shift of each class. And the factors."""
    logits, truth = torch.from_numpy(logit_NK).double(), torch.from_numpy(index_N).long()
    factor_K = torch.ones(logits.shape[1] if vector else 1, dtype=torch.float64, requires_grad=True)
    shift_K = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=vector)
    optimiser = torch.optim.LBFGS([factor_K, shift_K] if vector else [factor_K], max_iter=100)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(logits * factor_K + shift_K, truth)
        value.backward()
        return value

    optimiser.step(loss)
    factors, shifts = (each.detach().numpy()[:, None, None] for each in (factor_K, shift_K))

    def scaled(probability_KHW: np.ndarray) -> np.ndarray:
        logit_KHW = log(probability_KHW) * factors + shifts
        odds_KHW = np.exp(logit_KHW - logit_KHW.max(0))
        return (odds_KHW / odds_KHW.sum(0) * probability_KHW.any(0)).astype(np.float32)

    return scaled, factors.ravel()


def log(probability_KHW: np.ndarray) -> np.ndarray:
    return np.log(probability_KHW.clip(1e-30))
