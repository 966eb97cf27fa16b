"""Trains the boundary refiner of a pipeline whose coarse network is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from idgbr.bridge import bridge
from idgbr.coarse import CoarseUNet
from idgbr.coarse.unet import upsample
from idgbr.errors import InputError
from idgbr.labels import encode, expected_code, probabilities
from idgbr.morphology import square_maximum, square_minimum
from idgbr.pipeline import IDGBRPipeline
from idgbr.refiner import Refiner
from idgbr.settings import UNLABELLED
from idgbr.training.coarse import cross_entropy
from idgbr.training.corruption import corrupt
from idgbr.training.data import Augmentation, Pair, check_pairs, crops
from idgbr.training.loop import Optimisation, Progress, optimise, seeded


@dataclass(frozen=True, kw_only=True)
class RefinerTraining:
    """crop: px, a multiple of 16; batch: crops a step; sigma: noise of the bridge at t = 1.

    edge_weight: loss weight of pixels within edge_radius px of a true boundary; 1 elsewhere. corruption: probability of
    each fault of `corruption.corrupt`. aligned: share of steps whose noisy input is made from the network's own first
    answer instead of the truth, so later sampling steps meet what they were trained on (as in DDP, arXiv 2303.17559).
    """

    crop: int = 160
    batch: int = 8
    seed: int = 0
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    sigma: float = 0.5
    edge_weight: float = 4.0
    edge_radius: int = 4
    corruption: float = 0.15
    aligned: float = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    device: str = "cpu"


def train_refiner(
    pairs: Sequence[Pair],
    folder: str | Path,
    config: RefinerTraining,
    networks: Sequence[CoarseUNet] = (),
) -> Iterator[Progress]:
    """Trains a Refiner for the pipeline in `folder` and, when exhausted, saves it there.

    A coarse network is too good on areas it was trained on, so give pairs it has not seen, or in `networks` one coarse
    network per pair that has not seen that pair (cross-fitting).
    """
    pipeline = IDGBRPipeline.from_pretrained(folder).to(config.device)
    settings = pipeline.settings
    check_pairs(pairs, len(settings.bands), settings.codes)
    if networks and len(networks) != len(pairs):
        raise InputError(f"{len(pairs)} pairs need as many coarse networks, not {len(networks)}")
    refiner = seeded(
        config.seed,
        lambda: Refiner(len(settings.bands), len(settings.classes), config.widths, sigma=config.sigma),
    )
    refiner.place(config.device)
    masks = _masks(pairs, networks or [pipeline.coarse] * len(pairs), pipeline, config)
    random = torch.Generator().manual_seed(config.seed)

    def loss() -> Tensor:
        image_BCHW, coarse_BKHW, index_BHW = next(masks)
        target_BHW = torch.from_numpy(index_BHW).to(pipeline.device, torch.long)
        weight_BHW = torch.from_numpy(edge_weights(index_BHW, config)).to(pipeline.device)
        condition = refiner.condition(image_BCHW, coarse_BKHW)
        coarse_BDHW = expected_code(coarse_BKHW, refiner.code_KD)
        noise_BDHW = torch.randn(coarse_BDHW.shape, generator=random).to(pipeline.device)
        one_B = torch.ones(len(index_BHW), device=pipeline.device)
        if torch.rand((), generator=random).item() < config.aligned:
            with torch.no_grad():
                start_BDHW = bridge(one_B, coarse_BDHW, coarse_BDHW, noise_BDHW, config.sigma)
                clean_BDHW = expected_code(probabilities(refiner(start_BDHW, one_B, condition)), refiner.code_KD)
        else:
            known_BHW = (target_BHW != UNLABELLED)[:, None]
            clean_BDHW = encode(target_BHW.where(known_BHW[:, 0], 0), refiner.code_KD).where(known_BHW, coarse_BDHW)
        time_B = 1 - torch.rand(len(index_BHW), generator=random).pow(3).to(pipeline.device)
        noisy_BDHW = bridge(time_B, clean_BDHW, coarse_BDHW, noise_BDHW, config.sigma)
        return cross_entropy(refiner(noisy_BDHW, time_B, condition), target_BHW, weight_BHW)

    yield from optimise(refiner, loss, config.optimisation)
    IDGBRPipeline(settings, pipeline.coarse, refiner).save_pretrained(folder)


def edge_weights(index_BHW: np.ndarray, config: RefinerTraining) -> np.ndarray:
    """BHW float32 loss weights: `edge_weight` near the boundary of two classes, 1 elsewhere."""
    low = square_minimum(index_BHW, config.edge_radius)
    high = square_maximum(np.where(index_BHW == UNLABELLED, 0, index_BHW), config.edge_radius)
    return np.where(low < high, np.float32(config.edge_weight), np.float32(1))


def _masks(
    pairs: Sequence[Pair], networks: Sequence[CoarseUNet], pipeline: IDGBRPipeline, config: RefinerTraining
) -> Iterator[tuple[Tensor, Tensor, np.ndarray]]:
    """Endless batches: normalised image_BCHW, corrupted coarse probabilities_BKHW, index_BHW; one network a batch."""
    random = np.random.Generator(np.random.Philox(config.seed))
    faults = torch.Generator().manual_seed(config.seed + 1)
    streams = []
    for network in dict.fromkeys(networks):
        own = [pair for pair, other in zip(pairs, networks, strict=True) if other is network]
        area = sum(label_HW.size for _, label_HW in own)
        batches = crops(own, pipeline.settings.codes, config.crop, config.batch, random, config.augmentation)
        streams.append((network.eval().place(config.device), batches, area))
    area_S = np.array([area for _, _, area in streams], np.float64)
    while True:
        network, batches, _ = streams[random.choice(len(streams), p=area_S / area_S.sum())]
        image_BCHW, index_BHW = next(batches)
        normalised_BCHW = pipeline.normalise(image_BCHW)
        with torch.no_grad():
            strided_BKHW = corrupt(network.strided_logits(normalised_BCHW), config.corruption, faults)
        yield normalised_BCHW, probabilities(upsample(strided_BKHW)), index_BHW
