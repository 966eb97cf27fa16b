"""Each method as probabilities of change for the pairs held out; those that learn go on where they were stopped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from change import rivals
from change.sets import ChangeData
from idgbr import IDGBRPipeline
from idgbr.change import PRESETS, ChangePipeline, SiameseUNet
from idgbr.training import ChangeTraining, short_schedule, train_change, train_prior
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
    start = None
    if prior:
        start = job.folder / "spn"
        if not (start / "config.json").is_file():
            config = job.training(max(1, job.steps // 2), **args)
            for _ in train_prior(
                job.data.prior, start, config, job.folder / "spn.safetensors", save_every=50, deadline=job.deadline
            ):
                pass
    return _learned(job, job.training(job.steps, **args), start)


def siamese_unet(job: Job) -> dict[str, np.ndarray]:
    return _learned(job, job.training(job.steps, network=SiameseUNet, sizes={"shrink": job.shrink}), None)


def _learned(job: Job, config: ChangeTraining, prior: Path | None) -> dict[str, np.ndarray]:
    state, folder = job.folder / "scn.safetensors", job.folder / "scn"
    for _ in train_change(job.pairs, folder, config, prior, state, save_every=50, deadline=job.deadline):
        pass
    model = ChangePipeline.from_pretrained(folder)
    tiled = ChangePipeline(replace(model.settings, window=TILE, overlap=0), model.network).to(config.device)
    return {name: tiled(*pair[:2]).probability_HW for name, pair in job.data.test.items()}


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
