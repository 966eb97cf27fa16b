"""Discrete diffusion between two states of a pixel, coarse and fine, as in SegRefiner (arXiv 2312.12425, section 3).

A pixel that is still fine at time t (probability 1 - t) shows its true label, else its coarse one. Walking back, a
coarse pixel turns fine with the probability that its step allows times the network's own confidence in its answer, and
stays fine from then on. Which pixels turn is decided by the noise field, pushed through the normal distribution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from idgbr.errors import InputError
from idgbr.labels import probabilities
from idgbr.processes.sampling import Denoiser, Sampling, at_time, guide


def add_noise(time_B: Tensor, clean_BDhw: Tensor, coarse_BDhw: Tensor, noise_BDhw: Tensor, sigma: float) -> Tensor:
    """Clean codes where a pixel is still fine at time_B, coarse ones elsewhere; `sigma` plays no part."""
    return torch.where(_uniform(noise_BDhw) < time_B[:, None, None, None], coarse_BDhw, clean_BDhw)


def check(how: Sampling) -> None:
    """InputError for a start from noise."""
    if how.init != "coarse":
        raise InputError(f"a discrete process starts from the coarse mask, not from {how.init}; set init to coarse")


def sample(refiner: Denoiser, condition: Any, coarse_BKHW: Tensor, noise_BDhw: Tensor, how: Sampling) -> Tensor:
    """BKHW logits of the last step, from a mask that is all coarse; deterministic for given noise."""
    check(how)
    coarse_BDhw = refiner.codec.encode(coarse_BKHW)
    state_BDhw = coarse_BDhw
    uniform_B1hw = _uniform(noise_BDhw)
    still_B1hw = torch.ones_like(uniform_B1hw)
    for step in range(how.num_inference_steps, 0, -1):
        time_B = at_time(step / how.num_inference_steps, coarse_BDhw)
        logits_BKHW = guide(refiner, state_BDhw, time_B, condition, how.guidance_scale)
        if step > 1:
            probability_BKHW = probabilities(logits_BKHW)
            still_B1hw = still_B1hw * (1 - _pooled(probability_BKHW.amax(1, keepdim=True), refiner.codec.stride) / step)
            state_BDhw = torch.where(uniform_B1hw < still_B1hw, coarse_BDhw, refiner.codec.encode(probability_BKHW))
    return logits_BKHW


def _uniform(noise_BDhw: Tensor) -> Tensor:
    """B1hw in 0..1 from the first channel of standard normal noise."""
    return torch.special.ndtr(noise_BDhw[:, :1])


def _pooled(value_B1HW: Tensor, stride: int) -> Tensor:
    return value_B1HW if stride == 1 else torch.nn.functional.avg_pool2d(value_B1HW, stride)
