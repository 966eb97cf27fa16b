"""Trains the scout of a change model, and chooses from which logit it calls for the network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from idgbr.change import ChangePipeline
from idgbr.change.scout import Scout
from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.training.change import CODES, ChangePair, ChangeTraining, stacked
from idgbr.training.crops import Crops
from idgbr.training.loop import Optimisation, Progress, optimise, with_seed

WEIGHT = 8.0
"""Of a changed cell beside an unchanged one: a missed change is worse than a window looked at in vain."""
EIGHT = np.ones((3, 3), bool)


def train_scout(
    pairs: Sequence[ChangePair], folder: str | Path, config: ChangeTraining, steps: int, recall: float, pixels: int
) -> Iterator[Progress]:
    """Trains a scout for the `ChangePipeline` saved in `folder` and, when exhausted, saves it there too.

    recall: share of the changed area of the pairs, in pieces of `pixels` or more, of which the scout must see a cell.
    InputError if no cell of the pairs has changed.
    """
    model = ChangePipeline.from_pretrained(folder)
    images = [stacked(pair, number, config) for number, pair in enumerate(pairs)]
    count = len(config.bands)
    scout = with_seed(config.seed, lambda: Scout(count))
    if not any(_changed_cells(label_HW, scout.cell).any() for _, label_HW in images):
        raise InputError(
            f"no change in the pairs covers half of {scout.cell} x {scout.cell} px, so no scout can be trained; give "
            "pairs with changes, or leave the scout out"
        )
    augmentation = replace(config.augmentation, zoom=0.0, gain=0.0, band_gain=0.0)
    crops = Crops(images, CODES, config.crop, config.batch, config.seed, augmentation, UNLABELLED, config.blank)

    def loss(step: int) -> Tensor:
        raw_BCHW, index_BHW = crops(step)
        logit_BHW = scout(*model.normalise(*torch.from_numpy(raw_BCHW).split(count, 1)))[:, 0]
        return _loss(logit_BHW, torch.from_numpy(index_BHW), scout.cell)

    how = Optimisation(steps=steps, rate=1e-2, warmup=steps // 10, weight_decay=1e-4, ema=max(0.0, 1 - 20 / steps))
    yield from optimise(scout, loss, how)
    scout.eval().requires_grad_(False)
    level = choose_level(
        [_seen(model, scout, pair, label_HW) for pair, (_, label_HW) in zip(pairs, images, strict=True)],
        recall,
        max(1, round(pixels / scout.cell**2)),
    )
    chosen = Scout(count, level=level)
    chosen.load_state_dict(scout.state_dict())
    ChangePipeline(model.settings, model.network, chosen).save_pretrained(folder)


def choose_level(
    scenes: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]], recall: float, cells: int = 1
) -> float:
    """The highest logit that a cell of changed pieces reaches which hold `recall` of the changed area.

    scenes: of each the logits HW of cells, and whether they changed. cells: of the smallest piece that counts, if there
    are any as large. Rounded down to a hundredth.
    """
    highest, sizes = [], []
    for logit_HW, changed_HW in scenes:
        piece_HW, pieces = ndimage.label(changed_HW, EIGHT)
        numbers = range(1, pieces + 1)
        highest += [float(value) for value in ndimage.maximum(logit_HW, piece_HW, numbers)]
        sizes += np.bincount(piece_HW.ravel(), minlength=pieces + 1)[1:].tolist()
    size_N = np.array(sizes)
    counted_N = size_N * (size_N >= min(cells, size_N.max()))
    order = np.argsort(highest)[::-1]
    share_N = np.cumsum(counted_N[order]) / counted_N.sum()
    at = min(int(np.searchsorted(share_N, recall)), len(order) - 1)
    return math.floor(highest[order[at]] * 100) / 100


def _loss(logit_BHW: Tensor, index_BHW: Tensor, cell: int) -> Tensor:
    """Cross-entropy of the cells that changed for the half or more, or not at all; the others do not count."""
    share_BHW = F.avg_pool2d((index_BHW == 1).float()[:, None], cell)[:, 0]
    unknown_BHW = F.max_pool2d((index_BHW == UNLABELLED).float()[:, None], cell)[:, 0] > 0
    changed_BHW = share_BHW >= 0.5
    weight_BHW = torch.where(changed_BHW, WEIGHT, 1.0) * ((changed_BHW | (share_BHW == 0)) & ~unknown_BHW)
    loss_BHW = F.binary_cross_entropy_with_logits(logit_BHW, changed_BHW.float(), reduction="none")
    return (loss_BHW * weight_BHW).sum() / weight_BHW.sum().clamp_min(1)


@torch.inference_mode()
def _seen(
    model: ChangePipeline, scout: Scout, pair: ChangePair, label_HW: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Logits of the cells of a pair, and which have changed."""
    height, width = (side // scout.cell * scout.cell for side in label_HW.shape)
    dates = (torch.from_numpy(date_CHW[None, :, :height, :width].astype(np.float32)) for date_CHW in pair[:2])
    return scout(*model.normalise(*dates))[0, 0].numpy(), _changed_cells(label_HW, scout.cell)


def _changed_cells(label_HW: NDArray[np.uint8], cell: int) -> NDArray[np.bool_]:
    """The whole cells that changed for the half or more."""
    changed_11HW = torch.from_numpy((label_HW == 1).astype(np.float32))[None, None]
    return (F.avg_pool2d(changed_11HW, cell)[0, 0] >= 0.5).numpy()
