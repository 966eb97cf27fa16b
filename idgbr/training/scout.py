"""Trains the scout of a change model on the answers of its network, and chooses from which logit it calls for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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
"""Of a cell that has changed beside one that has not: a missed change is worse than a window looked at in vain."""
EIGHT = np.ones((3, 3), bool)


def train_scout(
    pairs: Sequence[ChangePair],
    folder: str | Path,
    config: ChangeTraining,
    steps: int,
    recall: float,
    pixels: int,
    on_answer: Callable[[int], None] = lambda done: None,
) -> Iterator[Progress]:
    """Trains a scout for the `ChangePipeline` saved in `folder` and, when exhausted, saves it there too.

    It learns the probability that the network gives a cell, for it is to find what the network would find, not more.
    recall: share of the changed area that the network finds in the pairs, in pieces of `pixels` or more, of which the
    scout must see a cell. on_answer: called after each pair that the network was asked about, before all steps, with
    their number. InputError if the network finds no cell that has changed.
    """
    model = ChangePipeline.from_pretrained(folder)
    network = ChangePipeline(model.settings, model.network).to(config.device)
    images = [stacked(pair, number, config) for number, pair in enumerate(pairs)]
    count = len(config.bands)
    scout = with_seed(config.seed, lambda: Scout(count))
    answers = []
    for done, (both_CHW, _) in enumerate(images, 1):
        answers.append(network(both_CHW[:count], both_CHW[count:]).probability_HW)
        on_answer(done)
    threshold = model.settings.threshold
    found = [
        _cells((label_HW == 1) & (answer_HW > threshold), scout.cell)
        for (_, label_HW), answer_HW in zip(images, answers, strict=True)
    ]
    if not any(cells_HW.any() for cells_HW in found):
        raise InputError(
            f"the network finds no change in the pairs that covers half of {scout.cell} x {scout.cell} px, so no scout "
            "can be trained; give pairs with changes, train the network for more steps, or leave the scout out"
        )
    augmentation = replace(config.augmentation, zoom=0.0, gain=0.0, band_gain=0.0)
    known = [np.nan_to_num(answer_HW)[None] for answer_HW in answers]
    shape = config.crop, config.batch, config.seed
    crops = Crops(images, CODES, *shape, augmentation, UNLABELLED, config.blank, known)

    def loss(step: int) -> Tensor:
        raw_BCHW, index_BHW, probability_B1HW = (torch.from_numpy(each) for each in crops(step))
        logit_BHW = scout(*model.normalise(*raw_BCHW.split(count, 1)))[:, 0]
        return _loss(logit_BHW, probability_B1HW, index_BHW == UNLABELLED, scout.cell, threshold)

    how = Optimisation(steps=steps, rate=3e-3, warmup=steps // 10, weight_decay=1e-4, ema=max(0.0, 1 - 20 / steps))
    yield from optimise(scout, loss, how)
    scout.eval().requires_grad_(False)
    scenes = [(_logits(model, scout, *pair[:2]), cells_HW) for pair, cells_HW in zip(pairs, found, strict=True)]
    level = choose_level(scenes, recall, max(1, round(pixels / scout.cell**2)))
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


def _loss(logit_BHW: Tensor, probability_B1HW: Tensor, unknown_BHW: Tensor, cell: int, threshold: float) -> Tensor:
    """Cross-entropy with the mean probability of a cell, of the cells of which all is known."""
    probability_BHW = F.avg_pool2d(probability_B1HW, cell)[:, 0]
    known_BHW = F.max_pool2d(unknown_BHW.float()[:, None], cell)[:, 0] == 0
    weight_BHW = torch.where(probability_BHW > threshold, WEIGHT, 1.0) * known_BHW
    loss_BHW = F.binary_cross_entropy_with_logits(logit_BHW, probability_BHW, reduction="none")
    return (loss_BHW * weight_BHW).sum() / weight_BHW.sum().clamp_min(1)


@torch.inference_mode()
def _logits(
    model: ChangePipeline, scout: Scout, before_CHW: NDArray[Any], after_CHW: NDArray[Any]
) -> NDArray[np.float32]:
    """Of the whole cells of a pair, HW."""
    height, width = (side // scout.cell * scout.cell for side in before_CHW.shape[1:])
    dates = (
        torch.from_numpy(date_CHW[None, :, :height, :width].astype(np.float32)) for date_CHW in (before_CHW, after_CHW)
    )
    logit_HW: NDArray[np.float32] = scout(*model.normalise(*dates))[0, 0].numpy()
    return logit_HW


def _cells(found_HW: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
    """The whole cells of which the half or more is meant."""
    return (F.avg_pool2d(torch.from_numpy(found_HW.astype(np.float32))[None, None], cell)[0, 0] >= 0.5).numpy()
