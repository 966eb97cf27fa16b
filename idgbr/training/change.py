"""Trains change networks, and the Semantic Prior Network that the Semantic Change Network may start from (arXiv
2503.20734)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.change import PRESETS, ChangeNetwork, ChangePipeline, ChangeSettings, SiameseUNet
from idgbr.change.losses import change_loss
from idgbr.change.normalise import standardise
from idgbr.change.pipeline import AnyChangeNetwork
from idgbr.checkpoint import digest, load_network
from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.no_data import missing, missing_of_array
from idgbr.training import ranks
from idgbr.training.coarse import training_digest
from idgbr.training.crops import Augmentation, Crops, Pair, band_statistics, check_pairs, prefetch
from idgbr.training.loop import Optimisation, Progress, optimise, with_seed
from idgbr.training.sizes import fitting

ChangePair = tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]
"""before_CHW and after_CHW in raw numbers and label_HW: 1 changed, 0 not, UNLABELLED (255) not known."""

CODES = (0, 1)
PUBLISHED_EMA = 0.9998


def short_schedule(steps: int, rate: float = 5e-4, **changes: Any) -> Optimisation:
    """The published optimisation for fewer steps: a warm-up of a twentieth of them, and an average over a fiftieth as
    long as that takes less than the published decay."""
    values: dict[str, Any] = {
        "steps": steps,
        "rate": rate,
        "warmup": steps // 20,
        "weight_decay": 2e-4,
        "ema": min(PUBLISHED_EMA, max(0.0, 1 - 50 / steps)),
    }
    return Optimisation(**(values | changes))


@dataclass(frozen=True, kw_only=True)
class ChangeTraining:
    """bands: names, of one date; crop: px, a multiple of 16; batch: crops a step. network: `ChangeNetwork` or
    `SiameseUNet`; sizes: its config besides bands and streams. blank: see `idgbr.settings`. swap: share of crops whose
    dates are swapped, each normalised as what it is. sides: whether a `ChangeNetwork` learns by its five heads, too.

    window: px of the model's windows; None: as large as the crops, as a `ChangeNetwork` needs them, for it weighs its
    channels by their means over a window. Published: crop 256, batch 8, half a million steps and more. The crops get
    flips, quarter turns, zoom, and another brightness of each band and date; no other rotations.
    """

    bands: tuple[str, ...]
    crop: int = 256
    window: int | None = None
    batch: int = 8
    seed: int = 0
    network: type[ChangeNetwork] | type[SiameseUNet] = ChangeNetwork
    sizes: Mapping[str, Any] = field(default_factory=lambda: PRESETS["small"])
    blank: float | None = 0.0
    swap: float = 0.5
    sides: bool = True
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(zoom=0.1))
    optimisation: Optimisation = field(default_factory=lambda: short_schedule(2000))
    device: str = "cpu"

    @property
    def multiple(self) -> int:
        """Px; sides of what the network takes are multiples of it. Raises InputError for sizes that there are not."""
        return _build(self).multiple


def train_prior(
    pairs: Sequence[Pair],
    folder: str | Path,
    config: ChangeTraining,
    state: Path | None = None,
    *,
    save_every: int = 200,
    deadline: float | None = None,
) -> Iterator[Progress]:
    """Trains a single-stream network to find the foreground of single images and, when exhausted, saves it in `folder`.

    pairs: image_CHW and label_HW: 1 foreground, 0 not, UNLABELLED not known. state, save_every, deadline: see
    `loop.optimise`; a state is continued with the same pairs and config only.
    """
    check_pairs(pairs, len(config.bands), CODES, UNLABELLED)
    mean, std = band_statistics(pairs, config.blank)
    network = _build_prior(config)

    def images(raw_BCHW: Tensor) -> tuple[Tensor, ...]:
        return (standardise(raw_BCHW, mean, std, missing(raw_BCHW, config.blank)),)

    yield from _train(network, pairs, images, config, "", state, save_every, deadline)
    if ranks.rank() == 0:
        network.save_pretrained(folder)
    ranks.wait()


def train_change(
    pairs: Sequence[ChangePair],
    folder: str | Path,
    config: ChangeTraining,
    prior: str | Path | None = None,
    state: Path | None = None,
    *,
    save_every: int = 200,
    deadline: float | None = None,
) -> Iterator[Progress]:
    """Trains a change network and, when exhausted, saves a `ChangePipeline` in `folder`.

    prior: the folder of a network of `train_prior`, of the same bands and sizes, to start from. A pixel without data in
    one of the dates counts as without data in both, and as unlabelled. state, save_every, deadline: see
    `loop.optimise`; a state is continued with the same pairs, config and prior only.
    """
    both = [stacked(pair, number, config) for number, pair in enumerate(pairs)]
    check_pairs(both, 2 * len(config.bands), CODES, UNLABELLED)
    mean, std = band_statistics(both, config.blank)
    count = len(config.bands)
    settings = ChangeSettings(
        bands=config.bands,
        before_mean=mean[:count],
        before_std=std[:count],
        after_mean=mean[count:],
        after_std=std[count:],
        window=config.window or config.crop,
        overlap=(config.window or config.crop) // 8,
        blank=config.blank,
    )
    network, about = _build(config), ""
    if prior is not None:
        if not isinstance(network, ChangeNetwork):
            raise InputError("a siamese U-Net starts from no prior network; give none, or train a ChangeNetwork")
        start = load_network({"ChangeNetwork": ChangeNetwork}, Path(prior))
        network.load_prior(start)
        about = digest({}, [start])
    pipeline = ChangePipeline(settings, network)

    def images(raw_BCHW: Tensor) -> tuple[Tensor, ...]:
        before_BCHW, after_BCHW = pipeline.normalise(*raw_BCHW.split(count, 1))
        swapped_B111 = (torch.rand(len(raw_BCHW), 1, 1, 1) < config.swap).to(raw_BCHW.device)
        return torch.where(swapped_B111, after_BCHW, before_BCHW), torch.where(swapped_B111, before_BCHW, after_BCHW)

    yield from _train(network, both, images, config, about, state, save_every, deadline)
    if ranks.rank() == 0:
        pipeline.save_pretrained(folder)
    ranks.wait()


def _train(
    network: AnyChangeNetwork,
    pairs: Sequence[Pair],
    images: Any,
    config: ChangeTraining,
    about: str,
    state: Path | None,
    save_every: int,
    deadline: float | None,
) -> Iterator[Progress]:
    """Trains on crops of the pairs; images: makes of raw numbers BCHW what the network's streams take."""
    network.requires_grad_(True).place(config.device)
    crop_args = config.crop, config.batch, config.seed, config.augmentation, UNLABELLED, config.blank
    crops = Crops(pairs, CODES, *crop_args)
    with prefetch(crops, config.optimisation.steps) as batches:

        def loss(step: int) -> Tensor:
            raw_BCHW, index_BHW = batches(step)
            target_BHW = torch.from_numpy(index_BHW).to(config.device, torch.long)
            streams = images(torch.from_numpy(raw_BCHW).to(config.device))
            placed = [stream.contiguous(memory_format=torch.channels_last) for stream in streams]
            logits_BNHW = network.logits(*placed)
            return change_loss(logits_BNHW if config.sides else logits_BNHW[:, :1], target_BHW)

        yield from optimise(
            network,
            loss,
            config.optimisation,
            state,
            about=about + training_digest(pairs, config),
            save_every=save_every,
            deadline=deadline,
            decay_vectors=False,
        )


