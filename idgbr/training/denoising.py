"""What a diffusion U-Net has learned: its error by noise level on images it has not seen, and images of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from idgbr.coarse.diffusion_unet import DiffusionUNet, new_scheduler
from idgbr.training.crops import Crops
from idgbr.training.ddpm import scaled_batch, squared_error

STEPS = (5, 20, 45, 100, 200, 400, 600, 800, 950)
"""Of the schedule, at which the error is measured."""


@dataclass(frozen=True)
class DenoisingError:
    """Mean squared error of the predicted noise, whose variance is 1, at one step of the schedule.

    alpha_bar: the step's share of signal. pointwise: the error of the best multiple of the noisy number itself, that
    is, of one who knows nothing about how pixels belong together.
    """

    step: int
    alpha_bar: float
    error: float
    pointwise: float


@torch.inference_mode()
def denoising_errors(network: DiffusionUNet, crops: Crops, batches: int = 4) -> list[DenoisingError]:
    """At each of STEPS, over the same crops with the same noise. crops: `ddpm.unlabelled_crops` of held-out images."""
    network.eval()
    generator = torch.Generator().manual_seed(crops.seed)
    sums = {step: torch.zeros(5, dtype=torch.float64) for step in STEPS}
    for number in range(1, batches + 1):
        clean_BCHW, seen_B1HW = scaled_batch(network, *crops(number, rank=0))
        noise_BCHW = torch.randn(clean_BCHW.shape, generator=generator).to(network.device)
        for step in STEPS:
            step_B = torch.full((len(clean_BCHW),), step, device=network.device)
            noisy_BCHW = network.add_noise(clean_BCHW, noise_BCHW, step_B)
            answer_BCHW = network(noisy_BCHW, step_B).float()
            count = seen_B1HW.sum()
            parts = [squared_error(answer_BCHW, noise_BCHW, seen_B1HW) * count]
            pairs = ((noisy_BCHW, noise_BCHW), (noisy_BCHW, noisy_BCHW), (noise_BCHW, noise_BCHW))
            parts += [((a * b).mean(1, keepdim=True) * seen_B1HW).sum() for a, b in pairs]
            sums[step] += torch.stack([*parts, count]).double().cpu()
    return [_error(network, step, total_5) for step, total_5 in sums.items()]


@torch.inference_mode()
def draw_samples(network: DiffusionUNet, count: int, side: int, steps: int = 100, seed: int = 0) -> Tensor:
    """BCHW images in -1..1 that the network makes of noise, by `steps` steps of ancestral sampling."""
    network.eval()
    generator = torch.Generator().manual_seed(seed)
    scheduler = new_scheduler(network.config["schedule"])
    scheduler.set_timesteps(steps)
    shape = count, len(network.config["bands"]), side, side
    state_BCHW = torch.randn(shape, generator=generator)
    for step in scheduler.timesteps:
        step_B = step.expand(count).to(network.device)
        placed = state_BCHW.to(network.device).contiguous(memory_format=torch.channels_last)
        answer_BCHW = network(placed, step_B).float().cpu()
        state_BCHW = scheduler.step(answer_BCHW, step, state_BCHW, generator=generator).prev_sample
    return state_BCHW.clamp(-1, 1)


def real_images(network: DiffusionUNet, crops: Crops, count: int) -> Tensor:
    """BCHW crops in -1..1, to look at beside `draw_samples`."""
    batches = range(1, -(-count // crops.batch) + 1)
    return torch.cat([scaled_batch(network, *crops(number, rank=0))[0].cpu() for number in batches])[:count]


def _error(network: DiffusionUNet, step: int, total_5: Tensor) -> DenoisingError:
    squared, product, noisy, noise, count = total_5.tolist()
    count = max(count, 1.0)
    pointwise = (noise - product**2 / max(noisy, 1e-12)) / count
    return DenoisingError(step, float(network.alpha_bars[step]), squared / count, pointwise)
