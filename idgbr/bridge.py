"""The bridge from the true labels (t = 0) to the coarse mask (t = 1), and the sampler that walks it back.

z_t = (1 - t) * code(true) + t * code(coarse) + sigma * t * noise: the noise fades with t and is gone at t = 0.
Starting from the coarse mask instead of pure noise keeps its meaning and needs few steps (compare SegRefiner,
arXiv 2312.12425).
"""

from __future__ import annotations

import torch
from torch import Tensor

from idgbr.errors import InputError
from idgbr.guidance import Condition
from idgbr.labels import expected_code, probabilities
from idgbr.refiner import Refiner


def bridge(time_B: Tensor, clean_BDHW: Tensor, coarse_BDHW: Tensor, noise_BDHW: Tensor, sigma: float) -> Tensor:
    """z_t at time_B in 0..1 from clean codes, coarse codes and standard normal noise."""
    time_B111 = time_B[:, None, None, None]
    return torch.lerp(clean_BDHW, coarse_BDHW, time_B111) + sigma * time_B111 * noise_BDHW


def sample(refiner: Refiner, condition: Condition, coarse_BKHW: Tensor, noise_BDHW: Tensor, steps: int = 2) -> Tensor:
    """BKHW logits after `steps` evenly spaced times from 1 down; deterministic for given noise.

    Each step's predicted class probabilities become the clean code of the next, noisier by less.
    coarse_BKHW: class probabilities; noise_BDHW: standard normal.
    """
    if steps < 1:
        raise InputError(f"refinement takes at least 1 step, not {steps}")
    coarse_BDHW = expected_code(coarse_BKHW, refiner.code_KD)
    clean_BDHW = coarse_BDHW
    for step in range(steps, 0, -1):
        time_B = torch.full(coarse_BKHW.shape[:1], step / steps, device=coarse_BKHW.device)
        noisy_BDHW = bridge(time_B, clean_BDHW, coarse_BDHW, noise_BDHW, refiner.config["sigma"])
        logits_BKHW = refiner(noisy_BDHW, time_B, condition)
        clean_BDHW = expected_code(probabilities(logits_BKHW), refiner.code_KD)
    return logits_BKHW
