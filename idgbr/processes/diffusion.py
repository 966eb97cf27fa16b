"""Gaussian diffusion of label codes with Stable Diffusion's schedule, as IDGBR publishes it (arXiv 2507.01573).

1000 steps, beta from 0.00085 to 0.012, linear in its square root. Times are 0..1 here: step round(999 t).
A network may predict the noise (epsilon), v (arXiv 2202.00512), the codes (x0) or class logits (labels).
"""

from __future__ import annotations

import math
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor

from idgbr.errors import InputError
from idgbr.labels import probabilities
from idgbr.processes.sampling import Denoiser, Sampling, at_time, guide
from idgbr.processes.schedulers import BETA, TRAIN_STEPS

WALK_VERSION = 3
"""Part of the digest of models that walk by diffusion; raised when the same model would give other logits."""
FROM_COARSE = 0.5
"""Time at which a walk that starts from the coarse mask begins: the mask under that much noise (arXiv 2108.01073)."""


def add_noise(time_B: Tensor, clean_BDhw: Tensor, coarse_BDhw: Tensor, noise_BDhw: Tensor, sigma: float) -> Tensor:
    """Noised clean codes at time_B; neither the coarse codes nor `sigma` play a part."""
    signal_B111, spread_B111 = _scales(time_B)
    return signal_B111 * clean_BDhw + spread_B111 * noise_BDhw


def target(prediction: str, time_B: Tensor, clean_BDhw: Tensor, noise_BDhw: Tensor) -> Tensor:
    """What a network of that prediction should answer."""
    signal_B111, spread_B111 = _scales(time_B)
    if prediction == "epsilon":
        return noise_BDhw
    return clean_BDhw if prediction == "x0" else signal_B111 * noise_BDhw - spread_B111 * clean_BDhw


def clean_codes(prediction: str, answer_BDhw: Tensor, time_B: Tensor, noisy_BDhw: Tensor) -> Tensor:
    """The codes that an answer stands for."""
    signal_B111, spread_B111 = _scales(time_B)
    if prediction == "epsilon":
        return (noisy_BDhw - spread_B111 * answer_BDhw) / signal_B111
    return answer_BDhw if prediction == "x0" else signal_B111 * noisy_BDhw - spread_B111 * answer_BDhw


def check(how: Sampling) -> None:
    """InputError for more steps from the coarse mask than its part of the schedule has, and for a scheduler that would
    take some of them at one time, or later than any of the training."""
    _scheduled(how)


def sample(refiner: Denoiser, condition: Any, coarse_BKHW: Tensor, noise_BDhw: Tensor, how: Sampling) -> Tensor:
    """BKHW logits after a walk by diffusers' scheduler, from pure noise or from the coarse mask under the noise of
    FROM_COARSE, as diffusers' image to image."""
    prediction, codec, steps = refiner.config["prediction"], refiner.codec, how.num_inference_steps
    scheduler = _scheduled(how)
    if how.init == "noise":
        state_BDhw = noise_BDhw * scheduler.init_noise_sigma
    else:
        first_B = scheduler.timesteps[-steps].expand(len(noise_BDhw))
        state_BDhw = scheduler.add_noise(codec.encode(coarse_BKHW), noise_BDhw, first_B.to(noise_BDhw.device))
    for step in scheduler.timesteps[-steps:]:
        time_B = at_time(step.item() / (TRAIN_STEPS - 1), noise_BDhw)
        seen_BDhw = scheduler.scale_model_input(state_BDhw, step)
        answer = guide(refiner, seen_BDhw, time_B, condition, how.guidance_scale).float()
        output = codec.encode(probabilities(answer)) if prediction == "labels" else answer
        state_BDhw = scheduler.step(output, step, state_BDhw).prev_sample
    return answer if prediction == "labels" else codec.logits(state_BDhw)


def _scheduled(how: Sampling) -> Any:
    """A fresh scheduler at the walk's times, which are its last; raises what `check` does."""
    steps, most = how.num_inference_steps, round(TRAIN_STEPS * FROM_COARSE)
    if how.init == "coarse" and steps > most:
        raise InputError(f"num_inference_steps from the coarse mask must be at most {most}, not {steps}")
    scheduler = deepcopy(how.scheduler)
    scheduler.set_timesteps(steps if how.init == "noise" else round(steps / FROM_COARSE))
    times = scheduler.timesteps[-steps:].tolist()
    if len(set(times)) < steps or max(times) >= TRAIN_STEPS:
        raise InputError(
            f"num_inference_steps {steps} does not fit the times of the {type(scheduler).__name__}: some would be "
            f"alike or beyond the training's {TRAIN_STEPS}; take fewer, or timestep_spacing trailing"
        )
    return scheduler


def _scales(time_B: Tensor) -> tuple[Tensor, Tensor]:
    kept_B = _kept().to(time_B.device)[((TRAIN_STEPS - 1) * time_B).round().long()]
    kept_B111 = kept_B.float()[:, None, None, None]
    return kept_B111.sqrt(), (1 - kept_B111).sqrt()


@cache
def _kept() -> Tensor:
    """Share of variance that is still signal after each of the 1000 steps (float64)."""
    beta = torch.linspace(math.sqrt(BETA[0]), math.sqrt(BETA[1]), TRAIN_STEPS, dtype=torch.float64).square()
    return (1 - beta).cumprod(0)
