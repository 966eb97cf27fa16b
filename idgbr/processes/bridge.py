"""The bridge from the true labels (t = 0) to the coarse mask (t = 1), and the sampler that walks it back.

z_t = (1 - t) * code(true) + t * code(coarse) + sigma * t * noise: the noise fades with t and is gone at t = 0.
Starting from the coarse mask instead of pure noise keeps its meaning and needs few steps (compare SegRefiner,
arXiv 2312.12425). With sigma 0, and trained at t = 1 alone, it is a feed-forward refiner.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idgbr.errors import InputError
from idgbr.labels import probabilities
from idgbr.processes.sampling import Denoiser, Sampling, at_time, guide


def add_noise(time_B: Tensor, clean_BDhw: Tensor, coarse_BDhw: Tensor, noise_BDhw: Tensor, sigma: float) -> Tensor:
    """z_t at time_B in 0..1 from clean codes, coarse codes and standard normal noise."""
    time_B111 = time_B[:, None, None, None]
    return torch.lerp(clean_BDhw, coarse_BDhw, time_B111) + sigma * time_B111 * noise_BDhw


def check(how: Sampling) -> None:
    """InputError for a start from noise."""
    if how.init != "coarse":
        raise InputError(f"a bridge starts from the coarse mask, not from {how.init}; set init to coarse")


def sample(refiner: Denoiser, condition: Any, coarse_BKHW: Tensor, noise_BDhw: Tensor, how: Sampling) -> Tensor:
    """BKHW logits after evenly spaced times from 1 down; deterministic for given noise.

    Each step's predicted class probabilities become the clean code of the next, noisier by less.
    coarse_BKHW: class probabilities; noise_BDhw: standard normal.
    """
    check(how)
    coarse_BDhw = refiner.codec.encode(coarse_BKHW)
    clean_BDhw = coarse_BDhw
    for step in range(how.num_inference_steps, 0, -1):
        time_B = at_time(step / how.num_inference_steps, coarse_BDhw)
        noisy_BDhw = add_noise(time_B, clean_BDhw, coarse_BDhw, noise_BDhw, refiner.config["sigma"])
        logits_BKHW = guide(refiner, noisy_BDhw, time_B, condition, how.guidance_scale)
        if step > 1:
            clean_BDhw = refiner.codec.encode(probabilities(logits_BKHW))
    return logits_BKHW
