"""Trains coarse networks from arrays: one for use, or several that each leave some places out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.checkpoint import digest, load_network
from idgbr.coarse import KINDS, CoarseNetwork, DiffHRNet, DiffusionUNet, NetworkCode, load_backbone
from idgbr.errors import InputError
from idgbr.labels import ClassRow
from idgbr.pipeline import IDGBRPipeline
from idgbr.settings import Settings
from idgbr.training import ranks
from idgbr.training.crops import Augmentation, Crops, Pair, band_statistics, check_pairs, prefetch
from idgbr.training.loop import Optimisation, Progress, optimise, with_seed
from idgbr.training.losses import cross_entropy
from idgbr.training.share import label_share
from idgbr.training.sizes import fitting


@dataclass(frozen=True, kw_only=True)
class CoarseTraining:
    """classes, bands: the model's class table and band names; crop: px, as the network's strides ask; batch: crops a
    step. network: a class of `idgbr.coarse`, sizes: its config besides bands and classes; backbone: local weights of
    its encoder. ddpm: of a DiffHRNet, the folder of a `DiffusionUNet` or of a DiffHRNet that has one. share: of the
    labels, see `idgbr.training.share`.
    code: of a network of one's own, in place of `network` and `sizes`. no_label, blank, grey: see `idgbr.settings`."""

    classes: tuple[ClassRow, ...]
    bands: tuple[str, ...]
    crop: int = 192
    batch: int = 8
    seed: int = 0
    network: str = "CoarseUNet"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    backbone: Path | None = None
    ddpm: Path | None = None
    share: float = 1.0
    code: NetworkCode | None = None
    no_label: int = 0
    blank: float | None = 0.0
    grey: int | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    device: str = "cpu"


def train_coarse(
    pairs: Sequence[Pair],
    folder: str | Path,
    config: CoarseTraining,
    state: Path | None = None,
    *,
    save_every: int = 200,
    deadline: float | None = None,
) -> Iterator[Progress]:
    """Trains a coarse network with cross-entropy and, when exhausted, saves a pipeline without refiner in `folder`.

    state, save_every, deadline: see `loop.optimise`; a state is continued with the same pairs and config only.
    """
    codes = tuple(row["code"] for row in config.classes)
    check_pairs(pairs, len(config.bands), codes, config.no_label)
    pairs = label_share(pairs, config.share, config.crop, config.seed, config.no_label)
    mean, std = band_statistics(pairs, config.blank)
    settings = Settings(
        classes=config.classes,
        bands=config.bands,
        mean=mean,
        std=std,
        no_label=config.no_label,
        blank=config.blank,
        grey=config.grey,
    )
    prior = None if config.ddpm is None else load_prior(config.ddpm, config.bands)
    network = with_seed(config.seed, lambda: _build(config, prior))
    if prior is not None and isinstance(network, DiffHRNet):
        network.load_prior(prior, mean, std)
    if config.backbone is not None:
        load_backbone(network, config.backbone)
    pipeline = IDGBRPipeline(settings, network).to(config.device)
    crops = Crops(
        pairs,
        codes,
        config.crop,
        config.batch,
        config.seed,
        config.augmentation,
        no_label=config.no_label,
        blank=config.blank,
    )
    with prefetch(crops, config.optimisation.steps) as batches:

        def loss(step: int) -> Tensor:
            image_BCHW, index_BHW = batches(step)
            target_BHW = torch.from_numpy(index_BHW).to(pipeline.device, torch.long)
            return cross_entropy(network(pipeline.normalise(image_BCHW)).float(), target_BHW)

        yield from optimise(
            network.requires_grad_(True),
            loss,
            config.optimisation,
            state,
            about=training_digest(pairs, config) + ("" if prior is None else digest({}, [prior])) + network.code,
            save_every=save_every,
            deadline=deadline,
        )
    if ranks.rank() == 0:
        pipeline.save_pretrained(folder)
    ranks.wait()


