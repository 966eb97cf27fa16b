"""Each method as probabilities of change for the pairs held out; those that learn go on where they were stopped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from change import rivals
from change.sets import ChangeData
from idgbr import IDGBRPipeline
from idgbr.change import PRESETS, ChangePipeline
from idgbr.change.losses import change_loss
from idgbr.classes import UNLABELLED
from idgbr.training import ChangeTraining, short_schedule, train_change, train_prior
from idgbr.training.crops import Augmentation, Crops, band_statistics
from idgbr.training.loop import optimise
from pipeline.training.change_set import ChangePair

TILE = 256
MAPS = Path(__file__).parents[3] / "idgbr/weights/simulated-s2"


@dataclass(frozen=True)
class Job:
    """share: of the training pairs, at least one. steps: of the stage scn and of the U-Net; of the stage spn, half.
    shrink, drop: of the change networks, see `ChangeNetwork`."""

    data: ChangeData
    seed: int
    share: float
    steps: int
    crop: int
    batch: int
    shrink: int
    drop: float
    folder: Path
    deadline: float

    @property
    def pairs(self) -> list[ChangePair]:
        pairs = list(self.data.train.values())
        order = np.random.default_rng([self.seed, 7]).permutation(len(pairs))
        return [pairs[number] for number in order[: max(1, round(self.share * len(pairs)))]]

    def training(self, steps: int, **changes: Any) -> ChangeTraining:
        return ChangeTraining(
            bands=self.data.bands,
            crop=self.crop,
            batch=self.batch,
            seed=self.seed,
            blank=self.data.blank,
            optimisation=short_schedule(steps, 3e-3),
            device="cuda" if torch.cuda.is_available() else "cpu",
            **changes,
        )


Method = Callable[[Job], dict[str, np.ndarray]]


def cva_otsu(job: Job) -> dict[str, np.ndarray]:
    return {name: rivals.change_vectors(pair, job.data.blank) for name, pair in job.data.test.items()}


def classes(job: Job) -> dict[str, np.ndarray]:
    """Post-classification comparison, by the shipped map model: of simulated scenes only."""
    model = IDGBRPipeline.from_pretrained(MAPS)
    return {name: rivals.compare_maps(model, pair) for name, pair in job.data.test.items()}


def scn(job: Job, prior: bool, sides: bool = True, **sizes: bool) -> dict[str, np.ndarray]:
    args: dict[str, Any] = {
        "sizes": {**PRESETS["small"], "shrink": job.shrink, "drop": job.drop, **sizes},
        "sides": sides,
    }
    start, state = None, job.folder / "scn.safetensors"
    if prior:
        start = job.folder / "spn"
        if not (start / "config.json").is_file():
            config = job.training(max(1, job.steps // 2), **args)
            for _ in train_prior(
                job.data.prior, start, config, job.folder / "spn.safetensors", save_every=50, deadline=job.deadline
            ):
                pass
    config = job.training(job.steps, **args)
    for _ in train_change(job.pairs, job.folder / "scn", config, start, state, save_every=50, deadline=job.deadline):
        pass
    model = ChangePipeline.from_pretrained(job.folder / "scn").to(config.device)
    tiled = ChangePipeline(replace(model.settings, window=TILE, overlap=0), model.network).to(config.device)
    return {name: tiled(*pair[:2]).probability_HW for name, pair in job.data.test.items()}


def siamese_unet(job: Job) -> dict[str, np.ndarray]:
    """Trained on the same crops with the same loss and schedule."""
    config = job.training(job.steps)
    stacked = [_stacked(pair, job.data.blank) for pair in job.pairs]
    mean, std = (torch.tensor(values)[:, None, None] for values in band_statistics(stacked, job.data.blank))
    torch.manual_seed(job.seed)
    network = rivals.SiameseUNet(len(job.data.bands)).to(config.device)
    crops = Crops(stacked, (0, 1), job.crop, job.batch, job.seed, Augmentation(zoom=0.1), UNLABELLED, job.data.blank)

    def logit(raw_BCHW: np.ndarray) -> Tensor:
        x_BCHW = torch.nan_to_num((torch.from_numpy(raw_BCHW) - mean) / std).float().to(config.device)
        return network(*x_BCHW.split(len(job.data.bands), 1))

    def loss(step: int) -> Tensor:
        raw_BCHW, index_BHW = crops(step)
        return change_loss(logit(raw_BCHW), torch.from_numpy(index_BHW).to(config.device, torch.long))

    for _ in optimise(
        network, loss, config.optimisation, job.folder / "unet.safetensors", save_every=50, deadline=job.deadline
    ):
        pass
    network.eval()
    with torch.inference_mode():
        return {name: _by_tiles(logit, _stacked(pair, job.data.blank)) for name, pair in job.data.test.items()}


def _stacked(pair: ChangePair, blank: float | None) -> tuple[np.ndarray, np.ndarray]:
    before_CHW, after_CHW, label_HW = pair
    if blank is None:
        return np.concatenate([before_CHW, after_CHW]), label_HW
    empty_HW = (before_CHW == blank).all(axis=0) | (after_CHW == blank).all(axis=0)
    both_CHW = np.where(empty_HW, np.array(blank, before_CHW.dtype), np.concatenate([before_CHW, after_CHW]))
    return both_CHW, np.where(empty_HW, np.uint8(UNLABELLED), label_HW)


def _by_tiles(logit: Callable[[np.ndarray], Tensor], pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    both_CHW, label_HW = pair
    height, width = label_HW.shape
    padded_CHW = np.pad(both_CHW.astype(np.float32), ((0, 0), (0, -height % TILE), (0, -width % TILE)), mode="edge")
    found_HW = np.empty(padded_CHW.shape[1:], np.float32)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            part = slice(top, top + TILE), slice(left, left + TILE)
            found_HW[part] = torch.sigmoid(logit(padded_CHW[None, :, *part]))[0, 0].cpu().numpy()
    return np.where(label_HW == UNLABELLED, np.float32(np.nan), found_HW[:height, :width])


METHODS: dict[str, Method] = {
    "cva-otsu": cva_otsu,
    "classes": classes,
    "scn-from-spn": partial(scn, prior=True),
    "scn-from-scratch": partial(scn, prior=False),
    "scn-difference": partial(scn, prior=True, learned_fusion=False),
    "scn-own-attention": partial(scn, prior=True, shared_attention=False),
    "scn-no-sides": partial(scn, prior=True, sides=False),
    "siamese-unet": siamese_unet,
}
FIXED = ("cva-otsu", "classes")
"""Methods that learn nothing: one seed, one share, no steps."""
