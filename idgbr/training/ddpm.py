"""Trains a diffusion U-Net on images without labels (DDPM, arXiv 2006.11239)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.coarse.diffusion_unet import PRESETS, TRAIN_STEPS, DiffusionUNet
from idgbr.errors import InputError
from idgbr.no_data import missing_of_array
from idgbr.training import ranks
from idgbr.training.coarse import training_digest
from idgbr.training.crops import Augmentation, Crops, Pair, check_pairs, prefetch
from idgbr.training.loop import Optimisation, Progress, optimise, with_seed
from idgbr.training.sizes import fitting

DATA = 1
"""The class of pixels with data, for `Crops`."""
TAIL = 0.5
"""Percent of a band's pixels on either side of its range."""
MOST_SAMPLES = 1_000_000
"""Pixels a band, over all images, from which its range is taken."""


@dataclass(frozen=True, kw_only=True)
class DDPMTraining:
    """bands: names; crop: px, a multiple of the U-Net's; batch: crops a step. sizes: config of the `DiffusionUNet`
    besides its bands. blank: see `idgbr.settings`. Crops get flips and quarter turns."""

    bands: tuple[str, ...]
    crop: int = 256
    batch: int = 32
    seed: int = 0
    sizes: Mapping[str, Any] = field(default_factory=lambda: PRESETS["S"])
    blank: float | None = 0.0
    optimisation: Optimisation = field(default_factory=lambda: Optimisation(rate=1e-4))
    device: str = "cpu"


def train_ddpm(
    images: Sequence[NDArray[Any]],
    folder: str | Path,
    config: DDPMTraining,
    state: Path | None = None,
    *,
    save_every: int = 200,
    deadline: float | None = None,
) -> Iterator[Progress]:
    """Trains a U-Net to predict the noise in crops of images CHW (raw numbers) and, when exhausted, saves it.

    The loss is the mean squared error over the pixels with data, at steps of the schedule drawn evenly. state,
    save_every, deadline: see `loop.optimise`; a state is continued with the same images and config only.
    """
    network = new_ddpm(images, config).place(config.device)
    crops = unlabelled_crops(images, config)
    if config.crop % network.multiple:
        raise InputError(f"crop must be a multiple of {network.multiple} px for this U-Net, not {config.crop}")
    with prefetch(crops, config.optimisation.steps) as batches:

        def loss(step: int) -> Tensor:
            clean_BCHW, seen_B1HW = scaled_batch(network, *batches(step))
            noise_BCHW = torch.randn_like(clean_BCHW)
            step_B = torch.randint(TRAIN_STEPS, (len(clean_BCHW),), device=clean_BCHW.device)
            answer_BCHW = network(network.add_noise(clean_BCHW, noise_BCHW, step_B), step_B).float()
            return squared_error(answer_BCHW, noise_BCHW, seen_B1HW)

        yield from optimise(
            network.requires_grad_(True),
            loss,
            config.optimisation,
            state,
            about=training_digest(crops.pairs, config),
            save_every=save_every,
            deadline=deadline,
        )
    if ranks.rank() == 0:
        network.save_pretrained(folder)
    ranks.wait()


def new_ddpm(images: Sequence[NDArray[Any]], config: DDPMTraining) -> DiffusionUNet:
    """An untrained U-Net with first weights of `config.seed` and the images' band ranges."""
    with fitting("diffusion U-Net", config.sizes):
        network = with_seed(config.seed, lambda: DiffusionUNet(list(config.bands), **config.sizes))
    check_pairs(_masked(images, config.blank), len(config.bands), (DATA,))
    pixels_CN = np.concatenate([_some_pixels(image_CHW, config.blank, len(images)) for image_CHW in images], 1)
    low_C, high_C = np.percentile(pixels_CN, [TAIL, 100 - TAIL], axis=1)
    for buffer, value_C in (
        (network.low_C, low_C),
        (network.high_C, np.maximum(high_C, low_C + 1e-6)),
        (network.fill_C, pixels_CN.mean(1)),
    ):
        buffer.copy_(torch.from_numpy(value_C))
    return network


def unlabelled_crops(images: Sequence[NDArray[Any]], config: DDPMTraining) -> Crops:
    """Crops whose label says where there is data."""
    turned_only = Augmentation(gain=0.0, band_gain=0.0, nodata=0.0)
    pairs = _masked(images, config.blank)
    return Crops(pairs, (DATA,), config.crop, config.batch, config.seed, turned_only, blank=config.blank)


def scaled_batch(network: DiffusionUNet, raw_BCHW: NDArray[Any], index_BHW: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """A batch of `unlabelled_crops` as the U-Net takes it, and where it has data."""
    seen_B1HW = torch.from_numpy(index_BHW == 0)[:, None].to(network.device)
    raw = torch.from_numpy(raw_BCHW).to(network.device)
    clean_BCHW = network.scaled(raw, ~seen_B1HW)
    return clean_BCHW.contiguous(memory_format=torch.channels_last), seen_B1HW


def squared_error(answer_BCHW: Tensor, noise_BCHW: Tensor, seen_B1HW: Tensor) -> Tensor:
    """Mean over the pixels with data; 0 if there is none."""
    error_B1HW = (answer_BCHW - noise_BCHW).square().mean(1, keepdim=True)
    return (error_B1HW * seen_B1HW).sum() / seen_B1HW.sum().clamp_min(1)


def _masked(images: Sequence[NDArray[Any]], blank: float | None) -> list[Pair]:
    return [(image_CHW, (~missing_of_array(image_CHW, blank)).astype(np.uint8)) for image_CHW in images]


def _some_pixels(image_CHW: NDArray[Any], blank: float | None, images: int) -> NDArray[np.float64]:
    """Every nth pixel with data, CN."""
    seen_CN = image_CHW[:, ~missing_of_array(image_CHW, blank)]
    return seen_CN[:, :: -(-seen_CN.shape[1] * images // MOST_SAMPLES) or 1].astype(np.float64)
