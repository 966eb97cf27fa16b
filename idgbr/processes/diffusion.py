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
from idgbr.processes.sampling import Denoiser, Sampling, at_time, guided

TRAIN_STEPS = 1000
FROM_COARSE = 0.5
"""Time at which a walk that starts from the coarse mask begins: the mask under that much noise (arXiv 2108.01073)."""


def noisy(time_B: Tensor, clean_BDhw: Tensor, coarse_BDhw: Tensor, noise_BDhw: Tensor, sigma: float) -> Tensor:
    """Noised clean codes at time_B; neither the coarse codes nor `sigma` play a part."""
    signal_B111, spread_B111 = _scales(time_B)
    return signal_B111 * clean_BDhw + spread_B111 * noise_BDhw


def target(prediction: str, time_B: Tensor, clean_BDhw: Tensor, noise_BDhw: Tensor) -> Tensor:
    """What a network of that prediction should answer."""
    signal_B111, spread_B111 = _scales(time_B)
    if prediction == "epsilon":
        return noise_BDhw
    return clean_BDhw if prediction == "x0" else signal_B111 * noise_BDhw - spread_B111 * clean_BDhw


def clean_of(prediction: str, answer_BDhw: Tensor, time_B: Tensor, noisy_BDhw: Tensor) -> Tensor:
    """The codes that an answer stands for."""
    signal_B111, spread_B111 = _scales(time_B)
    if prediction == "epsilon":
        return (noisy_BDhw - spread_B111 * answer_BDhw) / signal_B111
    return answer_BDhw if prediction == "x0" else signal_B111 * noisy_BDhw - spread_B111 * answer_BDhw


def sample(refiner: Denoiser, condition: Any, coarse_BKHW: Tensor, noise_BDhw: Tensor, how: Sampling) -> Tensor:
    """BKHW logits after times that trail: the first is the start's own (1 of noise), the last 1/steps of it.

    Leading times, which pair pure noise with a late step, make few steps useless (arXiv 2409.11355).
    """
    prediction, codec = refiner.config["prediction"], refiner.codec
    start = 1.0 if how.init == "noise" else FROM_COARSE
    times = [start * step / how.num_inference_steps for step in range(how.num_inference_steps, 0, -1)]
    state_BDhw = noise_BDhw
    if how.init == "coarse":
        state_BDhw = noisy(at_time(start, noise_BDhw), codec.encode(coarse_BKHW), noise_BDhw, noise_BDhw, 0.0)
    before: tuple[Tensor, float] | None = None
    for number, time in enumerate(times):
        time_B = at_time(time, noise_BDhw)
        answer = guided(refiner, state_BDhw, time_B, condition, how.guidance_scale)
        last = number + 1 == len(times)
        if prediction == "labels":
            if last:
                return answer
            clean_BDhw = codec.encode(probabilities(answer))
        else:
            clean_BDhw = clean_of(prediction, answer, time_B, state_BDhw)
            if last:
                return codec.logits(clean_BDhw)
        walk = _dpm if how.solver == "dpm++" else _ddim
        state_BDhw = walk(state_BDhw, clean_BDhw, time, times[number + 1], before)
        before = clean_BDhw, time
    raise AssertionError("at least one step is taken")


def _ddim(
    state_BDhw: Tensor, clean_BDhw: Tensor, time: float, later: float, before: tuple[Tensor, float] | None
) -> Tensor:
    """One deterministic step of DDIM (arXiv 2010.02502, equation 12 with sigma 0)."""
    (signal, spread), (next_signal, next_spread) = _scale(time), _scale(later)
    return next_signal * clean_BDhw + next_spread / spread * (state_BDhw - signal * clean_BDhw)


def _dpm(
    state_BDhw: Tensor, clean_BDhw: Tensor, time: float, later: float, before: tuple[Tensor, float] | None
) -> Tensor:
    """One step of DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2); the first is of first order, which is DDIM."""
    if before is None:
        return _ddim(state_BDhw, clean_BDhw, time, later, before)
    earlier_BDhw, earlier = before
    ratio = (_log_snr(time) - _log_snr(earlier)) / (_log_snr(later) - _log_snr(time))
    return _ddim(state_BDhw, torch.lerp(clean_BDhw, earlier_BDhw, -0.5 / ratio), time, later, before)


def _log_snr(time: float) -> float:
    signal, spread = _scale(time)
    return math.log(signal / spread)


def _scale(time: float) -> tuple[float, float]:
    kept = _kept()[round((TRAIN_STEPS - 1) * time)].item()
    return math.sqrt(kept), math.sqrt(1 - kept)


def _scales(time_B: Tensor) -> tuple[Tensor, Tensor]:
    kept_B = _kept().to(time_B.device)[((TRAIN_STEPS - 1) * time_B).round().long()]
    kept_B111 = kept_B.float()[:, None, None, None]
    return kept_B111.sqrt(), (1 - kept_B111).sqrt()


@cache
def _kept() -> Tensor:
    """Share of variance that is still signal after each of the 1000 steps (float64)."""
    beta = torch.linspace(math.sqrt(0.00085), math.sqrt(0.012), TRAIN_STEPS, dtype=torch.float64).square()
    return (1 - beta).cumprod(0)
