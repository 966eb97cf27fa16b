"""Trains a coarse network from arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from idgbr.coarse import CoarseUNet
from idgbr.labels import ClassRow
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import UNLABELLED, Settings
from idgbr.training.data import Augmentation, Pair, band_statistics, check_pairs, crops
from idgbr.training.loop import Optimisation, Progress, optimise, seeded


@dataclass(frozen=True, kw_only=True)
class CoarseTraining:
    """classes, bands: the model's class table and band names; crop: px, a multiple of 16; batch: crops a step."""

    classes: tuple[ClassRow, ...]
    bands: tuple[str, ...]
    crop: int = 192
    batch: int = 8
    seed: int = 0
    widths: tuple[int, int, int, int] = (24, 64, 96, 128)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    device: str = "cpu"


def train_coarse(pairs: Sequence[Pair], folder: str | Path, config: CoarseTraining) -> Iterator[Progress]:
    """Trains a CoarseUNet with cross-entropy and, when exhausted, saves a pipeline without refiner in `folder`."""
    codes = tuple(row["code"] for row in config.classes)
    check_pairs(pairs, len(config.bands), codes)
    mean, std = band_statistics(pairs)
    settings = Settings(classes=config.classes, bands=config.bands, mean=mean, std=std)
    network = seeded(config.seed, lambda: CoarseUNet(len(config.bands), len(config.classes), config.widths))
    pipeline = IDGBRPipeline(settings, network).to(config.device)
    batches = crops(
        pairs,
        codes,
        config.crop,
        config.batch,
        np.random.Generator(np.random.Philox(config.seed)),
        config.augmentation,
    )

    def loss() -> Tensor:
        image_BCHW, index_BHW = next(batches)
        target_BHW = torch.from_numpy(index_BHW).to(pipeline.device, torch.long)
        return cross_entropy(network(pipeline.normalise(image_BCHW)), target_BHW)

    yield from optimise(network.requires_grad_(True), loss, config.optimisation)
    pipeline.save_pretrained(folder)


def cross_entropy(logits_BKHW: Tensor, target_BHW: Tensor, weight_BHW: Tensor | float = 1.0) -> Tensor:
    """Weighted mean cross-entropy over the labelled pixels; 0 if there is none."""
    loss_BHW = F.cross_entropy(logits_BKHW, target_BHW, ignore_index=UNLABELLED, reduction="none")
    weight_BHW = weight_BHW * (target_BHW != UNLABELLED)
    return (loss_BHW * weight_BHW).sum() / weight_BHW.sum().clamp_min(1)