def stacked(pair: ChangePair, number: int, config: ChangeTraining) -> Pair:
    """Both dates as the bands of one image."""
    before_CHW, after_CHW, label_HW = pair
    for name, image_CHW in (("before", before_CHW), ("after", after_CHW)):
        if image_CHW.ndim != 3 or len(image_CHW) != len(config.bands) or image_CHW.shape[1:] != label_HW.shape:
            raise InputError(
                f"pair {number} has an image {name} of shape {image_CHW.shape} and a label of shape {label_HW.shape}, "
                f"but ({len(config.bands)}, height, width) and (height, width) are needed"
            )
    both_CHW = np.concatenate([before_CHW, after_CHW])
    unknown_HW = missing_of_array(before_CHW, config.blank) | missing_of_array(after_CHW, config.blank)
    if not unknown_HW.any():
        return both_CHW, label_HW
    both_CHW[:, unknown_HW] = np.nan if config.blank is None else config.blank
    return both_CHW, np.where(unknown_HW, np.uint8(UNLABELLED), label_HW)


def _build(config: ChangeTraining) -> AnyChangeNetwork:
    with fitting("change network", config.sizes):
        return with_seed(config.seed, lambda: config.network(len(config.bands), **config.sizes))


def _build_prior(config: ChangeTraining) -> ChangeNetwork:
    with fitting("change network", config.sizes):
        return with_seed(config.seed, lambda: ChangeNetwork(len(config.bands), streams=1, **config.sizes))