def out_of_fold(
    pairs: Sequence[Pair],
    groups: Sequence[Hashable],
    config: CoarseTraining,
    folder: str | Path,
    folds: int = 2,
    listen: Callable[[int, Progress], None] = lambda fold, progress: None,
    *,
    save_every: int = 200,
    deadline: float | None = None,
) -> list[NDArray[np.float16]]:
    """Coarse class probabilities KHW of each pair from a network that has not seen its group (place).

    The groups are dealt out to `folds` parts of about equal area; each part is mapped by a network trained on all
    others, saved as `folder`/fold-0 and so on, with its state beside it, so that a call after an interruption (or
    OutOfTime) goes on. listen: called with the fold and its progress.
    """
    if len(groups) != len(pairs):
        raise InputError(f"{len(pairs)} pairs need as many groups, not {len(groups)}")
    fold_of = deal(groups, [label_HW.size for _, label_HW in pairs], folds)
    probabilities: dict[int, NDArray[np.float16]] = {}
    for fold in range(folds):
        fold_folder = Path(folder) / f"fold-{fold}"
        others = [pair for pair, group in zip(pairs, groups, strict=True) if fold_of[group] != fold]
        state = fold_folder.with_suffix(".safetensors")
        for progress in train_coarse(others, fold_folder, config, state, save_every=save_every, deadline=deadline):
            listen(fold, progress)
        model = IDGBRPipeline.from_pretrained(fold_folder, code=config.code).to(config.device)
        for number, ((image_CHW, _), group) in enumerate(zip(pairs, groups, strict=True)):
            if fold_of[group] == fold:
                probabilities[number] = model.coarse_probabilities(image_CHW[None])[0].astype(np.float16)
    return [probabilities[number] for number in range(len(pairs))]


def deal(groups: Sequence[Hashable], sizes: Sequence[int], folds: int) -> dict[Hashable, int]:
    """The fold of each group: the largest group first, each to the fold that is smallest so far. InputError."""
    total: dict[Hashable, int] = {}
    for group, size in zip(groups, sizes, strict=True):
        total[group] = total.get(group, 0) + size
    if not 2 <= folds <= len(total):
        raise InputError(f"folds must be in 2..{len(total)}, the number of groups, not {folds}")
    filled = [0] * folds
    fold_of = {}
    for group in sorted(total, key=lambda each: -total[each]):
        fold_of[group] = filled.index(min(filled))
        filled[fold_of[group]] += total[group]
    return fold_of


def training_digest(pairs: Sequence[Pair], config: Any) -> str:
    """sha256 (hex) of the data and of all settings, a dataclass, but its `optimisation` and `device`, what the pairs
    or the networks show, and the `window` that the model answers in, which no weight depends on."""
    left_out = ("optimisation", "device", "ddpm", "share", "code", "window")
    settings = {name: value for name, value in asdict(config).items() if name not in left_out}
    total = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for pair in pairs:
        for array in pair:
            total.update(f"{array.dtype} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def load_prior(folder: Path, bands: Sequence[str]) -> DiffusionUNet:
    """The diffusion U-Net in a folder: its own, or that of a DiffHRNet. InputError if it has other bands."""
    loaded = load_network({kind.__name__: kind for kind in (DiffusionUNet, DiffHRNet)}, folder)
    prior = loaded.diffusion if isinstance(loaded, DiffHRNet) else loaded
    if list(prior.config["bands"]) != list(bands):
        raise InputError(
            f"the diffusion U-Net in {folder} has the bands {', '.join(prior.config['bands'])}, but the images "
            f"{', '.join(bands)}; train one on images of the same bands, in the same order"
        )
    return prior


def kind_of(name: str) -> type[CoarseNetwork]:
    """A class of `idgbr.coarse` by its name, in small letters and with hyphens too. InputError."""
    kinds = {kind.lower(): KINDS[kind] for kind in KINDS}
    found = kinds.get(name.replace("-", "").lower())
    if found is None:
        raise InputError(f"network must be one of {', '.join(KINDS)}, not {name!r}")
    return found


def _build(config: CoarseTraining, prior: DiffusionUNet | None) -> CoarseNetwork:
    if config.code is not None:
        return config.code.network(len(config.bands), len(config.classes))
    kind: Callable[..., CoarseNetwork] = kind_of(config.network)
    sizes = dict(config.sizes)
    if (kind is DiffHRNet) != (prior is not None):
        raise InputError(
            "a DiffHRNet needs 'ddpm', the folder of a diffusion U-Net (idgbr train ddpm)"
            if prior is None
            else f"'ddpm' is of a DiffHRNet, not of a {config.network}; leave it out"
        )
    if prior is not None:
        sizes |= {"names": list(prior.config["bands"])}
        sizes |= {key: prior.config[key] for key in ("inner", "multipliers", "schedule")}
    with fitting(config.network, config.sizes):
        return kind(len(config.bands), len(config.classes), **sizes)
