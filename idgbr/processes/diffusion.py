"""Gaussian diffusion of label codes with Stable Diffusion's schedule, as IDGBR publishes it (arXiv 2507.01573).

1000 steps, beta from 0.00085 to 0.012, linear in its square root. Times are 0..1 here: step round(999 t).
A network may predict the noise (epsilon), v (arXiv 2202.00512), the codes (x0) or class logits (labels).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from idgbr.labels import probabilities
from idgbr.processes.sampling import Denoiser, Sampling, Solver, at_time, guide

WALK_VERSION = 3
"""Part of the digest of models that walk by diffusion; raised when the same model would give other logits."""
TRAIN_STEPS = 1000
BETA = 0.00085, 0.012
PREDICTION_TYPES = {"epsilon": "epsilon", "v": "v_prediction", "x0": "sample", "labels": "sample"}
"""diffusers' name of what a network predicts; class logits become the clean codes of their probabilities."""
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


def sample(refiner: Denoiser, condition: Any, coarse_BKHW: Tensor, noise_BDhw: Tensor, how: Sampling) -> Tensor:
    """BKHW logits after diffusers' trailing times: the first is the start's own (pure noise, or the coarse mask under
    the noise of FROM_COARSE).

    Leading times, which pair pure noise with a late step, make few steps useless (arXiv 2409.11355).
    """
    prediction, codec = refiner.config["prediction"], refiner.codec
    scheduler = _scheduler(how.solver, prediction)
    state_BDhw = noise_BDhw
    if how.init == "noise":
        scheduler.set_timesteps(how.num_inference_steps)
    else:
        scheduler.set_timesteps(round(how.num_inference_steps / FROM_COARSE))
        first_B = scheduler.timesteps[-how.num_inference_steps].expand(len(noise_BDhw))
        state_BDhw = scheduler.add_noise(codec.encode(coarse_BKHW), noise_BDhw, first_B.to(noise_BDhw.device))
    for step in scheduler.timesteps[-how.num_inference_steps :]:
        time_B = at_time(step.item() / (TRAIN_STEPS - 1), noise_BDhw)
        answer = guide(refiner, state_BDhw, time_B, condition, how.guidance_scale).float()
        output = codec.encode(probabilities(answer)) if prediction == "labels" else answer
        state_BDhw = scheduler.step(output, step, state_BDhw).prev_sample
    return answer if prediction == "labels" else codec.logits(state_BDhw)


def _scheduler(solver: Solver, prediction: str) -> Any:
    """diffusers' DPM-Solver++, whose last step ends without noise; imported late, as few models walk by diffusion.

    DDIM is its first order. diffusers' DDIMScheduler is not used: it steps down by 1000 // steps, which misses the next
    time where the number of steps does not divide 1000.
    """
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    return DPMSolverMultistepScheduler(
        num_train_timesteps=TRAIN_STEPS,
        beta_start=BETA[0],
        beta_end=BETA[1],
        beta_schedule="scaled_linear",
        timestep_spacing="trailing",
        prediction_type=PREDICTION_TYPES[prediction],
        algorithm_type="dpmsolver++",
        solver_order=1 if solver == "ddim" else 2,
    )


def _scales(time_B: Tensor) -> tuple[Tensor, Tensor]:
    kept_B = _kept().to(time_B.device)[((TRAIN_STEPS - 1) * time_B).round().long()]
    kept_B111 = kept_B.float()[:, None, None, None]
    return kept_B111.sqrt(), (1 - kept_B111).sqrt()


@cache
def _kept() -> Tensor:
    """Share of variance that is still signal after each of the 1000 steps (float64)."""
    beta = torch.linspace(math.sqrt(BETA[0]), math.sqrt(BETA[1]), TRAIN_STEPS, dtype=torch.float64).square()
    return (1 - beta).cumprod(0)
